"""The interfaces of a regulariser R: a proximal map, a form R(x) = g(K x), or a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from fourfold.operators.linear_operator import Identity, LinearOperator
from fourfold.regularisers.warm import for_one_solve

__all__ = ["Analysis", "AnalysisRegulariser", "AnyRegulariser", "Regulariser", "SmoothRegulariser", "analysis_of"]


@runtime_checkable
class Regulariser(Protocol):
    """A convex function R with a proximal map; a `Warm` one goes on from call to call within a solve."""

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u)."""
        ...

    def value(self, x: Tensor) -> float:
        """Return R(x)."""
        ...


@runtime_checkable
class SmoothRegulariser(Protocol):
    """A function R with a gradient."""

    def value(self, x: Tensor) -> float:
        """Return R(x)."""
        ...

    def gradient(self, x: Tensor) -> Tensor:
        """Return ∇R(x), such that R(x + d) ≈ R(x) + Re⟨∇R(x), d⟩."""
        ...


AnyRegulariser: TypeAlias = Regulariser | SmoothRegulariser


@dataclass(frozen=True)
class Analysis:
    """R(x) = min over a of g(K z), where z (1 + auxiliary, …) stacks x and what R minimises over by itself."""

    operator: LinearOperator
    """K, from z to coefficients."""
    squared_norm: float
    """An upper bound of ‖K‖²."""
    shrink: Callable[[Tensor, float], Tensor]
    """v, t ↦ argmin over u of ½‖u − v‖² + t · g(u)."""
    length: Callable[[Tensor], float]
    """The function g."""
    coefficients: int = 1
    """Images that K makes of the state."""
    auxiliary: int = 0
    """Further images beside x; total generalised variation has the two of its field w."""
    seminorm: bool = True
    """Whether g(s v) = |s| g(v), which the duality gap needs."""


@runtime_checkable
class AnalysisRegulariser(Protocol):
    """A regulariser that is simple behind a linear operator, as most are."""

    def analysis(self) -> Analysis:
        """Return R's form g(K z)."""
        ...


def analysis_of(regulariser: Regulariser) -> Analysis:
    """Return the form g(K z) of `regulariser`; one that knows its proximal map alone is g, and K the identity."""
    if isinstance(regulariser, AnalysisRegulariser):
        return regulariser.analysis()
    warm = for_one_solve(regulariser)
    return Analysis(
        operator=Identity(),
        squared_norm=1.0,
        shrink=lambda z, threshold: warm.prox(z[0], threshold)[None],
        length=lambda z: regulariser.value(z[0]),
        seminorm=False,
    )
