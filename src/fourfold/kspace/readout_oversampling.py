"""Readout oversampling: detects it and crops the readout to the image."""

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
    """Return the ratio of the readout length to the size of the scanner's image.

    It is 1 where that size is unknown, with a trajectory, and where a line's readout is not fully sampled: cropping
    would then lose data.
    """
    axis, size = _readout(scan), scan.geometry.image_size
    if size is None or scan.trajectory is not None:
        return 1.0
    complete = scan.mask.all(dim=axis)
    if not torch.equal(complete, scan.mask.any(dim=axis)):
        return 1.0
    return max(1.0, scan.shape[axis] / size[axis])


@torch.no_grad()
def crop_readout(scan: Scan) -> Scan:
    """Return the scan without readout oversampling; a scan without oversampling is returned unchanged.

    Every line is transformed along the readout, cropped to the size of the scanner's image
    (``scan.geometry.image_size``), and transformed back. All transforms are orthonormal: image intensity and noise
    variance stay the same. Coil maps and calibration data are cropped in the same way.
    """
    if oversampling(scan) == 1:
        return scan
    axis, size = _readout(scan), scan.geometry.image_size
    assert size is not None
    length, cropped_length = scan.shape[axis], size[axis]

    def cropped(kspace: Tensor) -> Tensor:
        return fft(_centre(ifft(kspace, (axis,)), cropped_length, axis), (axis,))

    def cropped_calibration(kspace: Tensor) -> Tensor:
        # Zero-padded to the length of the readout, so that it is cropped at the same positions.
        available = min(length, kspace.shape[axis])
        shape = list(kspace.shape)
        shape[axis] = length
        padded = kspace.new_zeros(shape)
        _centre(padded, available, axis).copy_(_centre(kspace, available, axis))
        return _centre(cropped(padded), max(1, available * cropped_length // length), axis)

    changes: dict[str, Any] = {}
    if scan.coil_maps is not None:
        changes["coil_maps"] = _centre(scan.coil_maps, cropped_length, axis)
    if scan.calibration_kspace is not None:
        changes["calibration_kspace"] = cropped_calibration(scan.calibration_kspace)
    mask = _centre(scan.mask, cropped_length, axis)
    return scan.replace(kspace=cropped(scan.kspace), sampling=replace(scan.sampling, mask=mask), **changes)


def _readout(scan: Scan) -> int:
    """Return the readout axis, negative: the axis that is not undersampled."""
    return _AXES["kx" if scan.line_axis == "ky" else "ky"]


def _centre(array: Tensor, width: int, axis: int) -> Tensor:
    return array.narrow(axis, centre_slice(array.shape[axis], width).start, width)
