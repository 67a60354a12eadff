"""Tables of results, on the screen and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["BART_ORACLE", "RESULTS", "Grid", "describe_machine", "grids", "stored_results"]

RESULTS = Path(__file__).parent / "results"
BART_ORACLE = RESULTS / "bart_oracle.json"
"""Scores of BART's methods with the weights that score best, written by `benchmarks.oracle`."""


@dataclass(frozen=True)
class Grid:
    """A titled table of texts."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]

    def show(self) -> None:
        """Print on the screen."""
        table = Table(title=self.title, title_justify="left")
        for index, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if index else "left")
        for line in self.lines:
            table.add_row(*line)
        Console(width=130).print(table)

    def markdown(self) -> str:
        """Return as Markdown."""
        rule = ["---", *["---:"] * (len(self.headings) - 1)]
        lines = "\n".join(f"| {' | '.join(line)} |" for line in (self.headings, rule, *self.lines))
        return f"**{self.title}**\n\n{lines}\n"


def describe_machine(described: dict[str, Any]) -> str:
    """Return what the times depend on, in two lines."""
    versions = ", ".join(f"{name} {version or 'absent'}" for name, version in described["versions"].items())
    hardware = f"{described['processor']}, {described['cores']} cores, {described['memory_gib']} GiB"
    return f"{hardware}; {described['system']}; {described['threads']} threads each.\n{versions}.\n"


def grids(rows: Sequence[dict[str, Any]]) -> Iterator[Grid]:
    """Yield one table per task; ratios are each contender's over the first one's."""
    for task, group in groupby(rows, key=lambda row: row["task"]):
        yield _grid(task, list(group))


def _grid(task: str, rows: list[dict[str, Any]]) -> Grid:
    values = {name: value for row in rows for name, value in row.get("figures", {}).items()}
    figures = [name for name, value in values.items() if not isinstance(value, list | bool)]
    headings = ["contender", "seconds", "ratio", "memory MiB", "ratio", *figures]
    return Grid(task, headings, [_line(row, rows[0], figures) for row in rows])


def _line(row: dict[str, Any], ours: dict[str, Any], figures: list[str]) -> list[str]:
    if row["status"] != "ok":
        return [row["contender"], row["status"], *[""] * (3 + len(figures))]
    # Without reaching the target, the measured time is a lower bound.
    beyond = "" if row["figures"].get("reached", True) else "> "
    return [
        row["contender"],
        f"{beyond}{row['seconds']:.3g}",
        _ratio(row, ours, "seconds", beyond),
        f"{row['memory_mib']:.0f}" if "memory_mib" in row else "–",
        _ratio(row, ours, "memory_mib") if "memory_mib" in row else "–",
        *(_number(row["figures"].get(name)) for name in figures),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _ratio(row: dict[str, Any], ours: dict[str, Any], key: str, beyond: str = "") -> str:
    if row is ours or not ours.get(key):
        return ""
    return f"{beyond}{row[key] / ours[key]:.2g}×"


def stored_results(name: str, results: Path = RESULTS) -> dict[str, Any] | None:
    """Return the machine and the rows of one benchmark; None where it was not run."""
    path = results / f"{name}.json"
    stored: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return stored
