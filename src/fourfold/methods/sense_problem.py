"""The reconstruction problem that all methods with coil maps share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.espirit import Sets, Threshold
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.operators.gridding import with_density
from fourfold.operators.linear_operator import norm
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.operators.nufft import on_cpu
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.least_squares import LeastSquares, least_squares
from fourfold.scan import Scan

__all__ = ["CoilCombination", "SenseProblem", "encode", "measured_image"]

CoilCombination: TypeAlias = Literal["rss", "maps"]


@dataclass(frozen=True, eq=False)
class SenseProblem:
    """½‖A x − y‖² of one frame or a series, in the unit of intensity computed from the measured data."""

    scan: Scan
    """The measured data."""
    encoding: Encoding | NonCartesianEncoding
    """A, from images (frame, set, y, x); its norm is at most 1 because the maps have unit norm. The maps carry the
    phase of the low-resolution image, where there are calibration lines, so that x is nearly real."""
    data_term: LeastSquares[float]
    """½‖A x − y‖², y being the measured data over `scale`."""
    scale: float
    """The unit of intensity (`fourfold.kspace.intensity_scale.intensity_scale`)."""
    phase: Tensor
    """The phase that the maps carry, complex64 of modulus 1, (frame or 1, set, y, x)."""

    @classmethod
    def of(
        cls, scan: Scan, sets: Sets = 1, crop: Threshold = 0.0, calibrated: Scan | None = None, aligned: bool = True
    ) -> SenseProblem:
        """Set the problem up for a scan.

        Parameters
        ----------
        scan
            The measured data.
        sets, crop
            For maps that must be estimated: as in `fourfold.coils.calibration.estimate_maps`.
        calibrated
            Where maps, phase and scale come from instead of `scan`: the time average of a series.
        aligned
            Whether the maps take up the phase of the low-resolution image; a plain norm does not care for it.

        Raises
        ------
        InputError
            When coil maps are needed but there are no calibration lines.
        """
        apart = calibrated if calibrated is not scan else None
        scan = with_density(scan)
        shared = scan if apart is None else with_density(apart)
        maps = estimate_maps(scan if scan.coil_maps is not None else shared, sets=sets, threshold=crop)
        phase = _lowres_phase(shared, maps) if aligned else maps.new_ones((1, maps.shape[1], 1, 1))
        encoding, measured = encode(scan, scan.mask, maps * phase[:, :, None] if aligned else maps)
        scale = intensity_scale(shared)
        energy = (norm(measured) / scale) ** 2
        rhs = encoding.adjoint(measured).mul_(1 / scale)
        return cls(scan, encoding, least_squares(encoding.normal, rhs, energy), scale, phase)

    @property
    def rhs(self) -> Tensor:
        """Aᴴ y, complex64, (frame, set, y, x)."""
        return self.data_term.rhs

    def with_samples(
        self, encoding: Encoding | NonCartesianEncoding, rhs: Tensor, energy: float, **changes: Any
    ) -> SenseProblem:
        """Return the problem of other samples y, in the same unit: of A, Aᴴy, ‖y‖² and what else changes."""
        return replace(self, encoding=encoding, data_term=least_squares(encoding.normal, rhs, energy), **changes)

    @cached_property
    def support(self) -> Tensor:
        """bool, (frame or 1, set, y, x): the pixels that some coil map covers."""
        return self.encoding.coil_maps.any(dim=2)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know of the coil maps and the transform."""
        sets, device = self.encoding.coil_maps.shape[1], self.rhs.device
        notes = []
        if sets > 1:
            notes.append(f"{sets} sets of coil maps were used, for an object that folds over.")
        if self.scan.trajectory is not None and device.type != "cpu" and on_cpu(device):
            notes.append("The non-uniform transforms ran on the CPU; install cufinufft for the GPU to do them.")
        return tuple(notes)

    def image(self, x: Tensor, combination: CoilCombination = "maps", shrinkage: float = 1.0) -> Tensor:
        """Return the images (frame, y, x) of solution `x` (frame, set, y, x) in the units of the measured data.

        Parameters
        ----------
        x
            The solution.
        combination
            ``"maps"``: x itself; several sets are combined by root-sum-of-squares, as the coils would see them, and
            pixels that no coil map covers are zero. ``"rss"``: the measured samples overrule x in the k-space of
            every coil, and the coils are combined by root-sum-of-squares (a single coil needs no combination and
            keeps its phase); nothing that was measured is lost, its noise included. The phase is x's.
        shrinkage
            How much to keep of what x adds to the measured samples: 1 all of it, 0 gives the zero-filled image.
        """
        if shrinkage < 1:
            x = shrinkage * x if combination == "rss" else shrinkage * x + (1 - shrinkage) * self.rhs
        x = x * self.support * self.scale
        first = x[:, 0] * self.phase[:, 0]
        if combination == "rss":
            return torch.stack(
                [
                    measured_image(self.encoding, x[frame], self.scan.kspace[frame], first[frame], frame)
                    for frame in range(x.shape[0])
                ]
            )
        if x.shape[1] > 1:
            return torch.polar(x.abs().square().sum(dim=1).sqrt(), first.angle())
        return first


def measured_image(
    encoding: Encoding | NonCartesianEncoding, x: Tensor, measured: Tensor, phase_of: Tensor, frame: int = 0
) -> Tensor:
    """Return the image (y, x) of one frame with the measured samples put back in every coil, coils by rss.

    Parameters
    ----------
    encoding
        A.
    x
        complex64, (set, y, x): image of that frame.
    measured
        complex64, (coil, ky, kx): its k-space.
    phase_of
        complex64, (y, x): the image whose phase the result has; that of a single coil keeps its own.
    frame
        Which frame's mask and maps.
    """
    coils = encoding.consistent_coils(x, measured, frame)
    return coils[0] if coils.shape[0] == 1 else torch.polar(root_sum_of_squares(coils[None])[0], phase_of.angle())


def encode(scan: Scan, mask: Tensor, maps: Tensor) -> tuple[Encoding | NonCartesianEncoding, Tensor]:
    """Return A for the samples in `mask`, and what was measured as A gives it, samples outside the mask included."""
    if scan.trajectory is None:
        return Encoding(mask, maps), scan.kspace
    encoding = NonCartesianEncoding(scan.trajectory, mask, maps)
    return encoding, encoding.weighted(scan.kspace)


def _lowres_phase(scan: Scan, maps: Tensor) -> Tensor:
    """Return the phase (frame or 1, set, y, x) of the low-resolution image; 1 without calibration lines.

    A nearly real image is what total variation and wavelets like: worth 0.05 to 0.2 dB on measured heads.
    """
    try:
        lowres = low_resolution_images(central_calibration(scan), scan.shape)
    except InputError:
        return maps.new_ones((1, maps.shape[1], 1, 1))
    combined = (maps.conj() * lowres[:, None]).sum(dim=2)
    return torch.polar(torch.ones_like(combined.real), combined.angle())
