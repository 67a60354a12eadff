"""The data-consistency step of unrolled networks: a least-squares problem, solved by conjugate gradients."""

from __future__ import annotations

from torch import Tensor

from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.conjugate_gradient_steps import conjugate_gradient_steps, inner_of_each

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
    return conjugate_gradient_steps(encoding.normal, inner_of_each, rhs, near, weight, iterations)
