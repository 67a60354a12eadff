"""A regulariser of the user's own as a method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import field_serializer
from torch import Tensor

from fourfold.errors import InputError
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["Custom"]

_NEGLIGIBLE = 1e-30


class Custom(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · R(x) for an R given by a function; from Python only.

    Either `prox` or `value` is needed. Images are complex64 (frame, set, y, x), bright tissue about one.
    """

    name: ClassVar[str] = "custom"
    title: ClassVar[str] = "Custom regulariser"
    initial_weight: ClassVar[float] = 0.002

    prox: Callable[[Tensor, float], Tensor] | None = None
    """x, w ↦ argmin over u of ½‖u − x‖² + w · R(u); serves fista, admm and primal-dual."""
    value: Callable[[Tensor], Any] | None = None
    """x ↦ R(x), made of torch operations where no gradient is given; serves nonlinear conjugate gradient."""
    gradient: Callable[[Tensor], Tensor] | None = None
    """x ↦ ∇R(x), such that R(x + d) ≈ R(x) + Re⟨∇R(x), d⟩; found by differentiating the value if not given."""
    weight: Weight = "auto"
    """Weight of R, larger is smoother; auto chooses it."""

    def model_post_init(self, _: Any) -> None:
        """Refuse functions that are not enough for what is asked."""
        if self.prox is None and self.value is None:
            raise InputError("A custom regulariser needs a function: give prox, or value with or without its gradient.")
        if self.value is None and (self.solver == "nlcg" or self.stopping == "objective"):
            raise InputError("The solver 'nlcg' and stopping by the objective need R's value; give it beside prox.")

    @field_serializer("prox", "value", "gradient")
    def _named(self, function: Callable[..., Any] | None) -> str | None:
        """Return the function's name for the record."""
        if function is None:
            return None
        return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"

    def regulariser(self, problem: SenseProblem) -> AnyRegulariser:  # noqa: ARG002  # the function knows no maps
        """Return R by its proximal map, or else by its gradient."""
        if self.prox is not None and not (self.solver == "nlcg" and self.gradient is not None):
            return _Proximal(self.prox, self.value)
        assert self.value is not None
        return _Smooth(self.value, self.gradient)


@dataclass(frozen=True)
class _Proximal:
    proximal_map: Callable[[Tensor, float], Tensor]
    function: Callable[[Tensor], Any] | None

    def prox(self, x: Tensor, weight: float) -> Tensor:
        return self.proximal_map(x, weight)

    def value(self, x: Tensor) -> float:
        return math.nan if self.function is None else float(self.function(x))


@dataclass(frozen=True)
class _Smooth:
    function: Callable[[Tensor], Any]
    derivative: Callable[[Tensor], Tensor] | None

    def value(self, x: Tensor) -> float:
        return float(self.function(x))

    def gradient(self, x: Tensor) -> Tensor:
        if self.derivative is not None:
            return self.derivative(x)
        with torch.enable_grad():
            x = _without_subnormal_parts(x.detach()).requires_grad_()
            return torch.autograd.grad(self.function(x), x)[0]


def _without_subnormal_parts(x: Tensor) -> Tensor:
    """Return `x` with real and imaginary parts below 1e-30 set to zero.

    On some processors torch's derivative of a complex modulus is NaN at subnormal numbers (below 1.2e-38), which
    differences of neighbouring pixels also reach where the image decays to nothing.
    """
    parts = torch.view_as_real(x)
    return torch.view_as_complex(torch.where(parts.abs() < _NEGLIGIBLE, 0, parts))
