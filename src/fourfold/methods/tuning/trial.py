"""A reconstruction problem with part of its samples held out."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

from fourfold.methods.sense_problem import SenseProblem, encode
from fourfold.operators.fourier import ifft
from fourfold.operators.linear_operator import norm
from fourfold.operators.sense_encoding import Encoding
from fourfold.sampling.hold_out import hold_out

__all__ = ["Trial"]

# Part of the image along the readout that a trial is cut to, and the fewest pixels that stay.
_PART, _FEWEST = 0.5, 64

Region = tuple[EllipsisType, slice, slice]


@dataclass(frozen=True, eq=False)
class Trial:
    """Solve `kept`, then `score` the solution on the held-out samples.

    Where whole lines were left out, the data term decouples along the readout: a strip of the image along it is a
    problem of its own, with the same noise and the same aliasing. The strip of half the image with the most energy
    stands for the whole. Of a non-Cartesian scan whole shots are held out.

    Attributes
    ----------
    kept, held
        The problems of the samples that are kept and of those held out, in the strip. For solving only: their `image`
        would need all of it.
    share
        The part of the image that the trial works on.
    number
        How many lines, shots or single samples are held out of the frame that has the fewest.
    """

    kept: SenseProblem
    held: SenseProblem
    share: float
    number: int

    @classmethod
    def of(cls, problem: SenseProblem, whole_lines: bool = True, seed: int = 0, share: float = 0.15) -> Trial:
        """Hold a share of the samples out (`fourfold.sampling.hold_out.hold_out`); InputError for too few samples."""
        mask = problem.scan.mask
        if problem.scan.trajectory is not None:
            held_out = hold_out(mask, share, seed=seed, centre=0)
            number = int(held_out.any(dim=2).sum(dim=1).min())
            return cls(_shots(problem, mask & ~held_out), _shots(problem, held_out), 1.0, number)
        held_out = hold_out(mask, share, seed=seed, whole_lines=whole_lines)
        axis = _axis_along_lines(mask, held_out)
        region = (..., slice(None), slice(None)) if axis is None else _strip(problem.rhs, axis)
        kept = _part(problem, mask & ~held_out, region)
        drawn = held_out if axis is None else held_out.any(dim=axis)
        number = int(drawn.flatten(1).sum(dim=1).min())
        return cls(kept, _part(problem, held_out, region), kept.rhs.numel() / problem.rhs.numel(), number)

    def score(self, x: Tensor) -> float:
        """Return ‖A x − y‖² / ‖y‖² over the held-out samples for the image x (frame, set, y, x), by one AᴴA."""
        return self.held.data_term.relative_error(x)

    def agreement(self, x: Tensor) -> float:
        """Return Re⟨A x, y⟩ / ‖y‖² over the held-out samples for the image x (frame, set, y, x)."""
        return float(torch.vdot(x.flatten(), self.held.rhs.flatten()).real) / self.held.data_term.energy


def _axis_along_lines(mask: Tensor, held_out: Tensor) -> int | None:
    """Return the axis on which neither pattern depends; None where there is none."""
    for axis in (-1, -2):
        if not _varies(mask, axis) and not _varies(held_out, axis):
            return axis
    return None


def _strip(rhs: Tensor, axis: int) -> Region:
    """Return the strip of the image with the most energy along an axis."""
    size = rhs.shape[axis]
    width = min(size, max(_FEWEST, round(_PART * size)))
    profile = rhs.abs().square().movedim(axis, 0).flatten(1).sum(dim=1)
    start = int(profile.unfold(0, width, 1).sum(dim=1).argmax())
    chosen = slice(start, start + width)
    return (..., slice(None), chosen) if axis == -1 else (..., chosen, slice(None))


def _varies(mask: Tensor, axis: int) -> bool:
    return bool((mask != mask.narrow(axis, 0, 1)).any())


def _part(problem: SenseProblem, mask: Tensor, region: Region) -> SenseProblem:
    """Return the problem of the samples in `mask` and the pixels in `region` alone."""
    maps = problem.encoding.coil_maps
    coils = ifft(torch.where(mask[:, None], problem.scan.kspace, 0)).mul_(1 / problem.scale)[region]
    maps = maps[region].contiguous()
    return problem.with_samples(
        Encoding(mask[region], maps),
        (maps.conj() * coils[:, None]).sum(dim=2),
        norm(coils) ** 2,
        phase=problem.phase.expand(-1, -1, *problem.rhs.shape[-2:])[region],
    )


def _shots(problem: SenseProblem, mask: Tensor) -> SenseProblem:
    """Return the problem of the shots in `mask` alone, of a non-Cartesian scan."""
    encoding, measured = encode(problem.scan, mask, problem.encoding.coil_maps)
    measured = torch.where(mask[:, None], measured, 0).mul_(1 / problem.scale)
    return problem.with_samples(encoding, encoding.adjoint(measured), norm(measured) ** 2)
