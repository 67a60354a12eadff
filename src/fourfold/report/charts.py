"""Charts: curves of an ensemble's members, scores against the number of averaged ones, histories of trainings."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from fourfold.report.palette import ACCENT, GROUND, LINE, MARK, MEMBERS, MUTED, TEXT

__all__ = [
    "HELD_OUT",
    "LOSS",
    "chart_png",
    "coverage_chart",
    "curve_chart",
    "history_chart",
    "line_chart",
    "residual_chart",
    "score_chart",
    "std_chart",
]

SIZE = (3.5, 2.5)
"""Width and height of a chart in inches."""
DPI = 200

LOSS, HELD_OUT = "loss", "held_out_error"
"""Keys of the quantities in a member's curve."""

# So many members fit into a legend of one column.
_ONE_COLUMN = 5
# Fewer points than this are marked.
_FEW_POINTS = 30
_NAMES = {LOSS: "Loss, relative to the samples' energy", HELD_OUT: "Error of the held-out samples, relative"}


def curve_chart(members: Sequence[Mapping[str, Any]], quantity: str) -> Figure:
    """Return the chart of a quantity of each member against the iteration, the chosen iteration marked.

    Parameters
    ----------
    members
        Of the record of an untrained method: ``seed``, ``chosen_iteration`` and ``curve`` of each member.
    quantity
        `LOSS` or `HELD_OUT`.
    """
    figure, axes = _new(_NAMES[quantity], "iteration (dot: the chosen one)")
    _logarithmic(axes)
    for place, member in enumerate(members):
        colour = MEMBERS[place % len(MEMBERS)]
        curve = {point["iteration"]: point[quantity] for point in member["curve"]}
        chosen = member["chosen_iteration"]
        axes.plot(list(curve), list(curve.values()), color=colour, lw=1, label=f"seed {member['seed']}")
        axes.plot(chosen, curve[chosen], "o", color=colour, ms=4.5, mec=GROUND, mew=0.8)
    _legend(axes, columns=2 if len(members) > _ONE_COLUMN else 1)
    return figure


def residual_chart(members: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the chart of each member's residual against the noise level, which falls to the right.

    Parameters
    ----------
    members
        Of the record of a generative method: ``seed`` and ``residuals`` of each member.
    """
    figure, axes = _new("Residual, relative to the samples' noise", "noise level, relative to the brightness")
    _logarithmic(axes)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.axhline(1, color=MARK, lw=1, ls="--")
    for place, member in enumerate(members):
        levels = [point["noise_level"] for point in member["residuals"]]
        residuals = [point["residual"] for point in member["residuals"]]
        axes.plot(levels, residuals, color=MEMBERS[place % len(MEMBERS)], lw=1, label=f"seed {member['seed']}")
    _legend(axes, columns=2 if len(members) > _ONE_COLUMN else 1)
    return figure


def score_chart(title: str, averaged: Sequence[float], single: Sequence[float], best: float) -> Figure:
    """Return the chart of a score against the number of averaged members.

    Parameters
    ----------
    title
        What the score is.
    averaged
        Scores of the mean of the first k members, k = 1 ….
    single
        Scores of the members alone, all drawn at k = 1.
    best
        The best of these, drawn as a line.
    """
    figure, axes = _new(title, "averaged members k")
    counts = range(1, len(averaged) + 1)
    axes.axhline(best, color=MARK, lw=1, ls="--", label="best single member")
    axes.plot([1] * len(single), single, "o", color="none", mec=MUTED, ms=4.5, label="single members")
    axes.plot(counts, averaged, "o-", color=ACCENT, lw=1.4, ms=4, label="mean of the first k")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(counts) + 0.5)
    _legend(axes)
    return figure


def history_chart(
    title: str, steps: Sequence[int], values: Sequence[float], borders: Sequence[int], *, logarithmic: bool
) -> Figure:
    """Return the chart of a quantity against the step of a training.

    Parameters
    ----------
    title
        What the quantity is.
    steps, values
        The curve.
    borders
        Steps at which another stage begins, drawn as lines.
    logarithmic
        Draw positive values that span a decade or more on a logarithmic scale.
    """
    figure, axes = _new(title, "step")
    lowest = min(values, default=0.0)
    if logarithmic and lowest > 0 and max(values) >= 10 * lowest:
        _logarithmic(axes)
    for border in borders:
        axes.axvline(border, color=MUTED, lw=0.8, ls=":")
    axes.plot(steps, values, color=ACCENT, lw=1.2, marker="o" if len(steps) < _FEW_POINTS else "", ms=3)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    return figure


def line_chart(
    title: str,
    axis: str,
    numbers: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    lines: Mapping[str, float],
) -> Figure:
    """Return the chart of a score against a few numbers.

    Parameters
    ----------
    title
        What the score is.
    axis
        What the numbers are.
    numbers
        Evenly spaced in the chart whatever lies between them.
    curves
        Scores by label; NaN leaves a gap.
    lines
        Scores to compare with, by label, drawn as dashed lines.
    """
    figure, axes = _new(title, axis)
    places = range(len(numbers))
    for place, (label, values) in enumerate(curves.items()):
        axes.plot(places, values, "o-", color=MEMBERS[place % len(MEMBERS)], lw=1.2, ms=3.5, label=label)
    for place, (label, value) in enumerate(lines.items()):
        colour = MEMBERS[(len(curves) + place) % len(MEMBERS)]
        axes.axhline(value, color=colour, lw=1, ls="--", label=label)
    axes.set_xticks(list(places), [f"{each:g}" for each in numbers])
    _legend(axes)
    return figure


def std_chart(std: Sequence[float], error: Sequence[float]) -> Figure:
    """Return the chart of the error against the standard deviation, beside the line on which they are equal.

    Parameters
    ----------
    std, error
        Of each part of the pixels, in percent of the reference's maximum: mean standard deviation, and root of the mean
        squared error.
    """
    figure, axes = _new("Error, in % of the reference's maximum", "standard deviation, in % of it")
    end = 1.05 * max(*std, *error)
    axes.plot([0, end], [0, end], color=MARK, lw=1, ls="--", label="equal")
    axes.plot(std, error, "o-", color=ACCENT, lw=1.4, ms=4, label="tenths of the pixels")
    axes.set_xlim(0, end)
    axes.set_ylim(0, end)
    _legend(axes)
    return figure


def coverage_chart(title: str, coverage: Mapping[str, float], wanted: float) -> Figure:
    """Return the chart of the coverage of several groups, by their names, beside the coverage that is wanted."""
    figure, axes = _new(title, "")
    places = range(len(coverage))
    axes.axhline(wanted, color=MARK, lw=1, ls="--", label="wanted")
    axes.plot(places, list(coverage.values()), "o", color=ACCENT, ms=4.5, label="found")
    axes.set_xticks(list(places), list(coverage), rotation=60 if len(coverage) > _ONE_COLUMN else 0)
    axes.set_ylim(min(0.6, *coverage.values()) - 0.02, 1.01)
    _legend(axes)
    return figure


def chart_png(figure: Figure) -> bytes:
    """Return a chart as a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, facecolor=GROUND)
    return file.getvalue()


def _new(title: str, below: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained", facecolor=GROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=GROUND)
    axes.set_title(title, color=TEXT, fontsize=8.5, loc="left")
    axes.set_xlabel(below, color=MUTED, fontsize=7.5)
    axes.tick_params(which="both", colors=MUTED, labelsize=7, length=2.5)
    axes.grid(color=LINE, lw=0.5)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_color(LINE)
    return figure, axes


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes, columns: int = 1) -> None:
    axes.legend(fontsize=6.5, labelcolor=MUTED, facecolor=GROUND, edgecolor=LINE, framealpha=0.8, ncols=columns)
