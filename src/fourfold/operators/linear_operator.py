"""The base class of all linear operators, with composition, sums and adjoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, overload

import torch
from torch import Tensor

__all__ = ["Adjoint", "Composition", "Identity", "LinearOperator", "Scaled", "Sum", "inner", "norm"]


def inner(x: Tensor, y: Tensor) -> Tensor:
    """Return the inner product ⟨x, y⟩ = Σ conj(x)·y over all elements, accumulated in double precision."""
    return torch.vdot(x.flatten().to(torch.complex128), y.flatten().to(torch.complex128))


def norm(x: Tensor) -> float:
    """Return the Euclidean norm of all elements of `x`; complex ones on the real view, where torch is 100× faster."""
    return float(torch.linalg.vector_norm(torch.view_as_real(x.resolve_conj()) if x.is_complex() else x))


class LinearOperator(ABC):
    """A linear map between tensors, with its true adjoint.

    Subclasses write `forward` and `adjoint` (and `normal` where AᴴA has a short cut). Both take and return one
    tensor, accept leading batch axes, leave their argument as it is, and need no other call before. What they return
    is the caller's own tensor, which may be changed in place.

    Calling the operator differentiates through the adjoint, so that `forward` may use scratch memory and needs no
    recorded graph. ``A @ B`` composes, ``A + B`` adds, ``a * A`` scales, ``A.H`` is the adjoint operator.
    """

    torch_differentiates: ClassVar[bool] = False
    """Whether `forward` and `adjoint` are made of operations that torch differentiates. A call then leaves it to torch,
    and gradients reach whatever the operator is made of, such as coil maps."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return A x."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """Return Aᴴ y."""

    def normal(self, x: Tensor) -> Tensor:
        """Return Aᴴ A x."""
        return self.adjoint(self.forward(x))

    @property
    def H(self) -> LinearOperator:  # noqa: N802  # the field's name for the adjoint
        """The adjoint operator."""
        return Adjoint(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x, differentiable in x, and in what the operator is made of where `torch_differentiates`."""
        if self.torch_differentiates:
            return self.forward(x)
        result: Tensor = _Apply.apply(x, self)  # type: ignore[no-untyped-call]
        return result

    @overload
    def __matmul__(self, other: LinearOperator) -> LinearOperator: ...
    @overload
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __matmul__(self, other: LinearOperator | Tensor) -> LinearOperator | Tensor:
        """Compose with an operator, or apply to a tensor."""
        return Composition(self, other) if isinstance(other, LinearOperator) else self(other)

    def __add__(self, other: LinearOperator) -> LinearOperator:
        """Return the operator x ↦ A x + B x."""
        return Sum(self, other)

    def __rmul__(self, factor: complex) -> LinearOperator:
        """Return the operator x ↦ factor · A x."""
        return Scaled(self, factor)

    def norm(self, like: Tensor, iterations: int = 30, seed: int = 0) -> float:
        """Return the largest singular value by power iteration on AᴴA.

        Parameters
        ----------
        like
            A tensor of the domain's shape, dtype and device (its values do not matter).
        iterations
            Power iterations; the result approaches the norm from below.
        seed
            Seed of the random start.
        """
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(like.shape, dtype=like.dtype, generator=generator).to(like.device)
        x /= norm(x)
        squared = 0.0
        for _ in range(iterations):
            x = self.normal(x)
            squared = norm(x)
            if squared == 0:
                return 0.0
            x = x / squared
        return float(squared**0.5)


class _Apply(torch.autograd.Function):
    """Gradient of y = A x is Aᴴ grad: applied as an operator call, so that higher derivatives work too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, operator: LinearOperator) -> Tensor:
        ctx.operator = operator
        return operator.forward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.operator.H(grads[0]), None


class Adjoint(LinearOperator):
    """The adjoint of an operator, as an operator."""

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator

    def forward(self, x: Tensor) -> Tensor:
        """Return Aᴴ x."""
        return self.operator.adjoint(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return A y."""
        return self.operator.forward(y)

    def __call__(self, x: Tensor) -> Tensor:
        """Return Aᴴ x, differentiable as the operator is."""
        return self.forward(x) if self.operator.torch_differentiates else super().__call__(x)

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The operator itself again."""
        return self.operator


class Composition(LinearOperator):
    """The operator x ↦ outer(inner(x))."""

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        self.outer, self.inner = outer, inner

    def forward(self, x: Tensor) -> Tensor:
        """Return outer(inner(x))."""
        return self.outer.forward(self.inner.forward(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """Return innerᴴ(outerᴴ(y))."""
        return self.inner.adjoint(self.outer.adjoint(y))

    def normal(self, x: Tensor) -> Tensor:
        """Return innerᴴ(outerᴴ outer(inner(x))), with the outer operator's own short cut."""
        return self.inner.adjoint(self.outer.normal(self.inner.forward(x)))

    def __call__(self, x: Tensor) -> Tensor:
        """Return outer(inner(x)), differentiable as both are."""
        return self.outer(self.inner(x))

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The composition of both adjoints."""
        return Composition(self.inner.H, self.outer.H)


class Sum(LinearOperator):
    """The operator x ↦ first(x) + second(x)."""

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Return first(x) + second(x)."""
        return self.first.forward(x) + self.second.forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return firstᴴ(y) + secondᴴ(y)."""
        return self.first.adjoint(y) + self.second.adjoint(y)

    def __call__(self, x: Tensor) -> Tensor:
        """Return first(x) + second(x), differentiable as both are."""
        return self.first(x) + self.second(x)

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The sum of both adjoints."""
        return Sum(self.first.H, self.second.H)


class Scaled(LinearOperator):
    """The operator x ↦ factor · A x."""

    def __init__(self, operator: LinearOperator, factor: complex) -> None:
        self.operator, self.factor = operator, factor

    def forward(self, x: Tensor) -> Tensor:
        """Return factor · A x."""
        return self.factor * self.operator.forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return conj(factor) · Aᴴ y."""
        return complex(self.factor).conjugate() * self.operator.adjoint(y)

    def normal(self, x: Tensor) -> Tensor:
        """Return |factor|² · AᴴA x."""
        return abs(self.factor) ** 2 * self.operator.normal(x)

    def __call__(self, x: Tensor) -> Tensor:
        """Return factor · A x, differentiable as the operator is."""
        return self.factor * self.operator(x)

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The adjoint, scaled by conj(factor)."""
        return Scaled(self.operator.H, complex(self.factor).conjugate())


class Identity(LinearOperator):
    """The operator x ↦ x."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a copy of x."""
        return x.clone()

    def adjoint(self, y: Tensor) -> Tensor:
        """Return a copy of y."""
        return y.clone()
