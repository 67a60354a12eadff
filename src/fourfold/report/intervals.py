"""Intervals on pages: their maps, what is said of them, and the page of what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fourfold.files.output import atomically, check_target, write_text
from fourfold.intervals.calibration import Calibration
from fourfold.intervals.evaluation import missed_map
from fourfold.intervals.learn import by_subject
from fourfold.intervals.observations import Observation
from fourfold.intervals.widths import relative_widths
from fourfold.metrics import METRICS
from fourfold.report.charts import chart_png, coverage_chart, std_chart
from fourfold.report.encoding import data_url, still
from fourfold.report.pictures import Gallery, amplification
from fourfold.report.results import Results
from fourfold.report.template import part, render
from fourfold.report.wording import decimal, pairs
from fourfold.scan import Reconstruction
from fourfold.studies.std_check import StdCheck

__all__ = ["interval", "std_charts", "write_calibration_page"]

_QUARTERS = ("narrowest quarter", "second", "third", "widest quarter")
_MAGNIFIED = 6
"""Screen pixels of a square of the map of missed pixels."""


def interval(results: Results, made: Reconstruction, gallery: Gallery, frame: int) -> dict[str, Any] | None:
    """Return the maps of the interval of a frame, lower end, upper end and width, and the bounds of its quality."""
    if made.interval is None:
        return None
    lower, upper = (results.turn(each)[frame] * (100 / gallery.unit) for each in made.interval)
    window = gallery.window()
    factor = amplification([upper - lower])
    details = made.record.details_of(frame)
    bounds = details.get("at_least", {})
    return {
        "pictures": [
            {"label": "Lower end", "note": "", "still": still(lower, *window)},
            {"label": "Upper end", "note": "", "still": still(upper, *window)},
            {"label": "Width", "note": f"×{factor}", "still": still(upper - lower, 0, 100 / factor, "inferno")},
        ],
        "sentences": [
            f"{METRICS[name].title}: at least {decimal(value, METRICS[name].decimals)} in this frame, as the members "
            "predict and the intervals' file corrects."
            for name, value in bounds.items()
        ],
    }


def std_charts(check: StdCheck | None) -> list[dict[str, str]]:
    """Return the chart of the error against the standard deviation, where both are known."""
    if check is None:
        return []
    std, error = ([100 * each for each in values] for values in (check.std, check.error))
    words = "Error of tenths of the object's pixels against their standard deviation"
    return [{"image": data_url(chart_png(std_chart(std, error))), "words": words}]


def write_calibration_page(
    made: Calibration, observations: Sequence[Observation], path: Path, *, replace: bool = True
) -> None:
    """Write the page of what was learned from `observations`, and how it did on subjects left out.

    Parameters
    ----------
    made
        What was learned.
    observations
        What it was learned from and tested on.
    path
        ``.html``.
    replace
        Whether a file that exists is replaced.
    """
    check_target(path, (".html",))
    results = made.results
    html = render(
        "intervals.html",
        title=f"Intervals '{made.name}' of {made.method}",
        style=part("page.css"),
        simulated="The k-space was computed from images; it was not measured by a scanner."
        if made.scans.simulated
        else "",
        facts=[
            ("Method", made.method),
            ("Subjects", str(len(made.scans.subjects))),
            ("Slices", str(made.scans.slices)),
            ("Sampling", f"{', '.join(made.scans.patterns)}, {_range(made.scans.acceleration)}×"),
        ],
        statement=made.statement,
        factor=f"{made.factor:.3f}",
        how=results.how if results else "",
        rows=results.rows() if results else [],
        charts=_coverage_charts(made),
        missed=_missed(made, observations),
        examples=_examples(made, observations),
        records=[
            ("Learned from", pairs(made.scans.model_dump(mode="json", exclude={"undersampling"}))),
            ("Undersampling", pairs(made.scans.undersampling)),
            ("Settings of the method", pairs({**made.settings, "weights": made.weights})),
        ],
        software={"fourfold": version("fourfold")},
    )
    with atomically(path, ".html", replace) as file:
        write_text(file, html)


def _range(limits: tuple[float, float]) -> str:
    low, high = limits
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _coverage_charts(made: Calibration) -> list[dict[str, str]]:
    if made.results is None:
        return []
    groups = {
        "Coverage of each subject": made.results.by_subject,
        "Coverage by the width of the interval": dict(zip(_QUARTERS, made.results.by_width, strict=True)),
    }
    return [
        {"image": data_url(chart_png(coverage_chart(words, each, made.coverage))), "words": words}
        for words, each in groups.items()
    ]


def _missed(made: Calibration, observations: Sequence[Observation]) -> str | None:
    """Return the map of the part of the pixels that intervals miss, over all slices."""
    found = missed_map(observations, made.factor)
    if found is None:
        return None
    squares = np.kron(np.nan_to_num(found), np.ones((_MAGNIFIED, _MAGNIFIED)))
    return still(squares, 0, 3 * (1 - made.coverage), "inferno")


def _examples(made: Calibration, observations: Sequence[Observation]) -> list[dict[str, Any]]:
    """Return image, standard deviation, error and missed pixels of a slice of each subject."""
    shown = []
    for name, group in by_subject(observations).items():
        each = group[len(group) // 2]
        peak = float(each.reference.max())
        error = ((each.image - each.reference).abs() / peak).numpy()
        std = (each.std / peak).numpy()
        top = float(np.percentile(error[each.object.numpy()], 99))
        missed = each.object & ((each.image - each.reference).abs() > made.factor * relative_widths(each.std))
        shown.append(
            {
                "subject": name,
                "pictures": [
                    {"label": "Image", "still": still(each.image.numpy() / peak, 0, 1)},
                    {"label": "Standard deviation", "still": still(std, 0, top, "inferno")},
                    {"label": "Error", "still": still(error, 0, top, "inferno")},
                    {"label": "Missed pixels", "still": still(missed.float().numpy(), 0, 1)},
                ],
            }
        )
    return shown
