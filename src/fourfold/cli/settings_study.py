"""What the commands for studies that a settings file describes have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fourfold.cli.computer import Computer
from fourfold.cli.console import print_json, print_line, print_table, progress_bar, remark
from fourfold.cli.files import PAGES, check_folder

if TYPE_CHECKING:
    # They load torch, which the help of the commands does not need.
    from fourfold.methods.method import Progress
    from fourfold.report.tables import AnyTable, Written

__all__ = ["carry_out"]

Result = TypeVar("Result")


def carry_out(
    work: Callable[[Progress], Result],
    write: Callable[[Result, Path], Written],
    folder: Path,
    threads: int | None,
    json: bool,
) -> None:
    """Do a study with progress on the screen, write its folder, and print its tables and findings."""
    check_folder(folder, PAGES)
    Computer(threads=threads).claim()
    with progress_bar() as show:
        try:
            result = work(show)
        except KeyboardInterrupt:
            remark(f"What is finished stays in '{folder}': the same command again goes on from there.")
            raise
    written = write(result, folder)
    if json:
        print_json(written.to_json())
        return
    for table in written.tables:
        print_line(table.caption)
        print_table(_table(table))
    for finding in written.findings:
        print_line(f"{finding.verdict}: {finding.sentence}")
    print_line(f"Open {written.page} in a browser to see the figures.")


def _table(table: AnyTable) -> Table:
    shown = Table(box=SIMPLE_HEAD, padding=0)
    shown.add_column(table.first)
    for column in table.columns:
        shown.add_column(column, justify="right", no_wrap=True)
    for name, cells in table.texts():
        shown.add_row(name, *(cell["text"] for cell in cells))
    return shown
