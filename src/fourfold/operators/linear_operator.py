"""The base class of all linear operators, with composition, sums, stacks and adjoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, ClassVar, Self, overload

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.operators.axes import Axes

__all__ = ["Adjoint", "Composition", "Identity", "LinearOperator", "Scaled", "Stack", "Sum", "inner", "norm"]


def inner(x: Tensor, y: Tensor) -> Tensor:
    """Return the inner product ⟨x, y⟩ = Σ conj(x)·y over all elements, accumulated in double precision."""
    return torch.vdot(x.flatten().to(torch.complex128), y.flatten().to(torch.complex128))


def norm(x: Tensor) -> float:
    """Return the Euclidean norm of all elements of `x`; complex ones on the real view, where torch is 100× faster."""
    return float(torch.linalg.vector_norm(torch.view_as_real(x.resolve_conj()) if x.is_complex() else x))


class LinearOperator(ABC):
    """A linear map A between tensors, with its true adjoint.

    What holds for `forward`, `adjoint` and `normal` of every operator, and of those composed from them:

    - **Argument.** One tensor with the axes `domain` (of `adjoint`: `codomain`). Others are refused. The argument is
      left as it is, and no call needs another before it.
    - **Result.** A new tensor, which the caller may overwrite.
    - **Gradients.** Where the argument requires a gradient, it is that of the true adjoint. Where the coil maps that A
      is made of require one, it reaches them too. Without either, nothing is recorded for a derivative.

    ``A(x)`` is `forward`, ``A @ B`` composes, ``A + B`` adds, ``a * A`` scales, ``A.H`` is the adjoint operator, and
    `Stack` puts results one after the other.

    A subclass sets `domain` and `codomain`, and writes `_forward`, `_adjoint` and, where AᴴA has a short cut,
    `_normal`. They may use scratch memory and work in place, for the gradient is taken from the adjoint. A subclass
    made of other operators, or of operations that torch differentiates, sets `torch_differentiates`.
    """

    domain: Axes = Axes(batch=...)
    """The axes of x in A x."""
    codomain: Axes = Axes(batch=...)
    """The axes of A x."""
    torch_differentiates: ClassVar[bool] = False
    """Whether torch differentiates `_forward`, `_adjoint` and `_normal`, with respect to all that they are made of."""

    def forward(self, x: Tensor) -> Tensor:
        """Return A x.

        Raises
        ------
        InputError
            When `x` does not have the axes `domain`.
        """
        self._require(self.domain, x, "forward")
        return self._differentiable(self._forward, self.adjoint, x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return Aᴴ y.

        Raises
        ------
        InputError
            When `y` does not have the axes `codomain`.
        """
        self._require(self.codomain, y, "adjoint")
        return self._differentiable(self._adjoint, self.forward, y)

    def normal(self, x: Tensor) -> Tensor:
        """Return AᴴA x.

        Raises
        ------
        InputError
            When `x` does not have the axes `domain`.
        """
        self._require(self.domain, x, "normal")
        return self._differentiable(self._normal, self.normal, x)

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """Return A x in a new tensor."""

    @abstractmethod
    def _adjoint(self, y: Tensor) -> Tensor:
        """Return Aᴴ y in a new tensor."""

    def _normal(self, x: Tensor) -> Tensor:
        """Return AᴴA x in a new tensor."""
        return self.adjoint(self.forward(x))

    def _require(self, axes: Axes, x: Tensor, call: str) -> None:
        if not axes.fit(x):
            raise InputError(
                f"{type(self).__name__}.{call} was given a tensor of shape {tuple(x.shape)} but takes {axes}; bring "
                "the tensor into this shape or make the operator for its size."
            )

    def _differentiable(
        self, compute: Callable[[Tensor], Tensor], derivative: Callable[[Tensor], Tensor], x: Tensor
    ) -> Tensor:
        """Return compute(x), with `derivative` for torch where it cannot find one by itself and is asked for one."""
        if self.torch_differentiates or not (x.requires_grad and torch.is_grad_enabled()):
            return compute(x)
        result: Tensor = _Apply.apply(x, compute, derivative)  # type: ignore[no-untyped-call]
        return result

    def to(self, device: torch.device | str) -> Self:
        """Return the operator with its tensors on `device`; it shares those that are there already."""
        moved = copy(self)
        vars(moved).update({name: _moved(value, device) for name, value in vars(self).items()})
        return moved

    @property
    def H(self) -> LinearOperator:  # noqa: N802  # the field's name for the adjoint
        """The adjoint operator."""
        return Adjoint(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x: see `forward`."""
        return self.forward(x)

    @overload
    def __matmul__(self, other: LinearOperator) -> LinearOperator: ...
    @overload
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __matmul__(self, other: LinearOperator | Tensor) -> LinearOperator | Tensor:
        """Compose with an operator, or apply to a tensor."""
        return Composition(self, other) if isinstance(other, LinearOperator) else self.forward(other)

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
    """A linear map whose derivative is another one, itself differentiable."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, compute: Callable[[Tensor], Tensor], derivative: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.derivative = derivative
        return compute(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.derivative(gradients[0]), None, None


def _moved(value: Any, device: torch.device | str) -> Any:
    """Return `value` on `device` where it can be there: tensors, operators, and lists of them."""
    if isinstance(value, list | tuple):
        return type(value)(_moved(each, device) for each in value)
    return value.to(device) if hasattr(value, "to") else value


class Adjoint(LinearOperator):
    """The adjoint of an operator, as an operator."""

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        self.domain, self.codomain = operator.codomain, operator.domain

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator.adjoint(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.forward(y)

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The operator itself again."""
        return self.operator


class Composition(LinearOperator):
    """The operator x ↦ outer(inner(x))."""

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        self.outer, self.inner = outer, inner
        self.domain, self.codomain = inner.domain, outer.codomain

    def _forward(self, x: Tensor) -> Tensor:
        return self.outer.forward(self.inner.forward(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))

    def _normal(self, x: Tensor) -> Tensor:
        """Return innerᴴ(outerᴴ outer(inner(x))), with the outer operator's own short cut."""
        return self.inner.adjoint(self.outer.normal(self.inner.forward(x)))

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The composition of both adjoints."""
        return Composition(self.inner.H, self.outer.H)


class Sum(LinearOperator):
    """The operator x ↦ first(x) + second(x)."""

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        self.first, self.second = first, second
        self.domain, self.codomain = first.domain, first.codomain

    def _forward(self, x: Tensor) -> Tensor:
        return _added(self.first.forward(x), self.second.forward(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        return _added(self.first.adjoint(y), self.second.adjoint(y))

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The sum of both adjoints."""
        return Sum(self.first.H, self.second.H)


def _added(first: Tensor, second: Tensor) -> Tensor:
    """Return the sum of tensors of one shape: broadcasting would not have the adjoint that the sum states."""
    if first.shape != second.shape:
        raise InputError(
            f"The operators of a sum return tensors of shapes {tuple(first.shape)} and {tuple(second.shape)}, which "
            "must be the same; add operators between the same axes."
        )
    return first + second


class Scaled(LinearOperator):
    """The operator x ↦ factor · A x."""

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, operator: LinearOperator, factor: complex) -> None:
        self.operator, self.factor = operator, factor
        self.domain, self.codomain = operator.domain, operator.codomain

    def _forward(self, x: Tensor) -> Tensor:
        return self.factor * self.operator.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return complex(self.factor).conjugate() * self.operator.adjoint(y)

    def _normal(self, x: Tensor) -> Tensor:
        return abs(self.factor) ** 2 * self.operator.normal(x)

    @property
    def H(self) -> LinearOperator:  # noqa: N802
        """The adjoint, scaled by conj(factor)."""
        return Scaled(self.operator.H, complex(self.factor).conjugate())


class Stack(LinearOperator):
    """The operator x ↦ (A x, B x, …), the results one after the other along the first axis.

    Parameters
    ----------
    operators
        Operators on the same x, whose results differ in the size of the first axis alone.
    sizes
        That size, for each operator.
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, operators: Sequence[LinearOperator], sizes: Sequence[int]) -> None:
        self.operators, self.sizes = list(operators), list(sizes)
        self.domain, self.codomain = self.operators[0].domain, Axes(stacked=sum(sizes), batch=...)

    def _forward(self, x: Tensor) -> Tensor:
        return torch.cat([operator.forward(x) for operator in self.operators])

    def _adjoint(self, y: Tensor) -> Tensor:
        first, *others = (operator.adjoint(part) for operator, part in zip(self.operators, self.split(y), strict=True))
        for other in others:
            first = _added(first, other)
        return first

    def split(self, y: Tensor) -> tuple[Tensor, ...]:
        """Return the part of each operator in `y` = A x, as views."""
        return torch.split(y, self.sizes)


class Identity(LinearOperator):
    """The operator x ↦ x."""

    torch_differentiates: ClassVar[bool] = True

    def _forward(self, x: Tensor) -> Tensor:
        return x.clone()

    def _adjoint(self, y: Tensor) -> Tensor:
        return y.clone()
