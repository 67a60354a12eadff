"""Regular undersampling in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fourfold.errors import InputError
from fourfold.sampling.validation import check_box, check_frames, check_shape, is_whole
from fourfold.scan import Sampling, centre_slice

__all__ = ["balanced_factors", "regular_2d"]


def regular_2d(
    shape: Sequence[int],
    undersampling: Sequence[int] = (2, 2),
    *,
    box: Sequence[int] = (24, 24),
    frames: int = 1,
) -> Sampling:
    """Return every Ry-th row's every Rx-th sample, the central one among them, plus a calibration box.

    As in `fourfold.sampling.regular` the undersampling is nominal. With the box the realised acceleration is lower by
    design, and `Sampling.target_acceleration` is None.

    Parameters
    ----------
    shape, frames
        As in `fourfold.sampling.regular`.
    undersampling
        Nominal (Ry, Rx): whole numbers.
    box
        Fully sampled calibration box (ny, nx) at the centre.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        For an undersampling that is not two whole numbers within the grid, or a box that exceeds it.
    """
    ny, nx = check_shape(shape)
    height, width = check_box(box, (ny, nx))
    whole = len(undersampling) == 2 and all(is_whole(step) and step > 0 for step in undersampling)
    if not whole or undersampling[0] > ny or undersampling[1] > nx:
        raise InputError(
            f"The undersampling is {tuple(undersampling)} on a grid of {ny}×{nx}; "
            "give two whole numbers (Ry, Rx) from 1 to the grid's size."
        )
    rows = (np.arange(ny) - ny // 2) % undersampling[0] == 0
    columns = (np.arange(nx) - nx // 2) % undersampling[1] == 0
    acquired = rows[:, None] & columns
    acquired[centre_slice(ny, height), centre_slice(nx, width)] = True
    details = {"box": [height, width], "undersampling": [int(step) for step in undersampling]}
    mask = torch.from_numpy(acquired).repeat(check_frames(frames, (ny, nx)), 1, 1)
    return Sampling(mask, "regular-2d", details=details)


def balanced_factors(undersampling: int) -> tuple[int, int]:
    """Return whole (Ry, Rx) with Ry · Rx = `undersampling`, as nearly equal as can be, Ry the larger."""
    smaller = max(step for step in range(1, int(undersampling**0.5) + 1) if undersampling % step == 0)
    return undersampling // smaller, smaller
