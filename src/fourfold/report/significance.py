"""Charts of tests: graph of significant differences, critical-difference diagram, histogram of ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fourfold.report.palette import ACCENT, GROUND, LINE, MARK, MEMBERS, MUTED, TEXT
from fourfold.statistics.analysis import Analysis

__all__ = ["difference_graph", "histogram_chart", "rank_chart"]

_GRAPH = (4.2, 3.6)
_WIDTH = 5.2
"""Inches."""
_LONGEST = 26
"""Characters of a name in a chart."""


def difference_graph(analysis: Analysis) -> Figure:
    """Return the graph of methods, a line between each two that differ (Ghodrati et al. 2019, Figure 5C)."""
    methods = analysis.table.methods
    figure, axes = _empty(_GRAPH, f"Lines: significant differences (p < {analysis.choices.level:g})")
    angles = [math.pi / 2 - 2 * math.pi * place / len(methods) for place in range(len(methods))]
    places = {name: (math.cos(angle), math.sin(angle)) for name, angle in zip(methods, angles, strict=True)}
    for pair in analysis.significant_pairs:
        axes.plot(*zip(*(places[name] for name in pair), strict=True), color=MARK, lw=1.6, zorder=1)
    for name, (x, y) in places.items():
        axes.plot(x, y, "o", color=ACCENT, ms=9, mec=GROUND, zorder=2)
        side = "center" if abs(x) < 0.3 else "left" if x > 0 else "right"
        below = "bottom" if y > 0.3 else "top" if y < -0.3 else "center"
        axes.text(1.14 * x, 1.14 * y, _short(name), color=TEXT, fontsize=8, ha=side, va=below, parse_math=False)
    axes.set_xlim(-2.3, 2.3)
    axes.set_ylim(-1.55, 1.55)
    return figure


def rank_chart(analysis: Analysis) -> Figure:
    """Return the critical-difference diagram (Demšar 2006): mean ranks, bars over methods that do not differ."""
    ranks = sorted(analysis.mean_ranks.items(), key=lambda item: item[1])
    bars = _bars(ranks, {frozenset(pair) for pair in analysis.significant_pairs})
    difference = analysis.critical_difference
    names_left, names_right = ranks[: (len(ranks) + 1) // 2], ranks[(len(ranks) + 1) // 2 :]
    top, step = 1.0 + 0.28 * len(bars), 0.5
    height = top + step * (len(names_left) + 0.5)
    figure, axes = _empty((_WIDTH, 0.55 * height + 1.0), "Mean rank, 1 the best; bars join methods that do not differ")
    worst = len(ranks)
    axes.plot([1, worst], [0, 0], color=MUTED, lw=1.2)
    for mark in range(1, worst + 1):
        axes.plot([mark, mark], [0, 0.13], color=MUTED, lw=1)
        axes.text(mark, 0.22, str(mark), color=MUTED, fontsize=7.5, ha="center", va="bottom")
    for level, (first, last) in enumerate(bars):
        depth = -0.3 - 0.28 * level
        axes.plot([first - 0.04, last + 0.04], [depth, depth], color=ACCENT, lw=3.5, solid_capstyle="round")
    edge = 0.08 * (worst - 1)
    for names, x, side in ((names_left, 1 - edge, "right"), (names_right[::-1], worst + edge, "left")):
        for line, (name, mean) in enumerate(names):
            depth = -top - step * line
            axes.plot([mean, mean, x], [0, depth, depth], color=TEXT, lw=0.8)
            words = f"{_short(name)}  {mean:.2f}" if side == "right" else f"{mean:.2f}  {_short(name)}"
            gap = edge / 3 if side == "left" else -edge / 3
            axes.text(x + gap, depth, words, color=TEXT, fontsize=7.5, ha=side, va="center", parse_math=False)
    if difference is not None:
        axes.plot([1, 1 + difference], [0.95, 0.95], color=MARK, lw=2)
        words = f"critical difference {difference:.2f}"
        axes.text(1, 1.1, words, color=MARK, fontsize=7.5, va="bottom")
    axes.set_xlim(1 - 0.75 * (worst - 1), worst + 0.75 * (worst - 1))
    axes.set_ylim(-height, 1.7)
    return figure


def histogram_chart(title: str, counts: Mapping[str, Sequence[float]], below: str) -> Figure:
    """Return histograms side by side, a group of bars for each rating (Ghodrati et al. 2019, Figure 5A).

    Parameters
    ----------
    title
        What is counted.
    counts
        Numbers of the ratings 1, 2, … by method.
    below
        What the ratings mean.
    """
    ratings = max(map(len, counts.values()))
    figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained", facecolor=GROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=GROUND)
    width = 0.84 / len(counts)
    for place, (name, numbers) in enumerate(counts.items()):
        shift = (place - (len(counts) - 1) / 2) * width
        places = [rating + shift for rating in range(1, len(numbers) + 1)]
        axes.bar(places, numbers, width * 0.9, color=MEMBERS[place % len(MEMBERS)], label=_short(name))
    axes.set_title(title, color=TEXT, fontsize=8.5, loc="left", parse_math=False)
    axes.set_xticks(range(1, ratings + 1))
    axes.set_xlabel(below, color=MUTED, fontsize=7.5, parse_math=False)
    axes.set_ylabel("ratings", color=MUTED, fontsize=7.5)
    axes.tick_params(colors=MUTED, labelsize=7, length=2.5)
    axes.grid(axis="y", color=LINE, lw=0.5)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_color(LINE)
    # Below the bars, so that it hides none of them.
    legend = figure.legend(loc="outside lower center", ncols=3, fontsize=7, labelcolor=MUTED, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _bars(ranks: Sequence[tuple[str, float]], different: set[frozenset[str]]) -> list[tuple[float, float]]:
    """Return first and last rank of each longest run of methods of which no two differ."""
    bars: list[tuple[float, float]] = []
    reached = -1
    for first in range(len(ranks)):
        last = first
        while last + 1 < len(ranks) and not any(
            frozenset((ranks[one][0], ranks[other][0])) in different
            for one, other in combinations(range(first, last + 2), 2)
        ):
            last += 1
        if last > first and last > reached:
            bars.append((ranks[first][1], ranks[last][1]))
            reached = last
    return bars


def _empty(size: tuple[float, float], title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, facecolor=GROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.88))
    axes.set_axis_off()
    figure.text(0.03, 0.94, title, color=TEXT, fontsize=8.5)
    return figure, axes


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
