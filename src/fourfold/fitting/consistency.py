"""The last step: an image that explains what was measured, and is otherwise the network's."""

from __future__ import annotations

from torch import Tensor

from fourfold.optimize.data_term import DataTerm
from fourfold.optimize.minimise import minimise
from fourfold.optimize.regulariser import AnyRegulariser
from fourfold.physics.sense import SenseProblem

__all__ = ["consistent_image"]

# The fit has taken so long that a few more iterations do not matter.
_TOLERANCE = 2e-5


def consistent_image(
    problem: SenseProblem, near: Tensor, pull: float, regulariser: AnyRegulariser, weight: float
) -> Tensor:
    """Return arg min ½‖A x − y‖² + ½ pull ‖x − near‖² + weight · R(x), complex64 like `near`.

    Soft data consistency (Schlemper et al. 2018, IEEE TMI 37:491, Eq. 4) with a regulariser beside it: where the
    samples say much, they decide, elsewhere the network does.

    Parameters
    ----------
    problem
        A and y.
    near
        The network's image, complex64, (frame, set, y, x).
    pull
        How much the network counts beside the samples, whose operator has a norm of at most 1.
    regulariser, weight
        R and its weight.
    """
    # Divided by 1 + pull the operator keeps a norm of at most 1.
    share = 1 / (1 + pull)
    data = DataTerm(
        lambda x: (problem.encoding.normal(x) + pull * x) * share,
        (problem.rhs + pull * near) * share,
        problem.energy / 2 * share,
    )
    return minimise(data, regulariser, weight * share, start=near, tolerance=_TOLERANCE, support=problem.support).x
