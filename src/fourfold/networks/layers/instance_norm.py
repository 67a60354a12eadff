"""Instance normalisation and leaky ReLU in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import instance_norm, leaky_relu, leaky_relu_

__all__ = ["SLOPE", "normalised_leaky_relu_"]

SLOPE = 0.2
"""Negative slope of the leaky ReLU, as in fastMRI's networks."""

_EPSILON = 1e-5
_CACHE_BYTES = 1 << 20


def normalised_leaky_relu_(x: Tensor) -> Tensor:
    """Normalise every channel of every image to mean 0 and variance 1, then apply a leaky ReLU; overwrites `x`.

    Ulyanov, Vedaldi & Lempitsky 2016 (arXiv:1607.08022). A leaky ReLU is invertible, so that the derivative needs only
    the output and the scales: training stores one array where separate layers store two (Rota Bulò 2018, CVPR, did this
    for batch norm). torch's instance norm does not support the channels-last layout. Its batch and group norms in that
    layout lose two to five digits, because they sum all pixels in single precision; here rows are summed, then columns.

    Parameters
    ----------
    x
        Real, (frame, channel, y, x); it is overwritten.

    Returns
    -------
    Tensor
        `x`.
    """
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        # Exporters need plain operations, and GPUs have fast ones.
        return leaky_relu(instance_norm(x, eps=_EPSILON), SLOPE)
    result: Tensor = _NormalisedLeakyRelu.apply(x)  # type: ignore[no-untyped-call]
    return result


class _NormalisedLeakyRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = _rows(x)
        pixels = x.shape[2] * x.shape[3]
        mean = _row_sums(rows).sum(dim=2, keepdim=True) / pixels
        energy = torch.zeros_like(mean)
        for block in _blocks(rows):
            block.sub_(mean)
            energy = energy + _row_sums(block, block)
        scale = (energy.sum(dim=2, keepdim=True) / pixels + _EPSILON).rsqrt_()
        for block in _blocks(rows):
            leaky_relu_(block.mul_(scale), SLOPE)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x, scale)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        pixels = y.shape[2] * y.shape[3]
        y, gradient = _rows(y), _rows(gradient).contiguous()
        result = torch.empty_like(gradient)
        blocks = [_blocks(array) for array in (y, gradient, result)]
        mean = along = torch.zeros_like(scale)
        for out, incoming, inner in zip(*blocks, strict=True):
            inner.copy_(torch.ops.aten.leaky_relu_backward(incoming, out, SLOPE, True))
            mean = mean + _row_sums(inner)
            along = along + _row_sums(inner, leaky_relu(out, 1 / SLOPE))
        mean, along = (total.sum(dim=2, keepdim=True) / pixels for total in (mean, along))
        for out, _, inner in zip(*blocks, strict=True):
            inner.sub_(mean).sub_(leaky_relu(out, 1 / SLOPE).mul_(along)).mul_(scale)
        return result.permute(0, 3, 1, 2)


def _rows(x: Tensor) -> Tensor:
    """Return (frame, channel, y, x) as (frame, y, x, channel), the order of memory."""
    return x.permute(0, 2, 3, 1)


def _blocks(rows: Tensor) -> Sequence[Tensor]:
    """Return rows (frame, y, x, channel) in blocks that fit the cache of a core."""
    if rows.device.type != "cpu":
        return (rows,)
    rows_per_block = max(1, _CACHE_BYTES // (rows[:, 0].numel() * rows.element_size()))
    return torch.split(rows, rows_per_block, dim=1)


def _row_sums(x: Tensor, factor: Tensor | None = None) -> Tensor:
    """Return the sums over y of x, or of x · factor, (frame, y, x, channel), in single precision at least."""
    single = torch.promote_types(x.dtype, torch.float32)
    product = x if factor is None else x.to(single) * factor
    return product.sum(dim=1, keepdim=True, dtype=single)
