"""The folder of a study: its page, its figures, its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.output import atomically, write_text
from fourfold.metrics import Protocol
from fourfold.report.charts import chart_png
from fourfold.report.encoding import data_url
from fourfold.report.study_figures import Drawn, ensemble_chart, spread_words, study_figures
from fourfold.report.tables import write_csv
from fourfold.report.template import part, render
from fourfold.report.wording import decimal, pairs, sampling_words
from fourfold.studies.reference import REFERENCES
from fourfold.studies.study import Kind, Study

__all__ = ["write_study"]

Row = tuple[str, Sequence[Mapping[str, Any]]]
"""A table's row: its name and its cells, each a text and whether it is the best of its column."""


def write_study(study: Study, subject: str, folder: Path, title: str) -> Path:
    """Write ``index.html``, ``scores.csv``, ``scores.json`` and the figures as PNG; return the page.

    Parameters
    ----------
    study
        The results.
    subject
        Name of the method that the study is about.
    folder
        An existing folder; files of these names are replaced, each once the new one is complete.
    title
        The page's heading.

    Raises
    ------
    InputError
        When every method refused every scan, and when the system refuses to write.
    """
    if not study.results:
        scan, method, sentence = study.failures[0]
        raise InputError(f"No method suits any of the scans. {scan}, {method}: {sentence}")
    figures = study_figures(study, subject, folder)
    style = part("page.css")
    html = render("study.html", title=title, style=style, **_contents(study, figures))
    page = folder / "index.html"
    with atomically(page, ".html") as file:
        write_text(file, html)
    with atomically(folder / "scores.json", ".json") as file:
        write_text(file, json.dumps(study.to_json(), indent=2, ensure_ascii=False))
    write_csv(folder / "scores.csv", study.rows())
    return page


def _contents(study: Study, figures: Sequence[Drawn]) -> dict[str, Any]:
    """Return every variable of the template ``study.html``."""
    return {
        "facts": _facts(study),
        "simulated": study.simulated,
        "reference_name": REFERENCES[study.reference],
        "count": len(study.cases),
        "protocols": study.protocols,
        "scores": _scores(study),
        "gains": _table(study, "gain", signed=True),
        "datasets": _by_dataset(study),
        "ensembles": _ensembles(study),
        "figures": [
            {"name": each.name, "caption": each.caption, "image": each.file and data_url(each.file.read_bytes())}
            for each in figures
        ],
        "charts": _charts(study),
        "scans": _scans(study),
        "failures": study.failures,
        "omitted": list(dict.fromkeys(f"{label}: {sentence}" for label, sentence in study.omitted)),
        "settings": [(method.title, pairs(method.model_dump(mode="json"))) for method in study.methods],
        "software": {"fourfold": version("fourfold")},
    }


def _facts(study: Study) -> list[tuple[str, str]]:
    samplings = dict.fromkeys(sampling_words(summary) for summary in study.sampling.values())
    return [
        ("Scans", str(len(study.cases))),
        ("Data sets", ", ".join(study.datasets)),
        ("Sampling", "; ".join(samplings)),
        ("Methods", ", ".join(method.title for method in study.methods)),
    ]


def _row(study: Study, name: str, method: str, kind: Kind, dataset: str | None = None, signed: bool = False) -> Row:
    return name, [
        {"text": spread_words(spread, protocol, signed), "value": spread.mean, "best": False}
        for protocol in study.protocols
        for spread in [study.spread(method, protocol, kind, dataset)]
    ]


def _known(study: Study, method: str, kind: Kind, dataset: str | None = None) -> bool:
    """Return whether a method has any score of a kind."""
    return any(study.spread(method, protocol, kind, dataset).count for protocol in study.protocols)


def _marked(rows: list[Row], protocols: Sequence[Protocol]) -> list[Row]:
    """Return the rows with the best cell of each column marked."""
    for place, protocol in enumerate(protocols):
        column = [cells[place] for _, cells in rows if cells[place]["value"] == cells[place]["value"]]
        if len(column) > 1:
            sign = 1 if protocol.higher_is_better else -1
            max(column, key=lambda cell: sign * cell["value"])["best"] = True  # type: ignore[index]
    return rows


def _scores(study: Study) -> list[Row]:
    """Return the table of all methods, with and without data consistency."""
    kinds: tuple[tuple[Kind, str], ...] = (("image", ""), ("estimate", ", without data consistency"))
    rows = [
        _row(study, f"{method.title}{words}", method.name, kind)
        for method in study.methods
        for kind, words in kinds
        if _known(study, method.name, kind)
    ]
    return _marked(rows, study.protocols)


def _table(study: Study, kind: Kind, signed: bool = False) -> list[Row]:
    return [
        _row(study, method.title, method.name, kind, signed=signed)
        for method in study.methods
        if _known(study, method.name, kind)
    ]


def _by_dataset(study: Study) -> list[tuple[str, list[Row]]]:
    """Return a table for each data set where there are several."""
    if len(study.datasets) == 1:
        return []
    return [
        (
            dataset,
            _marked(
                [
                    _row(study, method.title, method.name, "image", dataset)
                    for method in study.methods
                    if _known(study, method.name, "image", dataset)
                ],
                study.protocols,
            ),
        )
        for dataset in study.datasets
    ]


def _ensembles(study: Study) -> list[Row]:
    """Return the table of ensembles against their members."""
    kinds: tuple[tuple[Kind, str], ...] = (
        ("mean member", "single members"),
        ("best member", "best single member"),
        ("image", "mean of all members"),
    )
    return [
        _row(study, f"{method.title}: {words}", method.name, kind)
        for method in study.methods
        if _known(study, method.name, "best member")
        for kind, words in kinds
    ]


def _charts(study: Study) -> list[tuple[str, list[dict[str, str]]]]:
    """Return the charts of scores against the number of members, for each method that has them."""
    charts = []
    for method in study.methods:
        drawn = [(protocol, ensemble_chart(study, method.name, protocol)) for protocol in study.protocols]
        urls = [
            {
                "image": data_url(chart_png(chart)),
                "words": f"{method.title}: {protocol.title} against the number of averaged members",
            }
            for protocol, chart in drawn
            if chart is not None
        ]
        if urls:
            charts.append((method.title, urls))
    return charts


def _scans(study: Study) -> list[tuple[str, str, list[str]]]:
    """Return the scores of every image: scan, method, texts."""
    return [
        (
            result.case.label,
            result.method.title,
            [decimal(result.value(protocol), protocol.decimals) for protocol in study.protocols]
            + [decimal(result.seconds, 1)],
        )
        for result in study.results
    ]
