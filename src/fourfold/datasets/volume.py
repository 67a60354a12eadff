"""One file of images or raw frames, of which one at a time is read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path

from fourfold.datasets.settings import Source
from fourfold.errors import InputError

__all__ = ["Volume", "index_range", "subject_in"]


class Volume(ABC):
    """A file with slices that belong to subjects. Few and small objects: slices are told by their number.

    Attributes
    ----------
    path
        The file.
    settings
        Of the source that it is from.
    left_out
        What of the file is not used, in a few words; empty where all is.
    """

    path: Path
    settings: Source
    left_out: str = ""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of slices."""

    @abstractmethod
    def subject(self, index: int) -> str:
        """Return whom a slice shows."""

    @abstractmethod
    def size(self, index: int) -> tuple[int, int]:
        """Return the slice's size (ny, nx)."""

    def name(self, index: int) -> str:
        """Return file and slice."""
        return f"{self.path.name}:{index}" if len(self) > 1 else self.path.name


def subject_in(name: str, pattern: str | None, otherwise: str) -> str:
    """Return the subject that `pattern` finds in a `name`, or `otherwise` without a pattern.

    Raises
    ------
    InputError
        When the pattern is no regular expression or finds nothing.
    """
    if pattern is None:
        return otherwise
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise InputError(f"The setting 'subject', {pattern!r}, is no regular expression: {error}.") from None
    if found is None:
        raise InputError(f"The setting 'subject', {pattern!r}, finds nothing in '{name}'; correct the pattern.")
    return found.group(1) if found.re.groups else found.group()


def index_range(count: int, share: tuple[float, float]) -> range:
    """Return which of `count` slices lie in a share (first, last), each from 0 to 1."""
    first, last = share
    if not 0 <= first < last <= 1:
        raise InputError(f"The share of the slices is {share}; give two numbers from 0 to 1 in rising order.")
    return range(round(first * count), max(round(first * count) + 1, round(last * count)))
