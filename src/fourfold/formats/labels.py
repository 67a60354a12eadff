"""Labels of frames in files: arrays such as ``frame_slice``, and the option by which a user says what frames are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, nearest
from fourfold.formats.stacks import FRAME_BYTES
from fourfold.memory import require_memory
from fourfold.scan import LABELS, FrameLabels

__all__ = ["LABEL_ARRAYS", "label_arrays", "labels_of_arrays", "labels_of_axes"]

Array = npt.NDArray[Any]

LABEL_ARRAYS = {f"frame_{name}": name for name in LABELS}
"""Names of the arrays in npz and HDF5 files, and their labels."""


def label_arrays(labels: FrameLabels) -> dict[str, Array]:
    """Return the labels as arrays of whole numbers, (frame,), by the names that they have in files."""
    return {array: np.array(labels.numbers[name]) for array, name in LABEL_ARRAYS.items() if name in labels.numbers}


def labels_of_arrays(names: Iterable[str], read: Callable[[str], Array], frames: int, path: Path) -> FrameLabels:
    """Return the labels of a file's frames.

    Parameters
    ----------
    names
        Names of all arrays in the file.
    read
        Reads an array.
    frames
        Number of frames.
    path
        The file, for messages.

    Raises
    ------
    InputError
        For an array of labels that are not whole numbers from 0 on, one for each frame.
    """
    numbers = {}
    for name in names:
        if name in LABEL_ARRAYS:
            array = read(name)
            if array.shape != (frames,) or array.dtype.kind not in "iu" or array.min() < 0:
                raise InputError(
                    f"{name} in '{path}' is {array.dtype} of shape {array.shape}; it must be {frames} whole numbers "
                    "from 0 on, one for each frame: correct it, or leave it out."
                )
            numbers[LABEL_ARRAYS[name]] = array.tolist()
    return FrameLabels(numbers)


def labels_of_axes(text: str, axes: Sequence[int], path: Path) -> FrameLabels:
    """Return the labels of a file's frames by what the user says that their axes are.

    Parameters
    ----------
    text
        Labels separated by commas, the slowest first as axes in NumPy: ``slice``, or ``slice=8,time`` with the sizes
        where frames have one axis in the file. One size follows from the number of frames.
    axes
        Sizes of the axes that frames have in the file, the slowest first.
    path
        The file, for messages.

    Raises
    ------
    InputError
        For unknown labels, and for sizes that do not fit the file's frames.
    """
    frames = math.prod(axes)
    require_memory(frames * FRAME_BYTES, f"A list of the {frames} frames of '{path}'", "leave out what frames are")
    pairs = [part.strip().partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    unknown = next((name for name in names if name not in LABELS), None)
    if unknown is not None or len(set(names)) < len(names):
        raise InputError(
            f"The frames are said to be '{text}'; give each label once, such as slice, time or slice=8,time. There are "
            f"{', '.join(LABELS)}.{nearest(unknown or '', LABELS)}"
        )
    sizes = _sizes([size.strip() for _, _, size in pairs], axes)
    if sizes is None:
        found = f"{frames} frames" if len(axes) < 2 else f"{' × '.join(map(str, axes))} frames"
        raise InputError(
            f"The frames are said to be '{text}' but '{path}' has {found}: give sizes whose product is their number, "
            "the slowest first, such as slice=8,time."
        )
    return FrameLabels(dict(zip(names, np.indices(sizes).reshape(len(sizes), -1).tolist(), strict=True)))


def _sizes(given: Sequence[str], axes: Sequence[int]) -> list[int] | None:
    """Return the sizes of the axes that were named, one of which may be missing; None where they do not fit."""
    if not any(given) and len(given) == len(axes):
        return list(axes)
    if given.count("") > 1 or not all(size.isdecimal() or not size for size in given):
        return None
    frames, known = math.prod(axes), math.prod(int(size) for size in given if size)
    if known == 0 or frames % known or ("" not in given and known != frames):
        return None
    return [int(size) if size else frames // known for size in given]
