"""Claims of a publication about two contenders, and whether they hold for the scores."""

from __future__ import annotations

from dataclasses import dataclass

from fourfold.metrics import Metric
from fourfold.studies.contenders import Contender
from fourfold.studies.page_parts import Finding
from fourfold.studies.scores import Scores

__all__ = ["Claim"]


@dataclass(frozen=True)
class Claim:
    """The claim that a network scores at least as well as another contender, or worse, in the mean over all images.

    Attributes
    ----------
    text
        The claim in words.
    one, other
        The network, and what it is compared with; None where there is no such contender.
    test_set, metric
        Which images and which scores are compared.
    numbers
        Template of the numbers in the sentence. It may contain ``{metric}``, the means ``{one}`` and ``{other}``, the
        mean difference ``{mean}``, the same with its standard deviation ``{difference}``, ``{images}``, ``{subjects}``.
    margin
        Smallest gain for which the claim holds; negative for a tolerance.
    worse
        Whether the claim is that the network is worse.
    """

    text: str
    one: Contender
    other: Contender | None
    test_set: str
    metric: Metric
    numbers: str
    margin: float = 0.0
    worse: bool = False

    def check(self, one: Scores, other: Scores) -> Finding:
        """Return whether the claim holds for the scores of the two, with the numbers."""
        metric, spec = self.metric, f".{self.metric.decimals}f"
        difference = one.minus(other, metric.name)
        gain = difference.mean if metric.higher_is_better else -difference.mean
        numbers = self.numbers.format(
            metric=metric.title,
            one=format(one.spread(metric.name).mean, spec),
            other=format(other.spread(metric.name).mean, spec),
            mean=format(difference.mean, f"+{spec}"),
            difference=difference.text(f"+{spec}"),
            images=_counted(len(one.names), "image"),
            subjects=_counted(len(set(one.subjects)), "subject"),
        )
        return Finding(self.text, gain < 0 if self.worse else gain >= self.margin, f"{self.text}: {numbers}.")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"
