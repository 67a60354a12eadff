"""Statistics of scores on a page: tables, charts and CSV files; a page of statistics alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fourfold.files.csv_rows import write_csv
from fourfold.files.documents import plain
from fourfold.files.output import atomically, write_text
from fourfold.report.charts import chart_png
from fourfold.report.encoding import data_url
from fourfold.report.significance import difference_graph, rank_chart
from fourfold.report.template import part, render
from fourfold.studies.analyses import NamedAnalysis, analyses_json, analysis_tables, pair_rows, summary_rows
from fourfold.studies.page_parts import Table

__all__ = ["StatisticsPart", "statistics_parts", "write_statistics", "write_statistics_tables"]


@dataclass(frozen=True)
class StatisticsPart:
    """The statistics of one score, as the templates show them."""

    heading: str
    sentence: str
    tables: Sequence[Table]
    images: Sequence[tuple[str, str]]
    """Words and data URL of each chart."""


def statistics_parts(analyses: Sequence[NamedAnalysis], folder: Path) -> list[StatisticsPart]:
    """Return what a page shows, and write the charts: ``statistics-1-pairs.png``, ``statistics-1-ranks.png`` and on."""
    return [_part(each, folder, number) for number, each in enumerate(analyses, 1)]


def _part(shown: NamedAnalysis, folder: Path, number: int) -> StatisticsPart:
    charts = [("pairs", "Graph of significant differences", difference_graph(shown.analysis))]
    if shown.analysis.friedman is not None:
        charts.append(("ranks", "Mean ranks", rank_chart(shown.analysis)))
    images = []
    for name, words, chart in charts:
        png = chart_png(chart)
        with atomically(folder / f"statistics-{number}-{name}.png", ".png") as file:
            file.write_bytes(png)
        images.append((f"{words}: {shown.heading}", data_url(png)))
    return StatisticsPart(shown.heading, shown.sentence, analysis_tables(shown), images)


def write_statistics_tables(analyses: Sequence[NamedAnalysis], folder: Path) -> None:
    """Write ``statistics.csv``, a row for each method, and ``pairs.csv``, a row for each pair of methods."""
    if analyses:
        write_csv(folder / "statistics.csv", (row for each in analyses for row in summary_rows(each)))
        write_csv(folder / "pairs.csv", (row for each in analyses for row in pair_rows(each)))


def write_statistics(analyses: Sequence[NamedAnalysis], folder: Path, title: str) -> Path:
    """Write a page of statistics alone, its charts, CSV files and ``statistics.json``; return the page.

    Parameters
    ----------
    analyses
        One or more.
    folder
        Made where it does not exist; files in it are replaced.
    title
        Heading of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    html = render(
        "statistics.html",
        title=title,
        style=part("page.css"),
        statistics=statistics_parts(analyses, folder),
        software={"fourfold": version("fourfold")},
    )
    write_statistics_tables(analyses, folder)
    with atomically(folder / "statistics.json", ".json") as file:
        write_text(file, json.dumps(plain(analyses_json(analyses)), indent=2, ensure_ascii=False))
    with atomically(folder / "index.html", ".html") as file:
        write_text(file, html)
    return folder / "index.html"
