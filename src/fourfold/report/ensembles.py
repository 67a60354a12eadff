"""The page's section on ensembles: members, their standard deviation, curves, scores against their number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fourfold.metrics import Metric
from fourfold.report.charts import HELD_OUT, LOSS, chart_png, curve_chart, residual_chart, score_chart
from fourfold.report.encoding import data_url, still
from fourfold.report.intervals import interval, std_charts
from fourfold.report.pictures import Gallery, amplification
from fourfold.report.results import Results
from fourfold.report.wording import decimal
from fourfold.scan import Reconstruction
from fourfold.studies.ensemble import EnsembleScores

__all__ = ["ensembles"]

FIRST = "psnr"
"""The score written beside a member's image."""


def ensembles(results: Results, gallery: Gallery, frame: int) -> list[dict[str, Any]]:
    """Return what the template shows of each method that has members or a standard deviation.

    Parameters
    ----------
    results, gallery
        What the page shows.
    frame
        The frame of the still images.
    """
    scores = results.ensembles or (None,) * len(results.labels)
    checks = results.std_checks or (None,) * len(results.labels)
    return [
        {
            "label": label,
            "count": 0 if made.members is None else len(made.members),
            "pictures": _pictures(results, made, known, gallery, frame),
            "deviation": _deviation(results, made, gallery, frame),
            "interval": interval(results, made, gallery, frame),
            "check": check.words() if check else "",
            "charts": [*std_charts(check), *_curves(made, frame), *_score_charts(results, known)],
            "rows": _rows(results, known),
        }
        for label, made, known, check in zip(results.labels, results.reconstructions, scores, checks, strict=True)
        if made.members is not None or made.std is not None
    ]


def _pictures(
    results: Results, made: Reconstruction, scores: EnsembleScores | None, gallery: Gallery, frame: int
) -> list[dict[str, str]]:
    """Return the mean and each member in the window of all images."""
    window = gallery.window()
    shown = [("Mean", "", made.magnitude)]
    if made.members is not None and len(made.members) > 1:
        facts = _facts(made, scores, results, frame)
        shown += [
            (f"Member {place}", fact, member.abs())
            for place, (fact, member) in enumerate(zip(facts, made.members, strict=True), start=1)
        ]
    return [
        {
            "label": label,
            "score": score,
            "still": still(results.turn(image)[frame] * (100 / gallery.unit), *window),
        }
        for label, score, image in shown
    ]


def _facts(made: Reconstruction, scores: EnsembleScores | None, results: Results, frame: int) -> list[str]:
    """Return a few words on each member: its score or its seed."""
    assert made.members is not None
    metric = next((metric for metric in results.metrics if metric.name == FIRST), None)
    if scores is not None and metric is not None:
        best = scores.best(metric)
        return [
            f"{metric.name} {decimal(value, metric.decimals)}{' · best' if place == best else ''}"
            for place, value in enumerate(scores.single[metric.name])
        ]
    known = made.record.details_of(frame).get("members", ())
    return [f"seed {member['seed']}" for member in known] or [""] * len(made.members)


def _deviation(results: Results, made: Reconstruction, gallery: Gallery, frame: int) -> dict[str, Any] | None:
    """Return the map of the standard deviation, amplified by the rule of the error maps."""
    if made.std is None:
        return None
    deviation = results.turn(made.std)[frame] * (100 / gallery.unit)
    factor = amplification([deviation])
    return {
        "still": still(deviation, 0, 100 / factor, "inferno"),
        "bar": still(np.linspace(0, 1, 256)[None], 0, 1, "inferno"),
        "amplification": factor,
    }


def _curves(made: Reconstruction, frame: int) -> list[dict[str, str]]:
    """Return the charts of the members in a frame: the curves of fits, or the residuals of samples."""
    known = made.record.details_of(frame).get("members", ())
    if any(member.get("residuals") for member in known):
        chart = data_url(chart_png(residual_chart(known)))
        return [
            {
                "image": chart,
                "words": "Residual of each member, relative to the samples' noise, against the noise level",
            }
        ]
    members = [member for member in known if member.get("curve")]
    if not members:
        return []
    held_out = all(point[HELD_OUT] is not None for member in members for point in member["curve"])
    chosen = ", ".join(str(member["chosen_iteration"]) for member in members)
    words = {LOSS: "Loss", HELD_OUT: "Held-out error"}
    return [
        {
            "image": data_url(chart_png(curve_chart(members, quantity))),
            "words": f"{words[quantity]} of each member against the iteration; chosen: {chosen}",
        }
        for quantity in ((LOSS, HELD_OUT) if held_out else (LOSS,))
    ]


def _score_charts(results: Results, scores: EnsembleScores | None) -> list[dict[str, str]]:
    if scores is None:
        return []
    return [
        {
            "image": data_url(chart_png(_score_chart(metric, scores))),
            "words": f"{metric.title} against the number of averaged members",
        }
        for metric in results.metrics
    ]


def _score_chart(metric: Metric, scores: EnsembleScores) -> Figure:
    averaged, single = scores.averaged[metric.name], scores.single[metric.name]
    return score_chart(metric.title, averaged, single, single[scores.best(metric)])


def _rows(results: Results, scores: EnsembleScores | None) -> list[tuple[str, list[str]]]:
    """Return the table of scores against k, and of the best single member by each score."""
    if scores is None:
        return []

    def row(values: Mapping[str, float]) -> list[str]:
        return [decimal(values[metric.name], metric.decimals) for metric in results.metrics]

    count = len(next(iter(scores.averaged.values())))
    best = {metric.name: scores.single[metric.name][scores.best(metric)] for metric in results.metrics}
    means = {name: sum(values) / len(values) for name, values in scores.single.items()}
    rows = [("Single members, mean of their scores", row(means)), ("Best single member, by each score", row(best))]
    return rows + [
        (f"Mean of {k} members" if k > 1 else "First member", row({n: v[k - 1] for n, v in scores.averaged.items()}))
        for k in range(1, count + 1)
    ]
