"""Input and output files of commands; outputs are checked before any work is done."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

from fourfold.errors import InputError
from fourfold.files.output import files_of
from fourfold.formats import check_writable
from fourfold.formats.lines.repeats import Repeats
from fourfold.formats.registry import image_suffixes

__all__ = [
    "PAGES",
    "FormatOptions",
    "check_folder",
    "check_output",
    "frames_in_words",
    "image_suffixes_in_words",
    "select_frames",
]

PAGES = ("index.html", "scores.csv", "scores.json", "statistics.csv", "pairs.csv")
"""Files that every study writes into its folder, the page first."""

GENERATOR = b'<meta name="generator" content="fourfold '
"""A line in the head of every page that fourfold writes."""
_HEAD = 4096


class FormatOptions(TypedDict, total=False):
    """Options of reading; all but `check_content` and `orientation` are those of some formats alone."""

    check_content: bool
    """Refuse frames that do not look like k-space: images, axes in another order, the centre in another place."""

    orientation: str
    """Sides of the patient to which columns, rows and slices count, where the file does not say it, such as LPS: one
    letter of each of L or R, A or P, S or I."""

    dataset: str
    """Group to read of an MRD file that holds several; array with k-space of a MATLAB or HDF5 file, or two, the real
    and the imaginary part: kspace, or re,im."""
    axes: str
    """Axes of that array in their order, such as coil,ky,kx or slice,coil,ky,kx,complex: real and imaginary part are
    the axis complex, others are labels of frames. Of MATLAB files in MATLAB's order."""
    encoding: int
    """Encoding space to read of an MRD file that holds several, counted from 0."""
    centre: str
    """Centre of k-space of an MRD or twix file whose header is wrong: data, or places such as
    line=32,partition=8,sample=60."""
    embedded: bool
    """Whether lines of an MRD or twix file that are flagged as calibration alone belong to the image too."""
    keep_oversampling: bool
    """Keep the readout oversampling of MRD, twix and Philips files in k-space; images are cut all the same."""
    measurement: int
    """Measurement to read of a Siemens twix file that holds several, counted from 0; the last one unless given."""
    repeats: Repeats
    """Lines of an MRD or twix file that were acquired more than once: "average" averages them, even where they differ
    far beyond noise, "frames" makes a frame of each repeat."""
    frames_are: str
    """Labels of the frames of an npz, cfl or fastMRI file, the slowest first: slice, time, contrast, phase, set,
    repetition, or with sizes, for example slice=8,time."""
    trajectory: Path
    """File with the trajectory of non-Cartesian k-space that has none beside it: npz or npy."""
    matrix: tuple[int, int]
    """Rows and columns of the image that a trajectory encodes, for example --matrix 256 256."""


def image_suffixes_in_words() -> str:
    """Return the suffixes of images that can be written, such as ``.h5, .npz or .png``."""
    *others, last = image_suffixes()
    return f"{', '.join(others)} or {last}"


def check_output(path: Path, suffixes: Sequence[str], inputs: Iterable[Path | None] = (), force: bool = False) -> None:
    """Raise InputError where `path` cannot be written, is one of the `inputs`, or exists without `force`."""
    check_writable(path, suffixes)
    taken = [file for file in files_of(path) if os.path.lexists(file) and not _is_empty_folder(file)]
    for source in inputs:
        read = () if source is None else files_of(source)
        if any(_same_file(file, each) for file in taken for each in read):
            raise InputError(f"The output '{path}' is the input '{source}' itself: choose another name.")
    if taken and not force:
        raise InputError(f"The output '{taken[0]}' exists: choose another name, or add --force to replace it.")


def check_folder(folder: Path, names: Sequence[str]) -> None:
    """Raise InputError where a folder cannot take files of these names: the first one is the page that marks ours.

    A page that fourfold wrote is replaced with its other files. Files of these names without such a page are kept.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The output '{folder}' is a file: name a folder.")
    page = folder / names[0]
    if page.is_file() and GENERATOR in page.read_bytes()[:_HEAD]:
        return
    foreign = [name for name in names if os.path.lexists(folder / name)]
    if foreign:
        raise InputError(
            f"The folder '{folder}' holds '{foreign[0]}', which fourfold has not written: name another folder."
        )


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _same_file(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one file, by links too."""
    return first.exists() and second.exists() and first.samefile(second)


def select_frames(text: str | None, count: int) -> range:
    """Return the frames that `text` names: an index, a range ``start:stop`` or ``start:stop:step``, or all for None.

    As in Python, the end of a range is not part of it.

    Raises
    ------
    InputError
        When the text is no such thing or names frames outside ``0 … count - 1``.
    """
    if text is None:
        return range(count)
    match = re.fullmatch(r"(\d+)|(\d*):(\d*)(?::([1-9]\d*))?", text)
    if match is None:
        raise InputError(f"The frames '{text}' are neither an index nor a range; write 3, 2:5 or 2:20:4.")
    one, start, stop, step = match.groups()
    first = int(one or start or 0)
    end = first + 1 if one else int(stop or count)
    if not first < end <= count:
        raise InputError(f"The frames '{text}' were asked for; this file has frames 0 to {count - 1}.")
    return range(first, end, int(step or 1))


def frames_in_words(frames: range, count: int) -> str:
    """Return frames of a file with `count` of them in words: by their indices, as `select_frames` takes them."""
    if len(frames) > 1:
        return f"frames {frames[0]} to {frames[-1]} ({len(frames)} of {count})"
    return f"frame {frames[0]} ({frames[0] + 1} of {count})"
