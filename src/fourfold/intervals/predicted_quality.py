"""The quality of an image that its posterior samples predict, without a reference."""

from __future__ import annotations

import statistics

from fourfold.metrics import find_metric
from fourfold.scan import Reconstruction

__all__ = ["QUALITIES", "predicted_qualities"]

QUALITIES = ("psnr", "fastmri-ssim")
"""Names of the metrics of which bounds are given."""

FEWEST = 3
"""Members; the mean of fewer but one would be a single member."""


def predicted_qualities(made: Reconstruction, frame: int) -> dict[str, float]:
    """Return the mean score of the mean of all other members against each member, by the metric's name.

    If members are samples of the posterior, the truth is one more sample. The score of the mean against a member that
    it does not hold is then distributed as its score against the truth (Wen, Ahmad and Schniter 2025,
    arXiv:2505.09528).

    Parameters
    ----------
    made
        A reconstruction.
    frame
        The frame.

    Returns
    -------
    dict
        Scores; empty for less than three members, and without those that do not suit the image.
    """
    if made.members is None or len(made.members) < FEWEST:
        return {}
    members = made.members[:, frame].abs().cpu()
    total, count = members.sum(dim=0), len(members)
    pairs = [(((total - member) / (count - 1)).clamp_min(0)[None], member[None]) for member in members]
    metrics = [find_metric(name) for name in QUALITIES]
    return {
        metric.name: statistics.fmean(metric.evaluate(mean, member)[0] for mean, member in pairs)
        for metric in metrics
        if all(metric.refusal(member) is None for _, member in pairs)
    }
