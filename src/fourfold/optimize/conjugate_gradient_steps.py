"""Conjugate gradient with a fixed number of iterations, for several independent problems at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["conjugate_gradient_steps", "inner_of_each"]

_TINY = torch.finfo(torch.float32).tiny


def conjugate_gradient_steps(
    normal: Callable[[Tensor], Tensor],
    inner: Callable[[Tensor, Tensor], Tensor],
    rhs: Tensor,
    near: Tensor,
    weight: Tensor | float,
    iterations: int,
) -> Tensor:
    """Minimise ‖Ax − y‖² + weight · ‖x − near‖² with a fixed number of conjugate-gradient iterations from `near`.

    What lies in A's null space stays as in `near` exactly, whatever the number of iterations. Autograd differentiates
    through the iterations.

    Parameters
    ----------
    normal
        x ↦ AᴴA x.
    inner
        x, y ↦ Re⟨x, y⟩ of each problem, broadcast to images.
    rhs
        Aᴴy.
    near
        Image that the solution stays close to.
    weight
        Positive, a number or one for each problem, broadcast to images.
    iterations
        Number of iterations; each applies AᴴA once.
    """
    x = near
    residual = rhs - normal(x)
    direction = residual
    energy = inner(residual, residual)
    for _ in range(iterations):
        image = normal(direction) + weight * direction
        # Both are 0 where the residual is 0, as for an image of zeros.
        step = energy / inner(direction, image).clamp_min(_TINY)
        x = x + step * direction
        residual = residual - step * image
        previous, energy = energy, inner(residual, residual)
        direction = residual + energy / previous.clamp_min(_TINY) * direction
    return x


def inner_of_each(a: Tensor, b: Tensor) -> Tensor:
    """Return Re⟨a, b⟩ of each frame of complex images (frame, …), as (frame, 1, …)."""
    products = torch.view_as_real(a) * torch.view_as_real(b)
    return products.flatten(1).sum(dim=1).view(-1, *([1] * (a.ndim - 1)))
