"""Tables of results; ``python -m benchmarks.table`` prints what is kept as Markdown, for a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "Grid", "describe_machine", "grids"]

RESULTS = Path(__file__).parent / "results"


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
    found = {name: value for row in rows for name, value in row.get("figures", {}).items()}
    figures = [name for name, value in found.items() if not isinstance(value, list)]
    headings = ["contender", "seconds", "ratio", "memory MiB", "ratio", *figures]
    return Grid(task, headings, [_line(row, rows[0], figures) for row in rows])


def _line(row: dict[str, Any], ours: dict[str, Any], figures: list[str]) -> list[str]:
    if row["status"] != "ok":
        return [row["contender"], row["status"], *[""] * (3 + len(figures))]
    return [
        row["contender"],
        f"{row['seconds']:.3g}",
        _ratio(row, ours, "seconds"),
        f"{row['memory_mib']:.0f}",
        _ratio(row, ours, "memory_mib"),
        *(f"{row['figures'][name]:.4g}" if name in row["figures"] else "" for name in figures),
    ]


def _ratio(row: dict[str, Any], ours: dict[str, Any], key: str) -> str:
    if row is ours or not ours.get(key):
        return ""
    return f"{row[key] / ours[key]:.2g}×"


def main() -> None:
    """Print every kept result as Markdown."""
    for path in sorted(RESULTS.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if "machine" in kept:
            print(f"## {path.stem}\n\n{describe_machine(kept['machine'])}")
            for grid in grids(kept["rows"]):
                print(grid.markdown())


if __name__ == "__main__":
    main()
