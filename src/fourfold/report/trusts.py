"""The page's section on trust: warnings, the parts of each image with their assumptions, and their maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from fourfold.confidence.ranking import Ranking
from fourfold.confidence.result import TrustPart
from fourfold.report.encoding import still
from fourfold.report.pictures import Gallery, amplification
from fourfold.report.results import Results
from fourfold.report.wording import decimal

__all__ = ["banner", "ranking_rows", "trusts"]


def banner(results: Results) -> list[tuple[str, str]]:
    """Return the label of each image that should not be trusted, with the sentence that says why."""
    return [
        (label, sentence)
        for label, sentences in zip(results.labels, results.warnings, strict=False)
        for sentence in sentences
    ]


def trusts(results: Results, gallery: Gallery, frame: int) -> list[dict[str, Any]]:
    """Return what the template shows of each image's trust; maps are still images of one frame."""
    return [
        {
            "label": label,
            "rows": [_row(part) for part in trust.parts],
            "omitted": trust.omitted,
            "maps": [
                _map(results, part, gallery, frame)
                for part in trust.parts
                if part.map is not None and part.map.shape == made.image.shape
            ],
        }
        for label, made, trust in zip(results.labels, results.reconstructions, results.trusts, strict=False)
        if trust is not None
    ]


def ranking_rows(results: Results, ranking: Ranking | None) -> list[tuple[str, list[str]]]:
    """Return a row for each ranked method: its score, and how sure its place is."""
    if ranking is None:
        return []
    titles = {made.record.method: label for label, made in zip(results.labels, results.reconstructions, strict=True)}
    return [
        (
            titles.get(name, name),
            [
                decimal(ranking.decibels[name], 1),
                f"{100 * ranking.best[name]:.0f} %",
                f"{100 * ranking.better_than_next[name]:.0f} %" if name != ranking.methods[-1] else "–",
            ],
        )
        for name in ranking.methods
    ]


def _row(part: TrustPart) -> dict[str, str]:
    return {
        "name": part.name,
        "value": part.words,
        "says": part.assumption,
        "seconds": decimal(part.seconds, 1),
        "reconstructions": str(part.reconstructions),
    }


def _map(results: Results, part: TrustPart, gallery: Gallery, frame: int) -> dict[str, Any]:
    """Return a part's map, amplified by the rule of the error maps."""
    assert part.map is not None
    values = results.turn(part.map)[frame] * (100 / gallery.unit)
    factor = amplification([values])
    return {
        "name": part.name,
        "still": still(values, 0, 100 / factor, "inferno"),
        "bar": still(np.linspace(0, 1, 256)[None], 0, 1, "inferno"),
        "amplification": factor,
    }
