"""Total generalised variation of second order and its proximal map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from fourfold.operators.axes import Axes
from fourfold.operators.finite_differences import FiniteDifferences, SymmetrisedDifferences
from fourfold.operators.linear_operator import LinearOperator
from fourfold.regularisers.analysis import length, shrink
from fourfold.regularisers.fields import (
    MOST_MOMENTUM,
    bound_,
    counted,
    dual_floor,
    dual_iterations,
    modulus,
    planes_of,
    size_of,
)
from fourfold.regularisers.regulariser import Analysis, Regulariser
from fourfold.regularisers.total_variation import CountedDifferences
from fourfold.regularisers.warm import settled

__all__ = ["TotalGeneralisedVariationPenalty"]

# Steps for the duals of the first and the second term. With K = (D, −1; 0, E), ‖D‖² and ‖E‖² at most 8, they keep
# K Kᵀ below the inverse steps: 2⟨p, Eᵀq⟩ ≤ 2‖p‖² + (8 / 2)‖q‖², hence 8 + 1 + 2 and 8 + 4.
FIRST_STEP, SECOND_STEP = 1 / 11, 1 / 12

# Dual iterations, measured on two heads and a knee at weights from 0.001 to 0.03; of the value, whose weight is small.
LEAST, EFFORT, MOST, FOR_VALUE = 3, 100.0, 40, 5

# ‖K‖² is at most the larger eigenvalue of (8, √8; √8, 1 + 8).
SQUARED_NORM = 11.4

# The value counts as found when a step lowers it by less than this part; from a solver's own w it takes fewer steps.
SETTLED, SETTLED_FROM_STATE = 1e-5, 1e-3


@dataclass
class _State:
    """What one call leaves to the next: the field w, the duals of both terms in units of the weight, some momentum."""

    field: Tensor
    first: Tensor
    second: Tensor
    momentum: float = 1.0

    @classmethod
    def zero(cls, planes: Tensor) -> _State:
        field = planes.new_zeros((2, *planes.shape))
        return cls(field, field, planes.new_zeros((3, *planes.shape)))


class TotalGeneralisedVariationPenalty:
    """R(x) = min over w of ‖D x − w‖₁ + ratio · ‖E w‖₁ (Bredies, Kunisch & Pock 2010, SIAM J. Imaging Sci. 3:492).

    D are the differences of images (…, y, x), E the symmetrised differences of the field w; the norms sum the modulus
    over directions and complex part. Edges cost as in total variation, even slopes cost nothing.

    The proximal map is found as that of total variation: by fast gradient projection in the dual, within a solve
    started where the previous call ended. The field w is drawn towards its previous value by ½‖w − w′‖², without which
    the dual would not be smooth; this term vanishes as w settles, so that a solver that settles has found the minimum.

    Parameters
    ----------
    support
        bool, broadcast to (…, y, x): differences of x count where both pixels lie in it.
    ratio
        Weight of the second term relative to the first (α₀/α₁; Knoll et al. 2011, MRM 65:480, use 2).
    inner_iterations
        Dual iterations per proximal map of a solve; None chooses them at its first call.
    """

    name: ClassVar[str] = "tgv"

    _state: _State | None = None

    def __init__(self, support: Tensor | None = None, ratio: float = 2.0, inner_iterations: int | None = None) -> None:
        self.ratio, self.inner_iterations = ratio, inner_iterations
        self._support = support
        self._differences = FiniteDifferences()
        self._symmetrised = SymmetrisedDifferences()
        self._floor = dual_floor(support)

    @classmethod
    def for_images(cls, support: Tensor) -> Self:
        """Return the total generalised variation within a support, bool (…, y, x)."""
        return cls(support)

    def value(self, x: Tensor, rounds: int = 100) -> float:
        """Return R(x), the least over at most `rounds` proximal steps for w: from above, and to about 1e-3 of R."""
        planes = planes_of(x)
        differences = self._differences.forward(planes)
        # Measured: w settles fastest with steps of a twentieth of the mean difference.
        weight = float(differences.abs().mean()) / 20
        if weight == 0:
            return 0.0
        state = self._state_for(planes)
        settled = SETTLED if self._state is None else SETTLED_FROM_STATE
        lowest = self._sum(differences, state.field)
        for _ in range(rounds):
            state = self._ascend(planes, weight, state, FOR_VALUE, fixed=True)
            previous, lowest = lowest, min(lowest, self._sum(differences, state.field))
            if 0 < previous - lowest < settled * lowest:
                break
        return lowest

    def analysis(self) -> Analysis:
        """Return R as g(K z), z holding x and w."""
        first, second = slice(0, 2), slice(2, 5)
        return Analysis(
            operator=_SecondOrder(self._support),
            squared_norm=SQUARED_NORM,
            shrink=lambda v, threshold: shrink(v, [(first, threshold), (second, self.ratio * threshold)]),
            length=lambda v: length(v[first]) + self.ratio * length(v[second]),
            coefficients=5,
            auxiliary=2,
        )

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u)."""
        return settled(self.warm(), x, weight)

    def warm(self) -> Regulariser:
        """Return R for one solve, whose proximal map and value go on from call to call."""
        return _WarmTotalGeneralisedVariation(self._support, self.ratio, self.inner_iterations)

    def _state_for(self, planes: Tensor) -> _State:
        if self._state is None or self._state.field.shape[1:] != planes.shape:
            return _State.zero(planes)
        return self._state

    def _enough(self, planes: Tensor, weight: float) -> int:
        """Return how many dual iterations suffice for the image."""
        mean = float(counted(modulus(self._differences.forward(planes)), self._floor).mean())
        return dual_iterations(mean / weight, LEAST, EFFORT, MOST)

    def _ascend(self, planes: Tensor, weight: float, state: _State, iterations: int, fixed: bool = False) -> _State:
        """Return the state after some dual iterations; a `fixed` image stays as it is while w moves."""
        first = first_point = state.first
        second = second_point = state.second
        image = planes if fixed else torch.empty_like(planes)
        field = torch.empty_like(state.field)
        momentum = min(state.momentum, MOST_MOMENTUM)
        for _ in range(iterations):
            if not fixed:
                self._differences.add_adjoint_(image.zero_(), first_point)
                torch.sub(planes, image, alpha=weight, out=image)
            self._pull(state, first_point, second_point, weight, out=field)
            first_updated = self._differences.forward(image).sub_(field).mul_(FIRST_STEP / weight).add_(first_point)
            second_updated = self._symmetrised.forward(field).mul_(SECOND_STEP / weight).add_(second_point)
            bound_(self._inside_(first_updated), self._floor)
            second_updated.div_(modulus(second_updated).div_(self.ratio).clamp_min_(1))
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            inertia = 1 + (momentum - 1) / grown
            first_point = torch.lerp(first, first_updated, inertia)
            second_point = torch.lerp(second, second_updated, inertia)
            first, second, momentum = first_updated, second_updated, grown
        return _State(self._pull(state, first, second, weight, out=field), first, second, momentum)

    def _pull(self, state: _State, first: Tensor, second: Tensor, weight: float, out: Tensor) -> Tensor:
        """Return the field w that belongs to the duals: w′ − weight · (Eᵀ second − first)."""
        self._symmetrised.adjoint_into(second, out).sub_(first)
        return torch.sub(state.field, out, alpha=weight, out=out)

    def _inside_(self, differences: Tensor) -> Tensor:
        """Return `differences` with those across the border set to zero, in place."""
        differences[0, ..., -1:, :] = 0
        differences[1, ..., :, -1:] = 0
        return differences

    def _sum(self, differences: Tensor, field: Tensor) -> float:
        """Return ‖D x − w‖₁ + ratio · ‖E w‖₁ for one w."""
        rest = counted(modulus(self._inside_(differences - field)), self._floor)
        bend = modulus(self._symmetrised.forward(field))
        return float(rest.sum(dtype=torch.float64) + self.ratio * bend.sum(dtype=torch.float64))


class _WarmTotalGeneralisedVariation(TotalGeneralisedVariationPenalty):
    """Total generalised variation for one solve: the field w and the duals are kept for the next call."""

    _iterations = 0

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the proximal map, approximately: see the base."""
        if weight == 0:
            return x
        planes = planes_of(x)
        state = self._state_for(planes)
        if state is not self._state:
            self._iterations = self.inner_iterations or self._enough(planes, weight)
        self._state = self._ascend(planes, weight, state, self._iterations)
        real, imaginary = planes.sub_(self._differences.adjoint(self._state.first), alpha=weight)
        return torch.complex(real, imaginary)


class _SecondOrder(LinearOperator):
    """(x, w) ↦ (D x − w, E w): state (3, …) to (5, …)."""

    def __init__(self, support: Tensor | None) -> None:
        ny, nx = size_of(support)
        self.domain = Axes(state=3, batch=..., y=ny, x=nx)
        self.codomain = Axes(coefficient=5, batch=..., y=ny, x=nx)
        self._first = CountedDifferences(support)
        self._second = SymmetrisedDifferences()

    def _forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._rest_(self._first.forward(x[:1]) - x[1:]), self._second.forward(x[1:])])

    def _adjoint(self, y: Tensor) -> Tensor:
        first = self._rest_(y[:2].clone())
        return torch.cat([self._first.adjoint(first), self._second.adjoint(y[2:]) - first])

    def _rest_(self, first: Tensor) -> Tensor:
        """Zero in place what lies across the border or the support's: there w is free."""
        first[0, ..., -1:, :] = 0
        first[1, ..., :, -1:] = 0
        return self._first.drop_(first)
