"""What a user asks to read and write; outputs are checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from fourfold.errors import InputError
from fourfold.formats import check_writable
from fourfold.formats.mrd_repeats import Repeats

__all__ = ["FormatOptions", "check_output", "frames_in_words", "select_frames"]


class FormatOptions(TypedDict, total=False):
    """Options that only some formats have."""

    dataset: str
    """Group to read of an MRD file that holds several."""
    encoding: int
    """Encoding space to read of an MRD file that holds several, counted from 0."""
    repeats: Repeats
    """Lines of an MRD file that were acquired more than once: "average" averages them, even where they differ far
    beyond noise, "frames" makes a frame of each repeat."""
    trajectory: Path
    """File with the trajectory of non-Cartesian k-space that has none beside it: npz or npy."""
    matrix: tuple[int, int]
    """Rows and columns of the image that a trajectory encodes, for example --matrix 256 256."""


def check_output(path: Path, suffixes: Sequence[str], source: Path | None = None, force: bool = False) -> None:
    """Raise InputError where `path` cannot be written, is the file being read, or exists without `force`."""
    check_writable(path, suffixes)
    if not path.exists():
        return
    if source is not None and path.samefile(source):
        raise InputError(f"The output '{path}' is the raw file itself: choose another name.")
    if not force:
        raise InputError(f"The output '{path}' exists: choose another name, or add --force to replace it.")


def select_frames(text: str | None, count: int) -> range:
    """Return the frames that `text` names: one index, a range ``start:stop`` without its end, or all for None.

    Raises
    ------
    InputError
        When the text is no such thing or names frames outside ``0 … count - 1``.
    """
    if text is None:
        return range(count)
    start, colon, stop = text.partition(":")
    try:
        first = int(start) if start or not colon else 0
        end = first + 1 if not colon else int(stop) if stop else count
    except ValueError:
        raise InputError(f"The frames '{text}' are neither an index nor a range; write 3 or 2:5.") from None
    if not 0 <= first < end <= count:
        raise InputError(f"The frames '{text}' were asked for; this file has frames 0 to {count - 1}.")
    return range(first, end)


def frames_in_words(frames: range, count: int) -> str:
    """Return frames of a file with `count` of them in words: by their indices, as `select_frames` takes them."""
    if len(frames) > 1:
        return f"frames {frames[0]} to {frames[-1]} ({len(frames)} of {count})"
    return f"frame {frames[0]} ({frames[0] + 1} of {count})"
