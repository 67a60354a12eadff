"""Prints results as tables with ratios."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_machine", "print_rows"]


def print_machine(described: dict[str, Any]) -> None:
    """Print what the times depend on."""
    versions = ", ".join(f"{name} {version or 'absent'}" for name, version in described["versions"].items())
    hardware = f"{described['processor']}, {described['cores']} cores, {described['memory_gib']} GiB"
    print(f"{hardware}; {described['system']}")
    print(f"{described['threads']} threads each; {versions}\n")


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print one table per task; ratios are each contender's over the first one's."""
    for task, group in groupby(rows, key=lambda row: row["task"]):
        print_task(task, list(group))


def print_task(task: str, rows: list[dict[str, Any]]) -> None:
    """Print the contenders of one task."""
    figures = list(
        dict.fromkeys(
            name for row in rows for name, value in row.get("figures", {}).items() if not isinstance(value, list)
        )
    )
    table = Table(title=task, title_justify="left")
    for heading in ("", "seconds", "ratio", "memory MiB", "ratio", *figures):
        table.add_column(heading, justify="left" if heading == "" else "right")
    ours = rows[0]
    for row in rows:
        if row["status"] != "ok":
            table.add_row(row["contender"], row["status"])
            continue
        table.add_row(
            row["contender"],
            f"{row['seconds']:.3g}",
            ratio(row, ours, "seconds"),
            f"{row['memory_mib']:.0f}",
            ratio(row, ours, "memory_mib"),
            *(f"{row['figures'][name]:.4g}" if name in row["figures"] else "" for name in figures),
        )
    Console(width=130).print(table)


def ratio(row: dict[str, Any], ours: dict[str, Any], key: str) -> str:
    """Return how many times ours this row's figure is."""
    if row is ours or not ours.get(key):
        return ""
    return f"{row[key] / ours[key]:.2g}×"
