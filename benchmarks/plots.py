"""Pictures of the kept results for docs/benchmarks.md: ``python -m benchmarks.plots`` writes docs/figures/*.svg."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.iterative import METHODS, TARGET, TOLERANCE_DB
from benchmarks.table import RESULTS, stored_results

__all__ = ["convergence", "growth", "memory"]

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
COLOURS = {"fourfold": "#d1495b", "BART": "#30638e", "SigPy": "#edae49", "mrpro": "#5c946e", "deepinv": "#8d6a9f"}
FLOOR_PERCENT = 1e-3
MOST_DB_BELOW = 10

Rows = Sequence[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the JSON is kept")
    parser.add_argument("--figures", type=Path, default=FIGURES, metavar="FOLDER", help="where the pictures go")
    parser.add_argument("--suffix", default="svg", help="svg or png")
    chosen = parser.parse_args(arguments)
    chosen.figures.mkdir(parents=True, exist_ok=True)
    stored = [stored_results(name, chosen.results) for name in ("iterative", "volume", "scaling")]
    slices, whole, scaling = ([row for row in each["rows"] if row["status"] == "ok"] if each else [] for each in stored)
    pictures = {method: convergence(slices + whole, method) for method in METHODS}
    pictures |= {"memory": memory(slices + whole), "growth": growth(scaling)}
    for name, picture in pictures.items():
        if picture is not None:
            path = chosen.figures / f"{name}.{chosen.suffix}"
            # Text stays text, which is small; no date and no random names: the same results make the same file.
            with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
                picture.savefig(path, metadata={"Date": None} if chosen.suffix == "svg" else None)
            print(path)


def convergence(rows: Rows, method: str) -> Figure | None:
    """Return the objective above the lowest (top) and PSNR (bottom) against seconds, a column a problem."""
    chosen = [row for row in rows if row["method"] == method]
    problems = list(dict.fromkeys(row["problem"] for row in chosen))
    if not problems:
        return None
    figure = Figure(figsize=(3.1 * len(problems), 5.6), layout="constrained")
    axes = figure.subplots(2, len(problems), sharex="col", sharey="row", squeeze=False)
    for column, problem in enumerate(problems):
        above, quality = axes[0, column], axes[1, column]
        runs = [row for row in chosen if row["problem"] == problem]
        converged = max(row["figures"]["PSNR dB"] for row in runs)
        highest = 1.0
        for row in runs:
            _, seconds, percent, decibels = zip(*row["figures"]["curve"], strict=True)
            style = {"color": COLOURS.get(row["contender"]), "label": row["contender"], "marker": ".", "lw": 1.4}
            above.loglog(seconds, [max(value, FLOOR_PERCENT) for value in percent], **style)
            relative = [value - converged for value in decibels]
            quality.semilogx(seconds, relative, **style)
            highest = max(highest, 0.5 + max(relative))
        above.axhline(100 * TARGET, color="0.5", lw=0.8, ls="--")
        quality.axhspan(-TOLERANCE_DB, TOLERANCE_DB, color="0.85")
        quality.set_ylim(-MOST_DB_BELOW, highest)
        above.set_title(problem.replace(", ", "\n", 1), fontsize=9)
        quality.set_xlabel("seconds")
        _tidy(above, quality)
    axes[0, 0].set_ylabel("objective above the lowest, %")
    axes[1, 0].set_ylabel("PSNR relative to converged, dB")
    axes[0, 0].legend(fontsize=8, frameon=False)
    figure.suptitle(METHODS[method], fontsize=11)
    return figure


def memory(rows: Rows) -> Figure | None:
    """Return bars of the peak memory above imports and inputs: a panel a method, a group of bars a problem."""
    methods = [method for method in METHODS if any(row["method"] == method for row in rows)]
    if not methods:
        return None
    figure = Figure(figsize=(5.2 * len(methods), 3.6), layout="constrained")
    for axis, method in zip(figure.subplots(1, len(methods), squeeze=False)[0], methods, strict=True):
        chosen = [row for row in rows if row["method"] == method]
        problems = list(dict.fromkeys(row["problem"] for row in chosen))
        for index, (name, colour) in enumerate(COLOURS.items()):
            peaks = {row["problem"]: row["memory_mib"] for row in chosen if row["contender"] == name}
            places = [place + (index - 2) * 0.16 for place, problem in enumerate(problems) if problem in peaks]
            axis.bar(places, list(peaks.values()), width=0.15, color=colour, label=name)
        axis.set_yscale("log")
        axis.set_title(METHODS[method], fontsize=10)
        _tidy(axis)
        axis.set_xticks(range(len(problems)), [_broken(problem) for problem in problems], fontsize=7)
    figure.axes[0].set_ylabel("peak memory, MiB")
    # The bars begin at 1 MiB, and leave room for the legend.
    highest = max(row["memory_mib"] for row in rows)
    for axis in figure.axes:
        axis.set_ylim(1, 5 * highest)
    figure.axes[0].legend(fontsize=8, frameon=False, ncols=len(COLOURS), loc="upper left", columnspacing=1)
    return figure


def growth(rows: Rows) -> Figure | None:
    """Return seconds (top) and memory (bottom) against pixels, coils and frames."""
    axes_of_growth = list(dict.fromkeys(row["axis"] for row in rows))
    if not axes_of_growth:
        return None
    figure = Figure(figsize=(3.6 * len(axes_of_growth), 5.2), layout="constrained")
    panels = figure.subplots(2, len(axes_of_growth), sharex="col", squeeze=False)
    for column, name in enumerate(axes_of_growth):
        for contender, colour in COLOURS.items():
            chosen = [row for row in rows if row["axis"] == name and row["contender"] == contender]
            for panel, quantity in zip(panels[:, column], ("seconds", "memory_mib"), strict=True):
                sizes, values = [row["size"] for row in chosen], [row[quantity] for row in chosen]
                if sizes:
                    panel.loglog(sizes, values, color=colour, marker="o", ms=4, lw=1.4, label=contender)
        _tidy(*panels[:, column])
        extents = sorted({row["size"] for row in rows if row["axis"] == name})
        labels = [f"{math.isqrt(extent)}²" if name == "pixels" else str(extent) for extent in extents]
        panels[1, column].set_xticks(extents, labels)
        panels[1, column].set_xlabel(name)
    panels[0, 0].set_ylabel("seconds")
    panels[1, 0].set_ylabel("peak memory, MiB")
    panels[0, 0].legend(fontsize=8, frameon=False)
    return figure


def _broken(problem: str) -> str:
    return problem.replace(", 4× ", "\n").replace("volume ", "volume\n")


def _tidy(*axes: Axes) -> None:
    for axis in axes:
        axis.grid(color="0.9", lw=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        for side in (axis.xaxis, axis.yaxis):
            if side.get_scale() == "log":
                side.set_major_locator(LogLocator(subs=(1, 2, 5) if side is axis.xaxis else (1,)))
                side.set_major_formatter("{x:g}")
                side.set_minor_locator(NullLocator())


if __name__ == "__main__":
    main()
