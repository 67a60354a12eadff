"""The result of a comparison: images, scores, and where they came from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text
from torch import Tensor

from fourfold.confidence.ranking import Ranking, rank
from fourfold.confidence.result import Trust
from fourfold.confidence.score import Score
from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.scan import Reconstruction, Scan
from fourfold.studies.ensemble import EnsembleScores
from fourfold.studies.std_check import StdCheck

__all__ = ["Comparison", "Entry"]


@dataclass(frozen=True, eq=False)
class Entry:
    """One method's image and its scores.

    Attributes
    ----------
    reconstruction
        The image and how it was made.
    scores
        The score of each metric by name; empty without a reference.
    frame_scores
        The same for every frame.
    settings
        The settings that differ from the method's defaults, JSON types.
    ensemble
        Scores of the members and their averages, where there are several members and a reference.
    score
        The held-back score, where it was asked for and the data allow one.
    trust
        How far to believe the image, where that was asked for.
    warnings
        Sentences that say why the image should not be trusted; its record's notes hold them too.
    std_check
        How the standard deviation compares with the error, where there are both.
    """

    reconstruction: Reconstruction
    scores: Mapping[str, float]
    frame_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    ensemble: EnsembleScores | None = None
    std_check: StdCheck | None = None
    score: Score | None = None
    trust: Trust | None = None
    warnings: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method's name."""
        return self.reconstruction.record.method


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several methods on one undersampled scan.

    Attributes
    ----------
    reference
        float32, (frame, y, x), or None: then there are no scores.
    reference_name
        What the reference is, in words.
    scan
        The undersampled scan that the methods were given.
    entries
        The images and scores, in the order of the methods.
    metrics
        The metrics of the scores, in the order of the table's columns.
    failures
        The name of each method that refused the data or does not suit its frames, with the sentence that says why.
    omitted
        The name of each metric that does not suit the reference, with the sentence that says why.
    """

    reference: Tensor | None
    reference_name: str
    scan: Scan
    entries: tuple[Entry, ...]
    metrics: tuple[Metric, ...]
    failures: tuple[tuple[str, str], ...] = ()
    omitted: tuple[tuple[str, str], ...] = ()

    @property
    def ranking(self) -> Ranking | None:
        """The methods in the order of their held-back scores, and how sure it is; None without scores to compare."""
        scores = [entry.score for entry in self.entries if entry.score is not None]
        return rank(scores) if len(scores) > 1 else None

    def best(self, metric: str) -> Entry:
        """Return the entry with the best score of a metric; raises InputError where nothing was scored by it."""
        known = {each.name: each for each in self.metrics}
        scored = [entry for entry in self.entries if not math.isnan(entry.scores.get(metric, math.nan))]
        if metric not in known or not scored:
            names = ", ".join(known) if self.reference is not None else "none, for want of a reference"
            raise InputError(f"Nothing was scored by '{metric}'; this comparison has: {names}.")
        sign = 1 if known[metric].higher_is_better else -1
        return max(scored, key=lambda entry: sign * entry.scores[metric])

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each entry: method, settings that are not the defaults, scores, seconds, iterations."""
        return [
            {
                "method": entry.method,
                "settings": ", ".join(f"{name} {value}" for name, value in entry.settings.items()),
                **entry.scores,
                "seconds": entry.reconstruction.record.seconds,
                "iterations": entry.reconstruction.record.iterations,
            }
            for entry in self.entries
        ]

    def to_json(self) -> dict[str, Any]:
        """Return all but the pixels as JSON types; infinite and undefined scores are None."""
        result = {
            "source": self.scan.source.summary(),
            "labels": self.scan.labels.numbers,
            "simulated": self.scan.source.simulated,
            "sampling": self.scan.sampling_summary(),
            "reference": self.reference_name,
            "metrics": {metric.name: _statements(metric) for metric in self.metrics},
            "results": [
                {
                    **entry.reconstruction.record.summary(),
                    "scores": entry.scores,
                    "frame_scores": entry.frame_scores,
                    "ensemble": None if entry.ensemble is None else dataclasses.asdict(entry.ensemble),
                    "trust": None if entry.trust is None else entry.trust.summary(),
                    "std_check": None if entry.std_check is None else dataclasses.asdict(entry.std_check),
                }
                for entry in self.entries
            ],
            "ranking": None if self.ranking is None else self.ranking.summary(),
            "failures": [{"method": name, "reason": sentence} for name, sentence in self.failures],
            "omitted_metrics": dict(self.omitted),
        }
        return {name: _json(value) for name, value in result.items()}

    def render(self) -> Table:
        """Return the score table for the terminal: the metrics' names in the header, the best scores bold."""
        # Without inner lines and with names broken at their hyphens it fits a terminal of 80 columns.
        table = Table(box=SIMPLE_HEAD, padding=0)
        table.title, table.title_justify = self._title(), "left"
        table.caption, table.caption_justify = self._caption(), "left"
        ranking = self.ranking
        table.add_column("method", min_width=11)
        held_back = () if ranking is None else ("held-back dB", "probability of best")
        for name in (*(metric.name for metric in self.metrics), *held_back, "seconds", "itera-tions"):
            table.add_column(name.replace("-", "-\n"), justify="right", no_wrap=True)
        for entry, row in zip(self.entries, self.table(), strict=True):
            method = Text.assemble(row["method"], (f" {row['settings']}" if row["settings"] else "", "dim"))
            scores = [self._cell(entry, metric) for metric in self.metrics]
            ranks = () if ranking is None else _rank_cells(entry, ranking)
            table.add_row(method, *scores, *ranks, f"{row['seconds']:.1f}", str(row["iterations"]))
        return table

    def _cell(self, entry: Entry, metric: Metric) -> Text:
        value = entry.scores[metric.name]
        best = value == self.best(metric.name).scores[metric.name]
        return Text(f"{value:.{metric.decimals}f}", style="bold" if best and len(self.entries) > 1 else "")

    def grouped_failures(self, title: Callable[[str], str] = str) -> list[tuple[str, str]]:
        """Return the failures, those with one sentence together: their names by `title`, and the sentence."""
        groups: dict[str, list[str]] = {}
        for name, sentence in self.failures:
            groups.setdefault(sentence, []).append(title(name))
        return [(", ".join(names), sentence) for sentence, names in groups.items()]

    def _title(self) -> Text:
        label = self.scan.source.label or self.scan.source.path or "scan"
        simulated = " (simulated)" if self.scan.source.simulated else ""
        return Text(f"{label}{simulated}, {self.scan.sampling.kind} sampling, {self.scan.acceleration:.2f}×")

    def _caption(self) -> Text:
        lines = [f"Reference: {self.reference_name}."]
        lines += [] if self.ranking is None else [self.ranking.sentence]
        lines += [f"{entry.method}: {entry.std_check.words()}" for entry in self.entries if entry.std_check]
        lines += [f"Not reconstructed: {names}. {sentence}" for names, sentence in self.grouped_failures()]
        lines += [f"Not scored: {sentence}" for _, sentence in self.omitted]
        return Text("\n".join(lines))


def _rank_cells(entry: Entry, ranking: Ranking) -> tuple[str, str]:
    """Return the held-back error of an entry and the probability that it is the best; dashes where it has none."""
    if entry.score is None:
        return "–", "–"
    name = entry.score.method
    return f"{ranking.decibels[name]:.1f}", f"{100 * ranking.best[name]:.0f} %"


def _statements(metric: Metric) -> dict[str, Any]:
    return {
        field.name: getattr(metric, field.name)
        for field in dataclasses.fields(metric)
        if field.name not in ("measure", "display_order", "by_name_only")
    }


def _json(value: Any) -> Any:
    """Return `value` as JSON types: tuples as lists, numbers that JSON cannot write as None."""
    if isinstance(value, Mapping):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
