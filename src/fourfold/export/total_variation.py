"""The total-variation image that some VarNets start from, in real arithmetic and with a fixed number of operations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from fourfold.export.real_arithmetic import RealEncoding
from fourfold.networks.initial_image import TOTAL_VARIATION_ITERATIONS
from fourfold.operators.finite_differences import FiniteDifferences
from fourfold.optimize.proximal_gradient import PogmStep, grow, pogm_steps
from fourfold.regularisers.fields import MOST_MOMENTUM

__all__ = ["total_variation_image"]

# Dual iterations of each proximal map. On two heads, 10 change the image by less than 10⁻³ of its maximum.
_DUAL_ITERATIONS = 5
_UNIT = FiniteDifferences.SQUARED_NORM
_ROWS, _COLUMNS = 1, 2


def total_variation_image(encoding: RealEncoding, rhs: Tensor, weight: float) -> Tensor:
    """Return the total-variation image, (frame, y, x, 2).

    As `fourfold.networks.initial_image.total_variation_image`, whose number of dual iterations and whose end depend on
    the data. Here all iterations are those of the proximal optimised gradient method, and an exported file repeats one
    part of its graph for them.

    Parameters
    ----------
    encoding
        A, with maps that are zero where no coil sees anything.
    rhs
        Aᴴy.
    weight
        Weight of the total variation.
    """
    factors = rhs.new_tensor(list(islice(_factors(weight), TOTAL_VARIATION_ITERATIONS)))
    counted = _counted(encoding.maps)

    def iterate(
        number: Tensor, image: Tensor, descended: Tensor, extrapolated: Tensor, dual: Tensor, point: Tensor
    ) -> tuple[Tensor, ...]:
        inertia, lift, previous_size, size, unit, *ahead = factors.index_select(0, number)[0].unbind()
        previous_descended, descended = descended, image - (encoding.normal(image) - rhs)
        step = PogmStep(inertia, lift, previous_size, size)
        extrapolated = step.extrapolate(descended, previous_descended, image, extrapolated)
        image, dual, point = _proximal_map(extrapolated / unit, dual, point, counted, ahead)
        return number + 1, image * unit, descended, extrapolated, dual, point

    field = torch.zeros_like(torch.stack([rhs, rhs]))
    state = torch.zeros(1, dtype=torch.int64, device=rhs.device), *(rhs.clone() for _ in range(3)), field, field.clone()
    if torch.compiler.is_exporting():
        state = torch.while_loop(lambda number, *_: (number < TOTAL_VARIATION_ITERATIONS).all(), iterate, state)  # type: ignore[no-untyped-call]
    else:
        for _ in range(TOTAL_VARIATION_ITERATIONS):
            state = iterate(*state)
    return state[1]


def _factors(weight: float) -> Iterator[tuple[float, ...]]:
    """Yield the factors of each iteration: those of its `PogmStep`, the unit of its dual, and those of its momentum."""
    momentum = 1.0
    for step in pogm_steps():
        momentum = min(momentum, MOST_MOMENTUM)
        ahead = []
        for _ in range(_DUAL_ITERATIONS):
            grown = grow(momentum)
            ahead.append(1 + (momentum - 1) / grown)
            momentum = grown
        yield step.inertia, step.lift, step.previous_size, step.size, _UNIT * weight * step.size, *ahead


def _proximal_map(
    image: Tensor, dual: Tensor, point: Tensor, counted: Tensor, ahead: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the proximal map of the total variation over `_UNIT`, and the dual field and point that it ends with.

    As `fourfold.regularisers.total_variation.TotalVariationPenalty` within a solve: fast gradient projection on the
    dual field, (2, frame, y, x, 2), which goes on from call to call.
    """
    for factor in ahead:
        updated = point + _differences(_primal(image, point)) * counted
        length = updated.square().sum(dim=(0, -1)).sqrt()[..., None]
        updated = updated / length.clamp_min(1)
        dual, point = updated, dual + factor * (updated - dual)
    return _primal(image, dual), dual, point


def _differences(image: Tensor) -> Tensor:
    """Return the differences to the lower and the right neighbour, which at the border is that of the other side."""
    return torch.stack([image.roll(-1, _ROWS) - image, image.roll(-1, _COLUMNS) - image])


def _primal(image: Tensor, dual: Tensor) -> Tensor:
    """Return the image plus the divergence over `_UNIT` of a dual field that is zero at the border."""
    down, right = dual.unbind()
    return image + (down - down.roll(1, _ROWS) + right - right.roll(1, _COLUMNS)) / _UNIT


def _counted(maps: Tensor) -> Tensor:
    """Return 1 where differences count and 0 elsewhere, (2, frame, y, x, 1).

    They count where a pixel and its lower and right neighbours, if any, have coil maps that are not zero.
    """
    support = (maps != 0).any(dim=-1).any(dim=1).to(maps.dtype)[..., None]
    last_row = (torch.arange(maps.shape[-3], device=maps.device) == maps.shape[-3] - 1)[:, None, None]
    last_column = (torch.arange(maps.shape[-2], device=maps.device) == maps.shape[-2] - 1)[:, None]
    below = torch.where(last_row, support, support.roll(-1, _ROWS))
    beside = torch.where(last_column, support, support.roll(-1, _COLUMNS))
    inside = support * below * beside
    return torch.stack([torch.where(last_row, 0, inside), torch.where(last_column, 0, inside)])
