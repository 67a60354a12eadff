"""Arithmetic of vector fields on images, in real planes: several times faster than complex tensors."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MOST_MOMENTUM", "bound_", "counted", "dual_floor", "dual_iterations", "modulus", "planes_of", "size_of"]

# Dual ascents keep some momentum from one proximal map to the next; more would overshoot, for each asks for another
# minimiser. On two heads and a knee at weights of 0.003 and 0.03, 1 takes up to twice the time and 8 may not settle.
MOST_MOMENTUM = 4.0


def planes_of(x: Tensor) -> Tensor:
    """Return a new tensor (2, …) with the real and the imaginary part of complex `x`."""
    return torch.stack([x.real, x.imag])


def modulus(field: Tensor) -> Tensor:
    """Return the modulus (…) over direction and complex part of a field (direction, part, …)."""
    first, *others = field.flatten(0, 1)
    total = first.square()
    for part in others:
        total.addcmul_(part, part)
    result: Tensor = total.sqrt_()
    return result


def dual_floor(support: Tensor | None) -> Tensor | None:
    """Return the least that a dual field is divided by: 1 where differences count, infinity where they do not.

    They count at pixels that lie in `support` (bool, …, y, x) together with their lower and right neighbours. None
    stands for 1 everywhere.
    """
    if support is None or bool(support.all()):
        return None
    inside = support.clone()
    inside[..., :-1, :] &= support[..., 1:, :]
    inside[..., :, :-1] &= support[..., :, 1:]
    return torch.where(inside, 1.0, torch.inf)


def size_of(support: Tensor | None) -> tuple[int | None, int | None]:
    """Return the size (ny, nx) of the images that a support is for; None where there is no support."""
    return (None, None) if support is None else (support.shape[-2], support.shape[-1])


def bound_(dual: Tensor, floor: Tensor | None) -> Tensor:
    """Project `dual` in place on fields of modulus at most 1, zero where `floor` is infinite; return it."""
    lengths = modulus(dual)
    return dual.div_(lengths.clamp_min_(1) if floor is None else torch.maximum(lengths, floor, out=lengths))


def counted(lengths: Tensor, floor: Tensor | None) -> Tensor:
    """Return `lengths` with zeros where `floor` is infinite, in place."""
    return lengths if floor is None else lengths.masked_fill_(floor.isinf(), 0)


def dual_iterations(mean: float, least: int, effort: float, most: int) -> int:
    """Return how many iterations a proximal map's dual needs, started where the previous call ended.

    In an iteration the dual moves by about the `mean` difference of the image over the weight, within the unit ball:
    the larger the weight, the more iterations. With too few the proximal map lags behind and the solver runs away.
    """
    return min(most, round(least + effort / max(mean, 1e-3)))
