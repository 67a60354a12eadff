"""Scores of an ensemble against the number of averaged members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.metrics import Metric

__all__ = ["EnsembleScores", "averages", "ensemble_scores"]


@dataclass(frozen=True)
class EnsembleScores:
    """The scores of averages and of single members, by the metric's name."""

    averaged: Mapping[str, tuple[float, ...]]
    """Of the mean of the first k members, for k = 1 … members."""
    single: Mapping[str, tuple[float, ...]]
    """Of each member."""

    def best(self, metric: Metric) -> int:
        """Return which member has the best score of a metric, which only a reference can tell."""
        scores = self.single[metric.name]
        return scores.index(max(scores) if metric.higher_is_better else min(scores))


def averages(members: Tensor) -> Tensor:
    """Return the mean magnitude of the first k members, float32 (k, frame, y, x), of complex64 (member, frame, y, x).

    Members stand in the order of their seeds, so that the k-th mean is the image of an ensemble of k.
    """
    counts = torch.arange(1, len(members) + 1, device=members.device).view(-1, 1, 1, 1)
    return members.abs().cumsum(dim=0) / counts


def ensemble_scores(members: Tensor, reference: Tensor, metrics: Sequence[Metric]) -> EnsembleScores:
    """Return the scores of the averages and of the single members (Darestani & Heckel 2021, IEEE TCI 7:724, Figure 4).

    Parameters
    ----------
    members
        complex64, (member, frame, y, x).
    reference
        float32, (frame, y, x).
    metrics
        The metrics, which must suit the reference.
    """

    def scores(images: Tensor) -> dict[str, tuple[float, ...]]:
        return {metric.name: tuple(metric.evaluate(image, reference)[0] for image in images) for metric in metrics}

    return EnsembleScores(scores(averages(members)), scores(members.abs()))
