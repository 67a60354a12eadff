"""The page of a reader study that is closed: histograms, tests, agreement, comments; with CSV files and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fourfold.files.csv_rows import write_csv
from fourfold.files.documents import plain
from fourfold.files.output import atomically, write_text
from fourfold.reader_study.analysis import CriterionResult, analyse_criterion
from fourfold.reader_study.ratings import Ratings
from fourfold.report.charts import chart_png
from fourfold.report.encoding import data_url
from fourfold.report.significance import histogram_chart
from fourfold.report.statistics import statistics_parts, write_statistics_tables
from fourfold.report.template import part, render
from fourfold.statistics.agreement import IntraclassCorrelation
from fourfold.statistics.analysis import Choices
from fourfold.studies.analyses import NamedAnalysis
from fourfold.studies.page_parts import Column, Table

__all__ = ["ReaderStudyPage", "write_reader_study"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class ReaderStudyPage:
    """What was written: the page, the analyses for the terminal, and all of it as JSON types."""

    path: Path
    analyses: Sequence[NamedAnalysis]
    agreement: Sequence[Table]
    content: dict[str, Any]


def write_reader_study(ratings: Ratings, folder: Path, choices: Choices = Choices()) -> ReaderStudyPage:  # noqa: B008
    """Write ``index.html``, ``ratings.csv``, ``comments.csv``, ``statistics.csv``, ``pairs.csv``, ``results.json``.

    Charts are written beside the page.

    Parameters
    ----------
    ratings
        Of a closed study.
    folder
        Made where it does not exist; files in it are replaced.
    choices
        Tests that are made.

    Raises
    ------
    InputError
        When no case is finished, or a file cannot be written.
    """
    results = [analyse_criterion(ratings, criterion, choices) for criterion in ratings.criteria]
    folder.mkdir(parents=True, exist_ok=True)
    analyses = [NamedAnalysis("", each.criterion.name, ".2f", each.analysis) for each in results]
    agreement = [table for each in results for table in _agreement_tables(each)]
    comments = [
        {"reader": each.reader, "case": each.case, "comment": each.words, "images": _lettered(each.order)}
        for each in ratings.comments
    ]
    html = render(
        "reader_study.html",
        title=ratings.title,
        style=part("page.css"),
        facts=_facts(ratings),
        histograms=[_histogram(each, folder, number) for number, each in enumerate(results, 1)],
        statistics=statistics_parts(analyses, folder),
        agreement=agreement,
        comments=comments,
        software={"fourfold": version("fourfold")},
    )
    content = plain({"title": ratings.title, "key_sha256": ratings.key_hash, "criteria": list(map(_json, results))})
    write_csv(folder / "ratings.csv", ratings.rows())
    write_csv(folder / "comments.csv", comments)
    write_statistics_tables(analyses, folder)
    with atomically(folder / "results.json", ".json") as file:
        write_text(file, json.dumps(content, indent=2, ensure_ascii=False))
    with atomically(folder / "index.html", ".html") as file:
        write_text(file, html)
    return ReaderStudyPage(folder / "index.html", analyses, agreement, content)


def _facts(ratings: Ratings) -> list[tuple[str, str]]:
    cases, subjects = ({getattr(each, name) for each in ratings.ratings} for name in ("case", "subject"))
    return [
        ("Cases", f"{len(cases)} of {len(subjects)} subjects"),
        ("Methods", ", ".join(ratings.methods)),
        *((f"Finished by {name}", f"{done} of {total}") for name, (done, total) in ratings.finished.items()),
        ("SHA-256 of the key", ratings.key_hash),
    ]


def _lettered(order: Sequence[str]) -> str:
    return ", ".join(f"{letter} {method}" for letter, method in zip(_LETTERS, order, strict=False))


def _histogram(result: CriterionResult, folder: Path, number: int) -> tuple[str, str]:
    """Write a histogram as ``ratings-1.png`` and on; return its words and data URL."""
    criterion = result.criterion
    best = (
        "1 is the best"
        if criterion.kind == "rank"
        else f"1 {criterion.scale[0]}, {result.categories} {criterion.scale[-1]}"
    )
    png = chart_png(histogram_chart(criterion.name, result.histograms, best))
    with atomically(folder / f"ratings-{number}.png", ".png") as file:
        file.write_bytes(png)
    return f"Number of ratings: {criterion.name} ({best})", data_url(png)


def _agreement_tables(result: CriterionResult) -> list[Table]:
    name, tables = result.criterion.name, []
    if (found := result.agreement) is not None:
        pairs = [(f"{one} and {other}", (value,)) for (one, other), value in found.kappa.items()]
        caption = (
            f"{name}: agreement of readers. κ: Cohen's, with quadratic weights. On the {found.images} images that all "
            f"rated: Kendall's W {_number(found.kendalls_w)}, mean over cases; {_words(found.intraclass)}."
        )
        tables.append(Table(caption, "Readers", [Column("κ", ".2f")], pairs))
    if result.self_agreement:
        repeated = [
            (reader, (each.images, each.kappa, each.same, _words(each.intraclass)))
            for reader, each in result.self_agreement.items()
        ]
        titles = (("images", ".0f"), ("κ", ".2f"), ("equal", ".0%"), ("ICC", ""))
        caption = f"{name}: intra-reader agreement, on cases that were shown twice."
        tables.append(Table(caption, "Reader", [Column(*each) for each in titles], repeated))
    return tables


def _words(found: IntraclassCorrelation | None) -> str:
    if found is None:
        return "no ICC"
    low, high = found.agreement_interval
    return f"ICC(2,1) {found.agreement:.2f} ({low:.2f} to {high:.2f}), ICC(3,1) {found.consistency:.2f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _json(result: CriterionResult) -> dict[str, Any]:
    agreement = result.agreement
    return {
        "criterion": result.criterion.model_dump(mode="json"),
        "statistics": result.analysis.to_json(),
        "histograms": dict(result.histograms),
        "agreement": None
        if agreement is None
        else {
            "images": agreement.images,
            "kappa": [{"one": one, "other": other, "kappa": value} for (one, other), value in agreement.kappa.items()],
            "intraclass": None if agreement.intraclass is None else asdict(agreement.intraclass),
            "kendalls_w": agreement.kendalls_w,
        },
        "self_agreement": {reader: asdict(each) for reader, each in result.self_agreement.items()},
    }
