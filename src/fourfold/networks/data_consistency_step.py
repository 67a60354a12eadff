"""The data-consistency step of unrolled networks: a least-squares problem, solved by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fourfold.operators.sense_encoding import Encoding

__all__ = ["conjugate_gradient_steps", "data_consistency_step"]

_TINY = torch.finfo(torch.float32).tiny


def data_consistency_step(encoding: Encoding, rhs: Tensor, near: Tensor, weight: Tensor, iterations: int) -> Tensor:
    """Minimise ‖Ax − y‖² + weight · ‖x − near‖² with a fixed number of conjugate-gradient iterations from `near`.

    Autograd differentiates through the iterations, as in MoDL (Aggarwal et al. 2019, IEEE TMI 38:394, Eq. 9).

    Parameters
    ----------
    encoding
        A.
    rhs
        Aᴴy, complex64, (frame, set, y, x).
    near
        Image (frame, set, y, x) that the solution stays close to.
    weight
        Positive, a scalar or (frame, 1, 1, 1).
    iterations
        Number of iterations; each applies AᴴA once.
    """
    return conjugate_gradient_steps(encoding.normal, _inner, rhs, near, weight, iterations)


def conjugate_gradient_steps(
    normal: Callable[[Tensor], Tensor],
    inner: Callable[[Tensor, Tensor], Tensor],
    rhs: Tensor,
    near: Tensor,
    weight: Tensor,
    iterations: int,
) -> Tensor:
    """Return what `data_consistency_step` does, in the numbers that the arguments are in.

    Parameters
    ----------
    normal
        x ↦ AᴴA x.
    inner
        x, y ↦ Re⟨x, y⟩ of each frame, broadcast to images.
    rhs, near, weight, iterations
        As in `data_consistency_step`.
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


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return Re⟨a, b⟩ of each frame, (frame, 1, 1, 1)."""
    products = torch.view_as_real(a) * torch.view_as_real(b)
    return products.flatten(1).sum(dim=1)[:, None, None, None]
