"""Does a study on the command line: progress, pages, tables and findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from fourfold.cli.console import print_json, print_line, print_note, print_table, progress_bar
from fourfold.methods.workers import Workers
from fourfold.report.study import write_study
from fourfold.studies.engine import run_study
from fourfold.studies.page_parts import Table
from fourfold.studies.study import Study

__all__ = ["carry_out", "print_study_table"]


def carry_out(make: Callable[[], Study], folder: Path, workers: Workers, json: bool) -> None:
    """Do a study with progress on the screen, write its folder, and print its tables and findings."""
    with progress_bar() as show:
        try:
            done = run_study(make(), folder, show, workers)
        except KeyboardInterrupt:
            print_note(f"Finished results are in '{folder}'; the same command resumes the study.")
            raise
    page = write_study(done)
    if json:
        print_json(page.content)
        return
    for table in page.tables:
        if table.caption:
            print_line(table.caption)
        print_study_table(table)
    for finding in page.findings:
        print_line(f"{finding.verdict}: {finding.sentence}")
    print_line(f"Open {page.path} in a browser to see the figures.")


def print_study_table(table: Table) -> None:
    """Print a table of a study."""
    shown = RichTable(box=SIMPLE_HEAD, padding=0)
    shown.add_column(table.row_title)
    for column in table.columns:
        shown.add_column(column.title, justify="right", no_wrap=True)
    for name, cells in table.texts():
        shown.add_row(name, *(cell["text"] for cell in cells))
    print_table(shown)
