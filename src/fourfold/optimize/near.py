"""Least squares with a Tikhonov term that favours a given image."""

from __future__ import annotations

from torch import Tensor

from fourfold.optimize.least_squares import LeastSquares, least_squares
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["minimise_near"]

# Of use after long work, beside which a few more iterations do not matter.
_TOLERANCE = 2e-5


def minimise_near(
    data: LeastSquares[float],
    near: Tensor,
    proximity_weight: float,
    regulariser: AnyRegulariser,
    weight: float,
    support: Tensor | None = None,
) -> Tensor:
    """Return arg min ½‖A x − y‖² + ½ proximity_weight ‖x − near‖² + weight · R(x), complex64 like `near`.

    Soft data consistency (Schlemper et al. 2018, IEEE TMI 37:491, Eq. 4) with a regulariser beside it: where the
    samples say much, they decide, elsewhere the given image does.

    Parameters
    ----------
    data
        A and y; the norm of A is at most 1.
    near
        Complex64, like x.
    proximity_weight
        Weight of the distance to `near` beside the samples.
    regulariser, weight, support
        As in `fourfold.optimize.minimise.minimise`.
    """
    # Divided by 1 + proximity_weight the operator keeps a norm of at most 1.
    share = 1 / (1 + proximity_weight)
    drawn = least_squares(
        lambda x: (data.normal(x) + proximity_weight * x) * share,
        (data.rhs + proximity_weight * near) * share,
        data.energy * share,
    )
    return minimise(drawn, regulariser, weight * share, start=near, tolerance=_TOLERANCE, support=support).x
