"""The page of a training: how losses and scores went, and what was trained on what."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.documents import read_json, read_settings
from fourfold.files.output import atomically, write_text
from fourfold.metrics import METRICS
from fourfold.report.charts import chart_png, history_chart
from fourfold.report.encoding import data_url
from fourfold.report.template import part, render
from fourfold.report.wording import decimal, pairs

__all__ = ["write_training"]

PAGE = "training.html"
_PLACE = ("stage", "epoch", "step")
_TECHNICAL = ("gradient", "learning_rate", "seconds_per_step")
_TITLES = {
    "loss": "Loss",
    "gradient": "Norm of the gradient",
    "learning_rate": "Learning rate",
    "held-out-error": "Error of held-out samples",
}

Rows = list[dict[str, str]]


def write_training(folder: Path) -> Path:
    """Write ``training.html`` into the folder of a training, finished or not; return the page.

    Parameters
    ----------
    folder
        With ``settings.yaml`` and the log, as `fourfold.training.train` leaves it; ``manifest.json`` once finished.

    Raises
    ------
    InputError
        When there is no training in the folder, or the page cannot be written.
    """
    if not (folder / "settings.yaml").exists():
        raise InputError(f"'{folder}' holds no training; name the folder that 'fourfold train' wrote.")
    settings = read_settings(folder / "settings.yaml")
    losses, scores = _rows(folder / "losses.csv"), _rows(folder / "scores.csv")
    manifest = folder / "manifest.json"
    finished = read_json(manifest) if manifest.exists() else {}
    names = [name for name in (scores[0] if scores else ()) if name not in _PLACE]
    html = render(
        "training.html",
        title=f"Training of {settings['name']}",
        style=part("page.css"),
        simulated=_simulated(settings["data"]),
        facts=_facts(settings, losses, finished),
        loss_charts=_charts(losses, _losses_of(losses)),
        score_charts=_charts(scores, names),
        stages=_stages(scores, names),
        titles=[_title(name) for name in names],
        metrics=[METRICS[name] for name in names if name in METRICS],
        records=_records(settings, finished),
        software={"fourfold": version("fourfold")},
    )
    page = folder / PAGE
    with atomically(page, ".html") as file:
        write_text(file, html)
    return page


def _rows(path: Path) -> Rows:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _losses_of(rows: Rows) -> list[str]:
    """Return what is drawn: the loss, its parts where there are several, and the technical quantities."""
    if not rows:
        return []
    parts = [name for name in rows[0] if name not in (*_PLACE, *_TECHNICAL, "loss")]
    return ["loss", *(parts if len(parts) > 1 else []), "gradient", "learning_rate"]


def _title(name: str) -> str:
    return METRICS[name].title if name in METRICS else _TITLES.get(name, f"Loss: {name}")


def _charts(rows: Rows, names: Sequence[str]) -> list[dict[str, str]]:
    """Return a chart of each quantity against the step."""
    steps = [int(row["step"]) for row in rows]
    stages = [row["stage"] for row in rows]
    # Where a stage begins, but for the first.
    borders = [step for step, stage, before in zip(steps[1:], stages[1:], stages, strict=False) if stage != before]
    charts = []
    for name in names:
        values = [_number(row[name]) for row in rows]
        figure = history_chart(
            _title(name), steps, values, borders, logarithmic=name not in (*METRICS, "learning_rate")
        )
        charts.append({"image": data_url(chart_png(figure)), "words": f"{_title(name)} against the step"})
    return charts


def _stages(rows: Rows, names: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Return stage, step and scores of the best validation of each stage, by its first score."""
    best: dict[str, dict[str, str]] = {}
    for row in rows:
        held = best.get(row["stage"])
        first = next(name for name in names if row[name])
        if held is None or _better(first, float(row[first]), float(held[first])):
            best[row["stage"]] = row
    return [
        (stage, f"{row['step']} (epoch {row['epoch']})", [_score(name, row[name]) for name in names])
        for stage, row in best.items()
    ]


def _number(cell: str) -> float:
    """Return the number in a cell; NaN for a quantity that this stage has not."""
    return float(cell) if cell else math.nan


def _score(name: str, cell: str) -> str:
    return decimal(float(cell), METRICS[name].decimals if name in METRICS else 4) if cell else "–"


def _better(name: str, value: float, other: float) -> bool:
    higher = name in METRICS and METRICS[name].higher_is_better
    return value > other if higher else value < other


def _facts(settings: dict[str, Any], losses: Rows, finished: dict[str, Any]) -> list[tuple[str, str]]:
    last = losses[-1] if losses else {"step": "0", "epoch": "0", "seconds_per_step": "nan"}
    data = [source["name"] for source in finished.get("training_data", [])]
    return [
        ("Network", settings["network"]["kind"]),
        ("Trained", f"{last['step']} steps, {last['epoch']} epochs" + ("" if finished else ", not finished")),
        *([("Data", ", ".join(data))] if data else []),
        *([("Started from", settings["start"])] if settings.get("start") else []),
    ]


def _simulated(data: dict[str, Any]) -> bool:
    """Return whether any acquisition was computed from an image."""
    sources = [*data["sources"], *data["training"], *data["validation"]]
    return any(source["kind"] == "images" for source in sources)


def _records(settings: dict[str, Any], finished: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the settings, and what the manifest says of data and weights, as tables."""
    apart = ("network", "data", "stages", "losses")
    return [
        ("Network", pairs(settings["network"])),
        ("Data", pairs(settings["data"])),
        *((f"Stage {place}", pairs(stage)) for place, stage in enumerate(settings["stages"], start=1)),
        *((f"Loss {place}", pairs(loss)) for place, loss in enumerate(settings["losses"], start=1)),
        ("Training", pairs({name: value for name, value in settings.items() if name not in apart})),
        *((f"Training data: {each['name']}", pairs(each)) for each in finished.get("training_data", [])),
    ]
