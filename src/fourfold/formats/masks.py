"""Masks stored in a file: their values, and whether they agree with the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan import Axis, find_acquired

__all__ = ["acquired", "as_bool", "check_mask", "line_axis_of", "measured", "merge_frames", "without_empty"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def as_bool(mask: npt.NDArray[Any], path: Path) -> Mask:
    """Return `mask` as bool; raises InputError for any value but 0 and 1."""
    if mask.dtype.kind not in "buif" or not np.isin(mask, (0, 1)).all():
        raise InputError(
            f"The mask in '{path}' is {mask.dtype} with values other than 0 and 1: store it as bool, "
            "True where acquired."
        )
    return mask.astype(bool)


def acquired(kspace: Array) -> Mask:
    """Return bool (frame, ky, kx): where any coil of `kspace` (frame, coil, ky, kx) is not zero."""
    held: Mask = (kspace != 0).any(axis=1)
    return held


def measured(kspace: Array, frames: Sequence[int], path: Path) -> Mask:
    """Return which samples were acquired; refuses a frame without any sample, by its index in the file."""
    mask = find_acquired(kspace)
    empty = [index for index, frame in zip(frames, mask, strict=True) if not frame.any()]
    if empty:
        raise InputError(f"Frame(s) {empty} of '{path}' contain only zeros: leave them out.")
    return mask


def check_mask(kspace: Array, mask: Mask, path: Path) -> None:
    """Refuse a mask (frame or 1, ky, kx) that leaves out samples which hold data."""
    left_out = int((acquired(kspace) & ~mask).sum())
    if left_out:
        raise InputError(
            f"The mask in '{path}' leaves out {left_out} samples that hold data: it belongs to other k-space or is "
            "shifted; correct it, or leave it out to take every non-zero sample as acquired."
        )


def without_empty(mask: Mask, kspace: Array, frames: Sequence[int], path: Path) -> tuple[Mask, tuple[str, ...]]:
    """Leave out of a mask (frame or 1, ky, kx) the samples that hold zeros alone, where these are many.

    A full mask beside undersampled k-space would else make a reference of it. Receivers that count in whole numbers
    read zero now and then, so up to a tenth of the samples may be zero.

    Returns
    -------
    mask, notes
        The mask, and a sentence where samples were left out of it.

    Raises
    ------
    InputError
        For a frame that holds zeros alone, named by its index in the file.
    """
    held = mask & measured(kspace, frames, path)
    marked, empty = int(np.broadcast_to(mask, held.shape).sum()), int((mask & ~held).sum())
    if empty <= marked / 10:
        return mask, ()
    note = f"{empty / marked:.0%} of the samples that the mask marks hold zeros alone; they count as not acquired."
    return held, (note,)


def merge_frames(mask: Mask) -> Mask:
    """Return `mask` (frame, ky, kx) with one frame where all are the same."""
    return mask[:1] if bool((mask == mask[:1]).all()) else mask


def line_axis_of(mask: Mask, default: Axis) -> Axis:
    """Return the axis along which whole lines are left out, or `default` where the pattern does not show it."""
    whole_rows = bool((mask == mask[:, :, :1]).all())
    whole_columns = bool((mask == mask[:, :1]).all())
    if whole_rows == whole_columns:
        return default
    return "ky" if whole_rows else "kx"
