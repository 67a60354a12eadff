"""The methods of one scan in the order of their held-back scores, and how sure that order is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fourfold.confidence.score import Score

__all__ = ["Ranking", "rank"]

# Methods that are the best with at least this probability are named beside the first.
_POSSIBLE = 0.1


@dataclass(frozen=True)
class Ranking:
    """The methods of a scan in the order of their held-back scores.

    Attributes
    ----------
    methods
        Their names, the best first.
    decibels
        The score of each: the error of missing samples in dB of the image's energy.
    best
        The probability that it is the best, over draws of the held-back lines or samples.
    better_than_next
        The probability that it is better than the next one; 1 for the last.
    unit
        What was held back: lines or samples.
    exchangeable
        Whether the score estimates the error of the image; otherwise it ranks only.
    """

    methods: tuple[str, ...]
    decibels: Mapping[str, float]
    best: Mapping[str, float]
    better_than_next: Mapping[str, float]
    unit: str
    exchangeable: bool

    @property
    def sentence(self) -> str:
        """How sure the ranking is, in words."""
        first = self.methods[0]
        rivals = [name for name in self.methods[1:] if self.best[name] >= _POSSIBLE]
        sure = f"'{first}' is the best with a probability of {100 * self.best[first]:.0f} %"
        others = f"; {', '.join(rivals)} may be as good" if rivals else ""
        gaps = (
            ""
            if self.exchangeable
            else " The pattern is regular, so that the scores rank methods and do not tell the images' errors."
        )
        return f"By held-back {self.unit}, {sure}{others}.{gaps}"

    def summary(self) -> dict[str, Any]:
        """Return the ranking as JSON types."""
        return {
            "by": f"held-back {self.unit}",
            "sentence": self.sentence,
            "exchangeable": self.exchangeable,
            "methods": [
                {
                    "method": name,
                    "held_back_error_db": round(self.decibels[name], 3),
                    "probability_best": self.best[name],
                    "probability_better_than_next": self.better_than_next[name],
                }
                for name in self.methods
            ],
        }


def rank(scores: Sequence[Score]) -> Ranking:
    """Return the ranking of methods that were scored by the same held-back samples; one score at least."""
    ordered = sorted(scores, key=lambda score: score.error)
    errors = torch.stack([score.resampled for score in ordered])
    wins = torch.bincount(errors.argmin(dim=0), minlength=len(ordered)).double() / errors.shape[1]
    beats = [*(errors[:-1] < errors[1:]).double().mean(dim=1).tolist(), 1.0]
    names = tuple(score.method for score in ordered)
    units = ordered[0].frames[0].units
    return Ranking(
        names,
        {score.method: score.decibels for score in ordered},
        dict(zip(names, wins.tolist(), strict=True)),
        dict(zip(names, beats, strict=True)),
        units.noun,
        units.exchangeable,
    )
