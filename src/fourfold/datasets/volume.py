"""Base class of files with slices: images or raw frames, read one at a time."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path

from fourfold.datasets.settings import Source
from fourfold.errors import InputError

__all__ = ["Volume", "index_range", "subject_in"]


class Volume(ABC):
    """A file with slices that belong to subjects. Slices are addressed by index.

    Attributes
    ----------
    path
        The file.
    settings
        Settings of the source.
    left_out
        Description of the slices that are not used; empty if all are.
    """

    path: Path
    settings: Source
    left_out: str = ""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of slices."""

    @abstractmethod
    def subject(self, index: int) -> str:
        """Return the subject of a slice."""

    @abstractmethod
    def size(self, index: int) -> tuple[int, int]:
        """Return the size (ny, nx) of a slice."""

    def name(self, index: int) -> str:
        """Return file and slice."""
        return f"{self.path.name}:{index}" if len(self) > 1 else self.path.name


def subject_in(name: str, pattern: str | None, default: str) -> str:
    """Return the first match, or its first group, of `pattern` in `name`; `default` without a pattern.

    Raises
    ------
    InputError
        When the pattern is not a regular expression or does not match.
    """
    if pattern is None:
        return default
    try:
        match = re.search(pattern, name)
    except re.error as error:
        raise InputError(f"The setting 'subject', {pattern!r}, is not a regular expression: {error}.") from None
    if match is None:
        raise InputError(f"The setting 'subject', {pattern!r}, does not match '{name}'; correct the pattern.")
    return match.group(1) if match.re.groups else match.group()


def index_range(count: int, fractions: tuple[float, float]) -> range:
    """Return the indices, of `count`, between two fractions from 0 to 1."""
    first, last = fractions
    if not 0 <= first < last <= 1:
        raise InputError(f"The range of the slices is {fractions}; give two numbers from 0 to 1 in rising order.")
    return range(round(first * count), max(round(first * count) + 1, round(last * count)))
