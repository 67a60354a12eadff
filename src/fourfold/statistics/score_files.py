"""Scores in CSV files of any origin: a row for each image and method, or a row for each subject."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fourfold.errors import InputError, nearest
from fourfold.files.input import read_text
from fourfold.statistics.score_table import ScoredImage, ScoreTable

__all__ = ["Columns", "read_score_tables"]

# Written by programs for a number that is missing.
_MISSING = frozenset({"", "-", "–", "na", "n/a", "nan", "none", "null"})


@dataclass(frozen=True)
class Columns:
    """What the columns of a CSV file are."""

    scores: tuple[str, ...]
    """Of the scores; in a file with a column for each method, these columns."""
    methods: tuple[str, ...] = ("method",)
    """Names of the method; several together name it. None at all: each score's column is a method."""
    subject: str = "subject"
    image: str | None = None
    """Tells a subject's images apart; None where a subject has one."""
    groups: tuple[str, ...] = ()
    """Their values divide the rows into groups, each with statistics of its own."""

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read."""
        return (*self.methods, self.subject, *((self.image,) if self.image else ()), *self.groups, *self.scores)


def read_score_tables(
    path: Path,
    columns: Columns,
    lower_is_better: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    score: str = "score",
) -> Iterator[tuple[str, ScoreTable]]:
    """Yield the group and the table of each score.

    Parameters
    ----------
    path
        CSV file in UTF-8 with a header; columns are separated by commas, semicolons or tabs.
    columns
        What the columns are.
    lower_is_better
        Names of the scores of which a smaller one is better.
    where
        Values by column; other rows are left out.
    score
        Name of the score where each column of scores is a method.

    Raises
    ------
    InputError
        For a file that cannot be read or has no such column, a score that is no number, or no row that is left.
    """
    where = where or {}
    rows = _rows(path, (*columns.all, *where))
    chosen = [(line, row) for line, row in rows if all(row[name] == value for name, value in where.items())]
    if not chosen:
        wanted = ", ".join(f"{name}={value}" for name, value in where.items())
        raise InputError(f"'{path}' has no row with {wanted}; check the values." if wanted else f"'{path}' has no row.")
    groups: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, row in chosen:
        groups.setdefault(", ".join(row[name] for name in columns.groups), []).append((line, row))
    for group, members in groups.items():
        if columns.methods:
            for name in columns.scores:
                images = [_long(path, line, row, name, columns) for line, row in members]
                yield group, ScoreTable.of(name, images, higher_is_better=name not in lower_is_better)
        else:
            wide = [_wide(path, line, row, name, columns) for line, row in members for name in columns.scores]
            yield group, ScoreTable.of(score, wide, higher_is_better=score not in lower_is_better)


def _long(path: Path, line: int, row: Mapping[str, str], score: str, columns: Columns) -> ScoredImage:
    method = ", ".join(row[name] for name in columns.methods if row[name])
    image = row[columns.image] if columns.image else ""
    return ScoredImage(method, row[columns.subject], image, _number(path, line, score, row[score]))


def _wide(path: Path, line: int, row: Mapping[str, str], method: str, columns: Columns) -> ScoredImage:
    image = row[columns.image] if columns.image else ""
    return ScoredImage(method, row[columns.subject], image, _number(path, line, method, row[method]))


def _number(path: Path, line: int, column: str, text: str) -> float:
    """Return a number, NaN where it is missing."""
    if text.lower() in _MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"Line {line} of '{path}' has '{text[:40]}' in the column '{column}'; it must be a number with a decimal "
            "point, or empty."
        ) from None


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row; refuses a file without these columns."""
    text = read_text(path).removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(path, header, wanted)
        for row in reader:
            if not any(row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"Line {reader.line_num} of '{path}' has {len(row)} values, and the header names {len(header)} "
                    "columns; write one value for each."
                )
            yield reader.line_num, {name: value.strip() for name, value in zip(header, row, strict=True)}
    except csv.Error as error:
        raise InputError(f"Line {reader.line_num} of '{path}' is no CSV ({error}); export the file again.") from None


def _check_header(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"'{path}' has two columns '{twice}'; rename one.")
    for name in wanted:
        if name not in header:
            shown = ", ".join(header[:20]) + ", …" * (len(header) > 20)
            raise InputError(f"'{path}' has no column '{name}'; it has: {shown}.{nearest(name, header)}")
