"""The reconstruction problem that SENSE, total variation and wavelets share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.physics.calibration import estimate_maps
from fourfold.physics.encoding import Encoding
from fourfold.physics.espirit import Crop, Sets
from fourfold.physics.scale import intensity_scale
from fourfold.scan import Scan

__all__ = ["SenseProblem"]


@dataclass(frozen=True, eq=False)
class SenseProblem:
    """½‖A x − y‖² of one frame or a series, in the unit of intensity computed from the measured data.

    Attributes
    ----------
    encoding
        A, from images (frame, set, y, x); its norm is at most 1 because the maps have unit norm.
    rhs
        Aᴴ y over `scale`, complex64, (frame, set, y, x).
    scale
        The unit of intensity (`fourfold.physics.scale.intensity_scale`).
    """

    encoding: Encoding
    rhs: Tensor
    scale: float

    @classmethod
    def of(cls, scan: Scan, sets: Sets = 1, crop: Crop = 0.0) -> SenseProblem:
        """Set the problem up for a scan; `sets` and `crop` are for maps that must be estimated.

        Raises
        ------
        InputError
            When coil maps are needed but there are no calibration lines.
        """
        encoding = Encoding(scan.mask, estimate_maps(scan, sets=sets, crop=crop))
        scale = intensity_scale(scan)
        return cls(encoding, encoding.adjoint(scan.kspace / scale), scale)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know of the coil maps."""
        sets = self.encoding.coil_maps.shape[1]
        return () if sets == 1 else (f"{sets} sets of coil maps were used, for an object that folds over.",)

    def image(self, x: Tensor) -> Tensor:
        """Return the images (frame, y, x) of solution `x` (frame, set, y, x) in the units of the measured data.

        Several sets are combined by root-sum-of-squares, as the coils would see them; the phase is the first set's.
        Pixels that no coil map covers are zero.
        """
        x = x * self.encoding.coil_maps.any(dim=2)
        first = x[:, 0]
        if x.shape[1] > 1:
            first = torch.polar(x.abs().square().sum(dim=1).sqrt(), first.angle())
        return first * self.scale
