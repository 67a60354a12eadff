"""Linear mixtures of a scan's coils: what prewhitening and coil compression have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fourfold.scan import Scan

__all__ = ["mix_coils"]


def mix_coils(scan: Scan, matrix: Tensor, **provenance: Any) -> Scan:
    """Return the scan of the virtual coils `matrix` · coils: every array with a coil axis is mixed alike.

    Parameters
    ----------
    scan
        The acquisition.
    matrix
        Complex, (virtual coil, coil).
    provenance
        Added to the details of the scan's source.
    """
    matrix = matrix.to(scan.kspace)

    def mix(array: Tensor | None, axis: int) -> Tensor | None:
        if array is None:
            return None
        mixed: Tensor = torch.tensordot(matrix, array, dims=([1], [axis]))
        return mixed.movedim(0, axis).contiguous()

    return scan.replace(
        kspace=mix(scan.kspace, 1),
        coil_maps=mix(scan.coil_maps, 2),
        calibration_kspace=mix(scan.calibration_kspace, 1),
        noise=mix(scan.noise, 0),
        source=replace(scan.source, details={**scan.source.details, **provenance}),
    )
