"""The data-consistency step of unrolled networks: a least-squares problem, solved by conjugate gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.operators.sense_encoding import Encoding

__all__ = ["data_consistency_step"]


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
    x = near
    residual = rhs - encoding.normal(x)
    direction = residual
    energy = _inner(residual, residual)
    for _ in range(iterations):
        image = encoding.normal(direction) + weight * direction
        # Both are 0 where the residual is 0, as for an image of zeros.
        step = energy / _inner(direction, image).clamp_min(_TINY)
        x = x + step * direction
        residual = residual - step * image
        previous, energy = energy, _inner(residual, residual)
        direction = residual + energy / previous.clamp_min(_TINY) * direction
    return x


_TINY = torch.finfo(torch.float32).tiny


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return Re⟨a, b⟩ of each frame, (frame, 1, 1, 1)."""
    products = torch.view_as_real(a) * torch.view_as_real(b)
    return products.flatten(1).sum(dim=1)[:, None, None, None]
