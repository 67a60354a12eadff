"""Parts of the page of a study: tables, findings, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from fourfold.metrics import Metric
from fourfold.scan import Reconstruction
from fourfold.studies.scores import Spread, format_number

__all__ = [
    "Cell",
    "Column",
    "Figure",
    "Finding",
    "LineChart",
    "MemberChart",
    "MissingFigure",
    "SideBySide",
    "Table",
    "metric_column",
]

Cell: TypeAlias = Spread | float | str | None


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, its numbers' format, and whether the highest or the lowest mean is the best."""

    title: str
    format: str = ""
    higher_is_better: bool | None = None


def metric_column(metric: Metric, title: str | None = None, *, mark_best: bool = True, sign: str = "") -> Column:
    """Return the column of a metric's means, in which the best cell is marked or none is."""
    best = metric.higher_is_better if mark_best else None
    return Column(metric.title if title is None else title, f"{sign}.{metric.decimals}f", best)


@dataclass(frozen=True)
class Table:
    """A table of scores or other numbers."""

    caption: str
    """Caption; also the heading of a table without a number."""
    row_title: str
    columns: Sequence[Column]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    """Name and cells of each row; None for a cell without a number."""
    number: str = ""
    """Such as "1" for Table 1. Numbered tables are also written as CSV files."""

    def texts(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Return the name and cells of each row: text, and whether it is the best of its column."""
        best = [self._best(index) for index in range(len(self.columns))]
        return [
            (
                name,
                [
                    {"text": _text(cell, column.format), "best": cell is not None and cell is best[index]}
                    for index, (cell, column) in enumerate(zip(cells, self.columns, strict=True))
                ],
            )
            for name, cells in self.rows
        ]

    def _best(self, index: int) -> Cell:
        higher = self.columns[index].higher_is_better
        spreads = [cell for _, cells in self.rows if isinstance(cell := cells[index], Spread) and cell.count]
        if higher is None or len(spreads) < 2:  # nothing to compare
            return None
        return (max if higher else min)(spreads, key=lambda spread: spread.mean)

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as CSV takes them; a spread has columns for mean, standard deviation and number of images."""
        spreads = {index for _, cells in self.rows for index, cell in enumerate(cells) if isinstance(cell, Spread)}
        records = []
        for name, cells in self.rows:
            record: dict[str, Any] = {self.row_title: name}
            for index, (column, cell) in enumerate(zip(self.columns, cells, strict=True)):
                if index in spreads:
                    known = isinstance(cell, Spread) and cell.count > 0
                    for what, attribute in (("mean", "mean"), ("std", "deviation"), ("images", "count")):
                        record[f"{column.title} {what}"] = getattr(cell, attribute) if known else None
                else:
                    record[column.title] = cell
            records.append(record)
        return records


def _text(cell: Cell, spec: str) -> str:
    if isinstance(cell, str):
        return cell
    return cell.text(spec) if isinstance(cell, Spread) else format_number(cell, spec)


@dataclass(frozen=True)
class Finding:
    """A statement of the paper, whether it holds for the data, and the numbers."""

    claim: str
    """The statement of the paper."""
    holds: bool | None
    """Whether it holds for this data; None where that is unknown."""
    sentence: str
    """Claim and numbers in words."""

    @property
    def verdict(self) -> str:
        """The result in a word or two."""
        return {True: "Holds", False: "Does not hold", None: "Cannot be told"}[self.holds]


@dataclass(frozen=True)
class SideBySide:
    """A figure of images side by side, each with its detail, its error map and its score."""

    name: str
    """Such as "2" for Figure 2."""
    caption: str
    images: Sequence[tuple[str, Reconstruction, float]]
    """Label, reconstruction and score of each; NaN for an image without one."""
    metric: Metric
    reference: Tensor
    """float32, (frame, y, x)."""
    reference_name: str
    below: Sequence[Sequence[str]] = ()
    """Lines of text below each image, the reference first."""
    foot: Sequence[str] = ()
    """Lines of text at the foot."""


@dataclass(frozen=True)
class LineChart:
    """A chart of a score against a few numbers: curves and dashed lines by their labels."""

    name: str
    caption: str
    title: str
    axis: str
    """What the numbers are."""
    numbers: Sequence[float]
    curves: Mapping[str, Sequence[float]]
    lines: Mapping[str, float]


@dataclass(frozen=True)
class MemberChart:
    """A chart of a score against the number of averaged members: of the averages, of single members, of the best.

    Charts without a name stand on the page in groups.
    """

    name: str
    caption: str
    title: str
    averaged: Sequence[float]
    single: Sequence[float]
    best: float
    group: str = ""


@dataclass(frozen=True)
class MissingFigure:
    """A figure that cannot be drawn; the caption says why."""

    name: str
    caption: str


Figure: TypeAlias = SideBySide | LineChart | MemberChart | MissingFigure
"""A figure of a study."""
