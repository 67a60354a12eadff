"""Tables of means and standard deviations as a page, a terminal and a CSV file have them, and pages of tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from fourfold.files.documents import plain
from fourfold.files.output import atomically, write_text
from fourfold.metrics import Protocol
from fourfold.report.encoding import data_url
from fourfold.report.study_figures import Drawn, spread_words
from fourfold.report.template import part, render
from fourfold.report.wording import MISSING
from fourfold.studies.finding import Finding
from fourfold.studies.study import Spread

__all__ = ["AnyTable", "NumberTable", "ScoreTable", "Written", "write_csv", "write_page"]

# A name that the system gave and that is no text is written as code writes it.
_ERRORS = "backslashreplace"
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ScoreTable:
    """A table of scores.

    Attributes
    ----------
    number, caption
        "1" of Table 1; what it shows.
    first
        Heading of the rows' names.
    columns, protocols
        Heading of each column, and what its scores are.
    rows
        Name and spreads of each row; None where there is no such network.
    """

    number: str
    caption: str
    first: str
    columns: tuple[str, ...]
    protocols: tuple[Protocol, ...]
    rows: tuple[tuple[str, tuple[Spread | None, ...]], ...]

    def texts(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return the name and cells of each row: text, and whether it is the best of its column."""
        best = [self._best(place) for place in range(len(self.columns))]
        return [
            (
                name,
                [
                    {
                        "text": MISSING if spread is None else spread_words(spread, protocol),
                        "best": spread is not None and spread is best[place],
                    }
                    for place, (spread, protocol) in enumerate(zip(spreads, self.protocols, strict=True))
                ],
            )
            for name, spreads in self.rows
        ]

    def _best(self, place: int) -> Spread | None:
        known = [spreads[place] for _, spreads in self.rows if spreads[place] is not None]
        if len(known) < 2:  # nothing to be better than
            return None
        sign = 1 if self.protocols[place].higher_is_better else -1
        return max(known, key=lambda spread: sign * spread.mean)  # type: ignore[union-attr]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows with mean, standard deviation and number of images, as CSV takes them."""
        return [
            {self.first: name}
            | {
                f"{column} {what}": None if spread is None else getattr(spread, field)
                for column, spread in zip(self.columns, spreads, strict=True)
                for what, field in (("mean", "mean"), ("std", "deviation"), ("images", "count"))
            }
            for name, spreads in self.rows
        ]


@dataclass(frozen=True)
class NumberTable:
    """A table of numbers.

    Attributes
    ----------
    number, caption, first
        As in `ScoreTable`.
    columns, formats
        Heading of each column, and how its numbers are written, such as ``.2f``.
    rows
        Name and numbers of each row; None where there is none.
    """

    number: str
    caption: str
    first: str
    columns: tuple[str, ...]
    formats: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]

    def texts(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return the name and cells of each row, none of which is the best."""
        return [
            (
                name,
                [
                    {"text": MISSING if value is None else format(value, how), "best": False}
                    for value, how in zip(values, self.formats, strict=True)
                ],
            )
            for name, values in self.rows
        ]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows, as CSV takes them."""
        return [{self.first: name, **dict(zip(self.columns, values, strict=True))} for name, values in self.rows]


AnyTable: TypeAlias = ScoreTable | NumberTable
"""Either kind of table."""


@dataclass(frozen=True)
class Written:
    """What was written: the page, and what stands on it."""

    page: Path
    tables: tuple[AnyTable, ...]
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return tables and findings as JSON types."""
        found: dict[str, Any] = plain(
            {
                "tables": [
                    {"number": each.number, "caption": each.caption, "rows": each.records()} for each in self.tables
                ],
                "findings": [
                    {"claim": each.claim, "holds": each.holds, "sentence": each.sentence} for each in self.findings
                ],
            }
        )
        return found


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of names and values; text that a spreadsheet would compute gets an apostrophe in front."""
    rows = [{_as_text(name): _as_text(value) for name, value in row.items()} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomically(path, ".csv") as target, target.open("w", newline="", encoding="utf-8", errors=_ERRORS) as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _as_text(value: Any) -> Any:
    """Return text, from a file's name or label, such that no spreadsheet takes it for a formula; all else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_page(
    folder: Path,
    written: Written,
    figures: Sequence[Drawn],
    *,
    title: str,
    paper: str,
    facts: Sequence[tuple[str, str]],
    simulated: bool,
    protocols: Sequence[Protocol],
    notes: Sequence[str] = (),
    records: Sequence[tuple[str, list[tuple[str, str]]]] = (),
) -> Written:
    """Write ``index.html``, ``scores.json`` and each table as ``table-<number>.csv``; return what was given.

    Parameters
    ----------
    folder
        An existing one.
    written, figures
        Tables and findings, figures.
    title, paper, facts, simulated
        Heading, the paper that the study follows, a few facts, whether k-space was computed from images.
    protocols
        The scores.
    notes
        Sentences that a reader must know.
    records
        Names and settings for the end of the page.
    """
    for table in written.tables:
        write_csv(folder / f"table-{table.number}.csv", table.records())
    html = render(
        "tables.html",
        title=title,
        paper=paper,
        style=part("page.css"),
        facts=facts,
        simulated=simulated,
        tables=[(each.number, each.caption, each.first, each.columns, each.texts()) for each in written.tables],
        findings=written.findings,
        figures=[(each.name, each.caption, each.file and data_url(each.file.read_bytes())) for each in figures],
        notes=notes,
        protocols=protocols,
        records=records,
        software={"fourfold": version("fourfold")},
    )
    with atomically(written.page, ".html") as file:
        write_text(file, html)
    with atomically(folder / "scores.json", ".json") as file:
        write_text(file, json.dumps(written.to_json(), indent=2, ensure_ascii=False))
    return written
