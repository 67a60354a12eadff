"""Output of commands: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from fourfold.cli.text import is_unicode, json_safe, print_line, printable
from fourfold.files.documents import plain

if TYPE_CHECKING:
    # It would load torch, which tables and sentences need not.
    from fourfold.methods.method import Progress

__all__ = ["part_of", "print_facts", "print_json", "print_line", "print_note", "print_table", "progress_bar"]


class _Console(Console):
    """Prints text literally: no markup, no emoji, no control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a cell's text, of which the width of its column follows."""
        return super().render_str(_lines(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield the pieces of what is shown."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_lines(segment.text))


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


BETWEEN_LINES = 10.0
"""Seconds between lines on progress, where no bar can be drawn."""


def print_json(value: Mapping[str, Any]) -> None:
    """Print `value` on stdout as JSON."""
    print(json_safe(json.dumps(plain(value), indent=2, ensure_ascii=not is_unicode(sys.stdout))))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values on stdout, one a line."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        print_line(f"{name.replace('_', ' '):<{width}}  {_words(value)}")


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
    console = _Console()
    _Console(width=None if console.is_terminal else 160).print(table)


def print_note(sentence: str) -> None:
    """Print a sentence on stderr."""
    print_line(sentence, sys.stderr)


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
        TextColumn("{task.description}", markup=False),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda fraction, words: bars.update(task, completed=fraction, description=printable(words))


def _progress_lines() -> Progress:
    """Return a callback that prints a line where the last one, or the start, is long enough ago."""
    last = time.monotonic()

    def show(fraction: float, words: str) -> None:
        nonlocal last
        if time.monotonic() - last >= BETWEEN_LINES:
            last = time.monotonic()
            print_note(f"{100 * fraction:3.0f} %  {words}")

    return show


def part_of(show: Progress, index: int, total: int, name: str) -> Progress:
    """Return a progress callback that stands for one of `total` equal parts of `show`, named before its words."""
    return lambda fraction, words: show((index + fraction) / total, f"{name}: {words}")
