"""Options of the tests, as several commands take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypedDict

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from fourfold.statistics.analysis import Choices

__all__ = ["StatisticsOptions", "choices_of"]


class _Options(TypedDict, total=False):
    paired: Literal["wilcoxon", "t"]
    """Test of two methods: wilcoxon (signed ranks, the default), or t where differences are normally distributed."""
    post_hoc: Literal["nemenyi", "conover"]
    """Test of pairs after Friedman's: nemenyi (the default) or conover, which finds smaller differences."""
    level: float
    """Significance level, 0.05 unless given."""


StatisticsOptions: TypeAlias = Annotated[_Options, Parameter(name="*", group=Group("Tests", sort_key=3))]
"""Which tests are made."""


def choices_of(options: _Options | None) -> Choices:
    """Return the options as the statistics take them."""
    # Loads scipy, which the help does not need.
    from fourfold.statistics.analysis import Choices

    return Choices(**(options or {}))
