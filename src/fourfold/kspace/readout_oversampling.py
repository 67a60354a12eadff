"""Readout oversampling: what a fully sampled readout holds outside the image is cut off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Axis, Scan, centre_slice

__all__ = ["crop_readout", "oversampling"]

_AXES: dict[Axis, int] = {"ky": -2, "kx": -1}


def oversampling(scan: Scan) -> float:
    """Return how many times the readout is longer than the image that the scanner shows.

    It is 1 where no such size is known, with a trajectory, and where the readout is not sampled whole in every line:
    nothing can be cut off then without loss.
    """
    axis, size = _readout(scan), scan.geometry.image_size
    if size is None or scan.trajectory is not None:
        return 1.0
    whole = scan.mask.all(dim=axis)
    if not torch.equal(whole, scan.mask.any(dim=axis)):
        return 1.0
    return max(1.0, scan.shape[axis] / size[axis])


@torch.no_grad()
def crop_readout(scan: Scan) -> Scan:
    """Return the scan without its readout oversampling; one that has none is returned as it is.

    The samples of every line are transformed along the readout, the centre is kept, as long as the image that the
    scanner shows (``scan.geometry.image_size``), and transformed back. All transforms are orthonormal, so that images
    keep their unit and noise keeps its variance. Coil maps and calibration data are cut alike.
    """
    if oversampling(scan) == 1:
        return scan
    axis, size = _readout(scan), scan.geometry.image_size
    assert size is not None
    length, kept = scan.shape[axis], size[axis]

    def cropped(kspace: Tensor) -> Tensor:
        return fft(_centre(ifft(kspace, (axis,)), kept, axis), (axis,))

    def cropped_calibration(kspace: Tensor) -> Tensor:
        # On the readout's own grid, as finely as its pixels: a shorter one could not be cut at the same places.
        held = min(length, kspace.shape[axis])
        shape = list(kspace.shape)
        shape[axis] = length
        whole = kspace.new_zeros(shape)
        _centre(whole, held, axis).copy_(_centre(kspace, held, axis))
        return _centre(cropped(whole), max(1, held * kept // length), axis)

    changes: dict[str, Any] = {}
    if scan.coil_maps is not None:
        changes["coil_maps"] = _centre(scan.coil_maps, kept, axis)
    if scan.calibration_kspace is not None:
        changes["calibration_kspace"] = cropped_calibration(scan.calibration_kspace)
    mask = _centre(scan.mask, kept, axis)
    return scan.replace(kspace=cropped(scan.kspace), sampling=replace(scan.sampling, mask=mask), **changes)


def _readout(scan: Scan) -> int:
    """Return the readout's axis, counted from the end: the one along which no lines are left out."""
    return _AXES["kx" if scan.line_axis == "ky" else "ky"]


def _centre(array: Tensor, width: int, axis: int) -> Tensor:
    return array.narrow(axis, centre_slice(array.shape[axis], width).start, width)
