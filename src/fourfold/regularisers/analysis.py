"""Regularisers of the form g(K z): shrinkage of groups, and sums of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from fourfold.operators.axes import Axes
from fourfold.operators.linear_operator import LinearOperator, Stack
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
    operator = Stack([part.operator for _, part in parts], [part.coefficients for _, part in parts])

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

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        self.domain, self.codomain = Axes(state=1, batch=...), operator.codomain

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator.forward(x[0])

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.adjoint(y)[None]

    def _normal(self, x: Tensor) -> Tensor:
        return self.operator.normal(x[0])[None]
