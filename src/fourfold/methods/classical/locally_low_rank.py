"""Series whose small blocks have few temporal components."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from fourfold.methods.method import Scope
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.low_rank import LocallyLowRankPenalty
from fourfold.regularisers.regulariser import Regulariser
from fourfold.scan import CONTRASTS, TIMES

__all__ = ["LocallyLowRank"]


class LocallyLowRank(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · Σ over blocks b of ‖x_b‖*, nuclear norms (Zhang 2015, MRM 73:655).

    For series in which each neighbourhood has a few temporal components of its own. Several grids of blocks are
    averaged, so that none shows. Where nothing varies in time, the contrasts of a slice are a series too: echoes decay
    along few components in each neighbourhood.
    """

    name: ClassVar[str] = "locally-low-rank"
    title: ClassVar[str] = "Locally low rank"
    display_order: ClassVar[int] = 62
    scope: ClassVar[Scope] = "series"
    series_along: ClassVar[tuple[str, ...]] = (*TIMES, *CONTRASTS)

    initial_weight: ClassVar[float] = 0.003
    noise_share: ClassVar[float | None] = 0.2

    weight: Weight = "auto"
    """Weight of the norms, relative to the brightness of the image, larger is smoother; auto follows the noise."""
    block_size: PositiveInt = 8
    """Width of a block in pixels."""
    block_shifts: PositiveInt = 2
    """Grids of blocks that are averaged, shifted against one another."""

    def new_regulariser(self, problem: SenseProblem) -> Regulariser:  # noqa: ARG002  # needs nothing of it
        """Return the nuclear norms of the blocks."""
        return LocallyLowRankPenalty(self.block_size, self.block_shifts)
