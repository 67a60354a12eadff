"""Regularisers of the form g(K z): shrinkage of groups, and sums of several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fourfold.operators.linear_operator import LinearOperator
from fourfold.regularisers.regulariser import Analysis

__all__ = ["FirstOf", "length", "shrink", "sum_of_analyses"]


def shrink(v: Tensor, groups: Sequence[tuple[slice, float]]) -> Tensor:
    """Return `v` with the modulus over each group's part of the first axis shrunk by its threshold."""
    result = v.clone()
    for group, threshold in groups:
        part = result[group]
        # A zero modulus gives minus infinity before the clamp and so stays zero.
        part.mul_(_energy(part).rsqrt_().mul_(-threshold).add_(1).clamp_min_(0))
    return result


def length(v: Tensor) -> float:
    """Return the sum of the modulus over the first axis."""
    return float(_energy(v).sqrt_().sum(dtype=torch.float64))


def _energy(v: Tensor) -> Tensor:
    return torch.view_as_real(v).square().sum(dim=(0, -1))


def sum_of_analyses(parts: Sequence[tuple[float, Analysis]]) -> Analysis:
    """Return Σ factor · R of regularisers without auxiliary images: K stacks theirs."""
    operator = _Stack([part.operator for _, part in parts], [part.coefficients for _, part in parts])

    def shrink_all(v: Tensor, threshold: float) -> Tensor:
        pieces = operator.split(v)
        return torch.cat(
            [part.shrink(piece, factor * threshold) for (factor, part), piece in zip(parts, pieces, strict=True)]
        )

    def total(v: Tensor) -> float:
        pieces = operator.split(v)
        return sum(factor * part.length(piece) for (factor, part), piece in zip(parts, pieces, strict=True))

    return Analysis(
        operator,
        sum(part.squared_norm for _, part in parts),
        shrink_all,
        total,
        coefficients=sum(part.coefficients for _, part in parts),
        seminorm=all(part.seminorm for _, part in parts),
    )


class FirstOf(LinearOperator):
    """An operator on the only image of a state (1, …)."""

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator

    def forward(self, x: Tensor) -> Tensor:
        """Return A x[0]."""
        return self.operator.forward(x[0])

    def adjoint(self, y: Tensor) -> Tensor:
        """Return Aᴴ y as a state."""
        return self.operator.adjoint(y)[None]

    def normal(self, x: Tensor) -> Tensor:
        """Return AᴴA x[0] as a state."""
        return self.operator.normal(x[0])[None]


class _Stack(LinearOperator):
    """Several operators on one state, their coefficients one after the other along the first axis: so many of each."""

    def __init__(self, operators: Sequence[LinearOperator], sizes: Sequence[int]) -> None:
        self.operators, self.sizes = operators, list(sizes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([operator.forward(x) for operator in self.operators])

    def adjoint(self, y: Tensor) -> Tensor:
        first, *others = (operator.adjoint(part) for operator, part in zip(self.operators, self.split(y), strict=True))
        for other in others:
            first = first + other
        return first

    def split(self, y: Tensor) -> tuple[Tensor, ...]:
        """Return the coefficients of each operator."""
        return torch.split(y, self.sizes)
