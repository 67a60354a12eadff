"""Any regulariser as a method: by name, as a class or an object, or given by functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError
from torch import Tensor

from fourfold.errors import InputError
from fourfold.methods.method_settings import name_in_record
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.registry import new_regulariser, regularisers
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["Custom"]

_NEGLIGIBLE = 1e-30


def _known(regulariser: Any) -> Any:
    """Refuse what is neither a known name nor a class or an object with `prox` or `gradient`."""
    known = regulariser in regularisers() if isinstance(regulariser, str) else _is_regulariser(regulariser)
    if regulariser is None or known:
        return regulariser
    names = ", ".join(regularisers())
    raise PydanticCustomError(
        "regulariser", "Input should be one of {names}, or from Python an object", {"names": names}
    )


def _is_regulariser(candidate: Any) -> bool:
    return hasattr(candidate, "value") and (hasattr(candidate, "prox") or hasattr(candidate, "gradient"))


_Named = PlainSerializer(name_in_record, return_type=str | None)
# A settings file cannot hold a function.
_NoJson = WithJsonSchema({"type": "null"})


class Custom(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · R(x) for any R: a regulariser by name or, from Python, functions.

    Images are complex64 (frame, set, y, x), bright tissue about one.
    """

    name: ClassVar[str] = "custom"
    title: ClassVar[str] = "Custom regulariser"
    initial_weight: ClassVar[float] = 0.002

    regulariser: Annotated[Any, AfterValidator(_known), _Named] = None
    """R by name: tv, tgv, wavelet, or any other in the folder `regularisers`; from Python also a class or an object."""
    prox: Annotated[Callable[[Tensor, float], Tensor] | None, _Named, _NoJson] = None
    """From Python: x, w ↦ argmin over u of ½‖u − x‖² + w · R(u); serves fista, admm and primal-dual."""
    value: Annotated[Callable[[Tensor], Any] | None, _Named, _NoJson] = None
    """From Python: x ↦ R(x), made of torch operations where no gradient is given; serves nonlinear conjugate
    gradient."""
    gradient: Annotated[Callable[[Tensor], Tensor] | None, _Named, _NoJson] = None
    """From Python: x ↦ ∇R(x), such that R(x + d) ≈ R(x) + Re⟨∇R(x), d⟩; without it the value is differentiated."""
    weight: Weight = "auto"
    """Weight of R, larger is smoother; auto chooses it."""

    def model_post_init(self, _: Any) -> None:
        """Refuse functions that do not suffice for the other settings."""
        given = self.prox is not None or self.value is not None
        if given and self.regulariser is not None:
            raise InputError("A custom regulariser is given twice: give regulariser, or prox or value, not both.")
        if self.gradient is not None and not given:
            raise InputError("A custom regulariser needs a function: give prox, or value with or without its gradient.")
        if given and self.value is None and (self.solver == "nlcg" or self.stopping == "objective"):
            raise InputError("The solver 'nlcg' and stopping by the objective need R's value; give it beside prox.")

    @classmethod
    def ready(cls) -> bool:
        """Return that comparisons leave it out unless it is named: it needs a regulariser."""
        return False

    def new_regulariser(self, problem: SenseProblem) -> AnyRegulariser:
        """Return R by its name, its proximal map, or its gradient."""
        if self.regulariser is not None:
            return new_regulariser(self.regulariser, problem.support)
        if self.prox is not None and not (self.solver == "nlcg" and self.gradient is not None):
            return _Proximal(self.prox, self.value)
        if self.value is None:
            raise InputError(
                f"The method 'custom' needs a function or a regulariser: name one of {', '.join(regularisers())}, or "
                "give prox or value from Python."
            )
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
