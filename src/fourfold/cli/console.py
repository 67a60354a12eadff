"""What a person or a program sees: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from fourfold.formats.metadata import plain
from fourfold.method import Progress

__all__ = ["part_of", "print_facts", "print_json", "print_table", "progress_bar", "remark"]


BETWEEN_LINES = 10.0
"""Seconds between lines on progress, where no bar can be drawn."""


def print_json(value: Mapping[str, Any]) -> None:
    """Print `value` on stdout as JSON."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values on stdout, one a line."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {_words(value)}")


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_words(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, list) and value and isinstance(value[0], str):
        return " ".join(value)
    if isinstance(value, list):
        return " × ".join("not known" if inner is None else _words(inner) for inner in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def print_table(table: Table) -> None:
    """Print a table on stdout, in full width where that is no terminal."""
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)


def remark(sentence: str) -> None:
    """Print a sentence on stderr."""
    print(sentence, file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a callback that shows the done fraction on stderr: a bar on a terminal, or a line every ten seconds.

    FORCE_COLOR makes anything count as a terminal.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _progress_lines()
        return
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda fraction, words: bars.update(task, completed=fraction, description=words)


def _progress_lines() -> Progress:
    """Return a callback that prints a line where the last one, or the start, is long enough ago."""
    last = time.monotonic()

    def show(fraction: float, words: str) -> None:
        nonlocal last
        if time.monotonic() - last >= BETWEEN_LINES:
            last = time.monotonic()
            print(f"{100 * fraction:3.0f} %  {words}", file=sys.stderr, flush=True)

    return show


def part_of(show: Progress, index: int, total: int, name: str) -> Progress:
    """Return a progress callback that stands for one of `total` equal parts of `show`, named before its words."""
    return lambda fraction, words: show((index + fraction) / total, f"{name}: {words}")
