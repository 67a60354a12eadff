"""A solution that is drawn to a given image."""

from __future__ import annotations

from torch import Tensor

from fourfold.optimize.data_term import DataTerm
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["minimise_near"]

# Of use after long work, beside which a few more iterations do not matter.
_TOLERANCE = 2e-5


def minimise_near(
    data: DataTerm,
    near: Tensor,
    pull: float,
    regulariser: AnyRegulariser,
    weight: float,
    support: Tensor | None = None,
) -> Tensor:
    """Return arg min ½‖A x − y‖² + ½ pull ‖x − near‖² + weight · R(x), complex64 like `near`.

    Soft data consistency (Schlemper et al. 2018, IEEE TMI 37:491, Eq. 4) with a regulariser beside it: where the
    samples say much, they decide, elsewhere the given image does.

    Parameters
    ----------
    data
        A and y; the norm of A is at most 1.
    near
        Complex64, like x.
    pull
        How much it counts beside the samples.
    regulariser, weight, support
        As in `fourfold.optimize.minimise.minimise`.
    """
    # Divided by 1 + pull the operator keeps a norm of at most 1.
    share = 1 / (1 + pull)
    drawn = DataTerm(
        lambda x: (data.normal(x) + pull * x) * share, (data.rhs + pull * near) * share, data.energy * share
    )
    return minimise(drawn, regulariser, weight * share, start=near, tolerance=_TOLERANCE, support=support).x
