"""The objective that all contenders minimise, by one function in double precision."""

from __future__ import annotations

import numpy as np
import pywt
import torch
from numpy.typing import NDArray

from fourfold.operators.sense_encoding import Encoding
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.scan import Scan

__all__ = ["LEVELS", "WAVELET", "WEIGHTS", "objective"]

WAVELET, LEVELS = "db2", 4
"""BART has no longer Daubechies filter than this."""

WEIGHTS = {"cg-sense": 0.005, "wavelet": 0.0017, "tv": 0.0014}
"""By method; k-space is scaled so that bright tissue is 1."""


def objective(scan: Scan, images: NDArray[np.complex64], method: str) -> float:
    """Return ½‖A x − y‖² + weight · R(x), summed over the frames of `images` (frame, y, x).

    R is ½‖x‖² (cg-sense), isotropic total variation of the complex image (tv), or the ℓ1 norm of the details of
    PyWavelets' transform, zero-padded (wavelet); where there is air at the border, this is orthonormal.
    """
    assert scan.coil_maps is not None
    total = 0.0
    for index in range(scan.frames):
        frame, x = scan.frame(index), torch.from_numpy(images[index]).to(torch.complex128)
        assert frame.coil_maps is not None
        encoding = Encoding(frame.mask, frame.coil_maps.to(torch.complex128))
        residual = encoding.forward(x[None, None]) - frame.kspace
        total += float(residual.abs().square().sum()) / 2 + WEIGHTS[method] * _penalty(x, method)
    return total


def _penalty(x: torch.Tensor, method: str) -> float:
    """Return R(x) of a complex128 image (y, x)."""
    if method == "cg-sense":
        return float(x.abs().square().sum()) / 2
    if method == "tv":
        return TotalVariationPenalty().value(x)
    _, *details = pywt.wavedec2(x.numpy(), WAVELET, mode="zero", level=LEVELS)
    return float(sum(np.abs(band).sum() for bands in details for band in bands))
