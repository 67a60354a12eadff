"""What the networks are fitted to, with coil maps or coil by coil, and how their images are combined."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Protocol, TypeAlias

import torch
from pydantic import PositiveInt
from torch import Tensor

from fourfold.coils.compression import coils_to_keep, compress_coils
from fourfold.coils.map_phase import principal_combination
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.sense_problem import CoilCombination, SenseProblem
from fourfold.operators.fourier import ifft
from fourfold.operators.linear_operator import norm
from fourfold.operators.sense_encoding import Encoding
from fourfold.scan import FrameLabels, Scan

__all__ = ["CoilImagesTarget", "FitTarget", "ImageTarget", "VirtualCoils"]

VirtualCoils: TypeAlias = PositiveInt | Literal["auto", "all"]

# The rest is zero-filled. On a head of 8 coils 99.9 % leave 7 of them, 99.5 % 6 at the cost of 0.2 dB.
_ENERGY = 0.999


class FitTarget(Protocol):
    """What the networks are fitted to, and how their images become the image of the scan."""

    @property
    def problem(self) -> SenseProblem:
        """The data term of the fit, for images (frame, set, y, x)."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the record."""

    def image(self, x: Tensor, combination: CoilCombination) -> Tensor:
        """Return the image, complex64 (y, x), of a solution (frame, set, y, x), in the units of the measured data."""


class ImageTarget:
    """One image (one for each set) that coil maps multiply.

    Fewer virtual coils serve the fit alone: what was measured is put back in all coils.

    Parameters
    ----------
    whole
        The problem of all coils.
    coils
        Virtual coils to fit; ``"auto"`` takes all: the data term is 3 % of the work of a step.
    """

    def __init__(self, whole: SenseProblem, coils: VirtualCoils) -> None:
        self.whole = whole
        self.problem = whole if isinstance(coils, str) else _compressed(whole, coils)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the record."""
        return (*self.whole.notes, *_compression_note(self.problem.scan.coils, self.whole.scan.coils))

    def image(self, x: Tensor, combination: CoilCombination) -> Tensor:
        """Return the image as `FitTarget` says."""
        return self.whole.image(x, combination)[0]


class CoilImagesTarget:
    """An image for each virtual coil, without maps: the coils become frames of their own.

    Virtual coils are the principal mixtures of coils, in their order of energy; together they are the coils in other
    words, with the same root-sum-of-squares. The mixtures that hold hardly any signal are not fitted but zero-filled.

    Parameters
    ----------
    scan
        One frame.
    coils
        Virtual coils to fit; ``"auto"`` takes as many as hold 99.9 % of the measured energy.

    Raises
    ------
    InputError
        For more virtual coils than there are coils.
    """

    def __init__(self, scan: Scan, coils: VirtualCoils) -> None:
        mixed = scan if scan.coils == 1 else compress_coils(scan, scan.coils)
        energies = mixed.kspace[0].abs().double().square().sum(dim=(1, 2))
        held = (energies.cumsum(0) / energies.sum()).clamp_max(1)
        if isinstance(coils, str):
            kept = coils_to_keep(scan.coils, held, None, _ENERGY) if coils == "auto" else scan.coils
        else:
            kept = coils_to_keep(scan.coils, held, coils, None)
        self.notes = _compression_note(kept, scan.coils)
        rest = mixed.kspace[0, kept:]
        self.rest = ifft(rest) if len(rest) else rest
        self.problem = SenseProblem.of(
            mixed.replace(
                kspace=mixed.kspace[:, :kept].transpose(0, 1),
                coil_maps=mixed.kspace.new_ones((1, 1, 1, *scan.shape)),
                calibration_kspace=None
                if mixed.calibration_kspace is None
                else mixed.calibration_kspace[:, :kept].transpose(0, 1),
                noise=None,
                geometry=replace(scan.geometry, placements=()),
                labels=FrameLabels(),
            )
        )

    def image(self, x: Tensor, combination: CoilCombination) -> Tensor:
        """Return the image as `FitTarget` says, with the phase of the mixture that holds most of its energy."""
        images = self.problem.image(x, combination)
        if combination == "rss":
            images = torch.cat([images, self.rest])
        if images.shape[0] == 1:
            return images[0]
        strongest = torch.tensordot(principal_combination(images / images.abs().max()).conj(), images, dims=1)
        return torch.polar(root_sum_of_squares(images), strongest.angle())


def _compressed(problem: SenseProblem, coils: int) -> SenseProblem:
    """Return the problem of fewer virtual coils, for the same images in the same unit."""
    scan = compress_coils(problem.scan.replace(coil_maps=problem.encoding.coil_maps), coils)
    assert scan.coil_maps is not None
    encoding = Encoding(scan.mask, scan.coil_maps)
    rhs = encoding.adjoint(scan.kspace).mul_(1 / problem.scale)
    return problem.with_samples(encoding, rhs, (norm(scan.kspace) / problem.scale) ** 2, scan=scan)


def _compression_note(kept: int, coils: int) -> tuple[str, ...]:
    if kept == coils:
        return ()
    return (f"The fit used {kept} virtual coils, which hold nearly all of the signal of the {coils} coils.",)
