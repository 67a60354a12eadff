"""The folder of a study: its page, its figures, its tables and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.csv_rows import write_csv
from fourfold.files.documents import plain
from fourfold.files.output import atomically, write_text
from fourfold.report.charts import chart_png, line_chart, score_chart
from fourfold.report.encoding import data_url
from fourfold.report.figures import figure
from fourfold.report.results import Results
from fourfold.report.statistics import statistics_parts, write_statistics_tables
from fourfold.report.template import part, render
from fourfold.report.wording import pairs, sampling_words
from fourfold.studies.page_parts import Figure, Finding, LineChart, MemberChart, MissingFigure, SideBySide, Table
from fourfold.studies.study import Study

__all__ = ["FigureFile", "StudyPage", "write_study"]


@dataclass(frozen=True)
class FigureFile:
    """A figure in the folder of a study; without a file the caption says why."""

    name: str
    caption: str
    file: Path | None
    chart: bool = False

    @property
    def image(self) -> str | None:
        """The picture as a data URL."""
        return None if self.file is None else data_url(self.file.read_bytes())


@dataclass(frozen=True)
class StudyPage:
    """What was written: the page, the tables and findings for the terminal, and all of it as JSON types."""

    path: Path
    tables: Sequence[Table]
    findings: Sequence[Finding]
    content: dict[str, Any]


def write_study(study: Study) -> StudyPage:
    """Write ``index.html``, ``scores.csv``, ``scores.json``, numbered tables as CSV, and the figures as PNG.

    Parameters
    ----------
    study
        A study with its results. Existing files are replaced, each once the new one is complete.

    Raises
    ------
    InputError
        When there is no score, and when the system refuses to write.
    """
    folder = study.results.folder
    if not study.results.evaluations:
        who, sentence = study.failures()[0]
        raise InputError(f"No method suits any of the scans. {who}: {sentence}")
    folder.mkdir(parents=True, exist_ok=True)
    tables, findings = study.numbered_tables(), study.findings()
    ensemble_tables, charts = study.ensembles()
    html = render(
        "study.html",
        style=part("page.css"),
        study=study,
        facts=[(name, _fact(value)) for name, value in study.facts()],
        findings=findings,
        tables=tables,
        failures=study.failures(),
        notes=study.notes(),
        figures=[_draw(each, folder) for each in study.figures()],
        statistics=statistics_parts(study.analyses, folder),
        ensembles=ensemble_tables,
        charts=[
            (method, [(each.caption, data_url(chart_png(_chart(each)))) for each in group])
            for method, group in groupby(charts, lambda each: each.group)
        ],
        details=study.details(),
        records=[(name, pairs(settings)) for name, settings in study.records()],
        software={"fourfold": version("fourfold")},
    )
    content: dict[str, Any] = plain(study.to_json())
    page = folder / "index.html"
    with atomically(page, ".html") as file:
        write_text(file, html)
    with atomically(folder / "scores.json", ".json") as file:
        write_text(file, json.dumps(content, indent=2, ensure_ascii=False))
    write_csv(folder / "scores.csv", study.rows())
    write_statistics_tables(study.analyses, folder)
    for table in tables:
        if table.number:
            write_csv(folder / f"table-{table.number}.csv", table.records())
    return StudyPage(page, study.printed(), findings, content)


def _fact(value: str | Sequence[Mapping[str, Any]]) -> str:
    return value if isinstance(value, str) else "; ".join(dict.fromkeys(map(sampling_words, value)))


def _draw(shown: Figure, folder: Path) -> FigureFile:
    """Write a figure as ``figure-<name>.png``."""
    path = folder / f"figure-{shown.name}.png"
    match shown:
        case MissingFigure():
            return FigureFile(shown.name, shown.caption, None)
        case SideBySide():
            labels, images, scores = zip(*shown.images, strict=True)
            named = tuple({shown.metric.name: score} for score in scores)
            results = Results(images, labels, named, (shown.metric,), shown.reference, shown.reference_name)
            figure(results, path, below=shown.below, foot=shown.foot)
        case _:
            with atomically(path, ".png") as file:
                file.write_bytes(chart_png(_chart(shown)))
    return FigureFile(shown.name, shown.caption, path, chart=isinstance(shown, MemberChart))


def _chart(shown: LineChart | MemberChart) -> Any:
    if isinstance(shown, MemberChart):
        return score_chart(shown.title, shown.averaged, shown.single, shown.best)
    return line_chart(shown.title, shown.axis, shown.numbers, shown.curves, shown.lines)
