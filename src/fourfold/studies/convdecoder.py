"""The study of Darestani & Heckel (2021, ISMRM 29) on scans of the user: ConvDecoder compared with other methods."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.methods.method import Method
from fourfold.methods.registry import methods
from fourfold.metrics import Metric, find_metric
from fourfold.studies.convdecoder_figures import convdecoder_figures
from fourfold.studies.page_parts import (
    Cell,
    Column,
    Figure,
    MemberChart,
    Table,
    metric_column,
)
from fourfold.studies.reference import REFERENCES
from fourfold.studies.scan_set import Case, CaseIndex, Design, Kind, ScanSet, ensemble_of, score_of, scored_images
from fourfold.studies.scores import Spread
from fourfold.studies.study import Fact, Study
from fourfold.studies.test_set import Evaluation

__all__ = ["METRICS", "SUBJECT", "ConvDecoderStudy", "study_methods"]

SUBJECT = "convdecoder"

METRICS = ("vif", "ms-ssim", "fastmri-ssim", "psnr")
"""The scores of the study, in its order."""

_KINDS: tuple[Kind, ...] = ("image", "before_data_consistency", "gain", "best member", "mean member")
_WITH_AND_WITHOUT: tuple[tuple[Kind, str], ...] = (
    ("image", ""),
    ("before_data_consistency", ", without data consistency"),
)
_MEMBERS: tuple[tuple[Kind, str], ...] = (
    ("mean member", "single members"),
    ("best member", "best single member"),
    ("image", "mean of all members"),
)


def study_methods() -> list[type[Method]]:
    """Return total variation, the trained networks whose weights ship, and the untrained networks of the study."""
    known = methods()
    trained = [kind for kind in known.values() if kind.family == "trained" and kind.ready()]
    return [known["tv"], *trained, known["deep-decoder"], known["dip"], known[SUBJECT]]


class ConvDecoderStudy(Study):
    """Reconstruct undersampled scans with several methods, and score them with and without data consistency.

    Parameters
    ----------
    cases
        Fully sampled frames.
    methods
        With their settings, in the order of the tables.
    design
        Sampling, reference, crop.
    device
        Where to compute.

    Raises
    ------
    InputError
        Without a case; for one that is not fully sampled or smaller than the crop.
    """

    paper = "Darestani & Heckel, Proc. ISMRM 29 (2021)"
    tables_title = "Scores"
    subject = SUBJECT
    test_sets: Mapping[str, ScanSet]

    def __init__(
        self, cases: Sequence[Case], methods: Sequence[Method], design: Design | None = None, device: str = "cpu"
    ) -> None:
        if not cases:
            raise InputError("There is no scan to study; give at least one fully sampled file.")
        self.methods, self.device, self.design = tuple(methods), device, design or Design()
        self.datasets = tuple(dict.fromkeys(case.dataset for case in cases))
        self.title = f"ConvDecoder study: {', '.join(self.datasets)}"
        metrics = [find_metric(name) for name in METRICS]
        self.test_sets = {
            name: ScanSet(name, [case for case in cases if case.dataset == name], self.design, metrics, device)
            for name in self.datasets
        }
        self.count = len(cases)
        over = f" ± standard deviation over {self.count} scans" if self.count > 1 else ""
        self.introduction = (
            f"Against the {REFERENCES[self.design.reference]}, mean{over}; higher is better. The best mean of each "
            "column is bold. No method sees the reference. Without data consistency is the method's image before the "
            "measured samples are put back in every coil."
        )

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]
        """The metrics that suit any case that was read."""
        return tuple(
            metric
            for metric in map(find_metric, METRICS)
            if any(
                metric.name not in unsuitable
                for each in self.test_sets.values()
                for unsuitable in each.unsuitable.values()
            )
        )

    @property
    def simulation_note(self) -> str:  # type: ignore[override]
        """What the page says of simulated k-space."""
        simulated = any(each.simulated for each in self.test_sets.values())
        return "Some of this k-space was computed from an image; it was not measured by a scanner." if simulated else ""

    def evaluations(self, method: str, dataset: str | None = None) -> dict[CaseIndex, Evaluation]:
        """Return the scores of a method's images of one data set or all."""
        return {
            (name, index): evaluation
            for (contender, name), evaluations in self.results.evaluations.items()
            if contender.name == method and dataset in (None, name)
            for index, evaluation in evaluations.items()
        }

    def spread(self, method: str, metric: Metric, kind: Kind = "image", dataset: str | None = None) -> Spread:
        """Return mean and standard deviation of a score over the cases."""
        return Spread.of(score_of(each, metric, kind) for each in self.evaluations(method, dataset).values())

    # The page's parts

    def facts(self) -> list[Fact]:
        """Return what was studied."""
        samplings = [each for images in self.test_sets.values() for each in images.sampling.values()]
        return [
            ("Scans", str(self.count)),
            ("Data sets", ", ".join(self.datasets)),
            ("Sampling", samplings),
            ("Methods", ", ".join(method.title for method in self.methods)),
        ]

    def failures(self) -> list[tuple[str, str]]:
        """Return which methods do not suit which scans, and why."""
        return [(f"{each.test_set}: {each.image}, {each.method.name}", each.sentence) for each in self.results.failures]

    def notes(self) -> list[str]:
        """Return which scores do not suit which scans, and why."""
        return list(dict.fromkeys(f"Not scored: {label}: {sentence}" for label, sentence in self._not_scored()))

    def _not_scored(self) -> Iterator[tuple[str, str]]:
        for images in self.test_sets.values():
            for index, unsuitable in images.unsuitable.items():
                yield from ((images.cases[index].label, sentence) for sentence in unsuitable.values())

    def tables(self) -> list[Table]:
        """Return the scores with and without data consistency, what it brings, and the scores on each data set."""
        titles = {method.name: method.title for method in self.methods}
        scores = [(f"{titles[name]}{words}", name, kind) for name in titles for kind, words in _WITH_AND_WITHOUT]
        gains: list[tuple[str, str, Kind]] = [(title, name, "gain") for name, title in titles.items()]
        images: list[tuple[str, str, Kind]] = [(title, name, "image") for name, title in titles.items()]
        over = ", mean ± standard deviation over the scans" if self.count > 1 else ""
        caption = f"What data consistency adds: the difference that the step makes on the same fit{over}."
        tables = [self._table("All scans", scores), self._table(caption, gains, gain=True)]
        if len(self.datasets) > 1:
            tables += [self._table(f"Data set {name}", images, dataset=name) for name in self.datasets]
        return [table for table in tables if table.rows]

    def printed(self) -> list[Table]:
        """Return the means of the scores under the names of methods and metrics."""
        rows = [(f"{each.name}{words}", each.name, kind) for each in self.methods for kind, words in _WITH_AND_WITHOUT]
        table = self._table("", rows)
        columns = tuple(metric_column(metric, metric.name) for metric in self.metrics)
        return [dataclasses.replace(table, row_title="method", columns=columns)]

    def _table(
        self,
        caption: str,
        rows: Sequence[tuple[str, str, Kind]],
        *,
        gain: bool = False,
        dataset: str | None = None,
        row_title: str = "Method",
        mark_best: bool = True,
    ) -> Table:
        """Return the rows (name, method, kind of score) of which there are scores."""
        cells = [
            (name, tuple(self.spread(method, metric, kind, dataset) for metric in self.metrics))
            for name, method, kind in rows
        ]
        columns = (
            metric_column(each, mark_best=mark_best and not gain, sign="+" if gain else "") for each in self.metrics
        )
        known = tuple((name, spreads) for name, spreads in cells if any(spread.count for spread in spreads))
        return Table(caption, row_title, tuple(columns), known)

    def ensembles(self) -> tuple[list[Table], list[MemberChart]]:
        """Return the ensembles against their members, and the scores against the number of members."""
        several = [each for each in self.methods if self._averages(each.name, find_metric("psnr")) is not None]
        if not several:
            return [], []
        rows = [(f"{method.title}: {words}", method.name, kind) for method in several for kind, words in _MEMBERS]
        caption = (
            "The mean of the members against the members alone. The best single member is that by the score itself, "
            "scan by scan, which only the reference can tell."
        )
        charts = [
            chart
            for method in several
            for metric in self.metrics
            if (chart := self.member_chart(method, metric)) is not None
        ]
        return [self._table(caption, rows, row_title="Image", mark_best=False)], charts

    def details(self) -> list[Table]:
        """Return the scores of every scan."""
        columns = (
            Column("Method"),
            *(metric_column(each, mark_best=False) for each in self.metrics),
            Column("Seconds", ".1f"),
        )
        rows: list[tuple[str, tuple[Cell, ...]]] = []
        for (dataset, index), method, evaluation in self._in_order():
            scores = (score_of(evaluation, metric) for metric in self.metrics)
            label = self.test_sets[dataset].cases[index].label
            rows.append((label, (method.title, *scores, evaluation["seconds"])))
        return [Table("Every scan", "Scan", columns, tuple(rows))]

    def _in_order(self) -> Iterator[tuple[CaseIndex, Method, Evaluation]]:
        """Yield the scores case by case."""
        for name, images in self.test_sets.items():
            for index in range(len(images)):
                for method in self.methods:
                    evaluation = self.results.evaluations.get((method, name), {}).get(index)
                    if evaluation is not None:
                        yield (name, index), method, evaluation

    # Files

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield rows of image, image before data consistency, averages of k members, single members."""
        names = [metric.name for metric in self.metrics]
        for (dataset, index), method, evaluation in self._in_order():
            head = {"data_set": dataset, "scan": self.test_sets[dataset].image_name(index), "method": method.name}
            for image, scores in scored_images(evaluation):
                row = {**head, "image": image, **{name: scores.get(name, math.nan) for name in names}}
                yield {**row, "seconds": evaluation["seconds"]} if image == "image" else row

    def to_json(self) -> dict[str, Any]:
        """Return all but the pixels as JSON types: settings, means, every score, refusals."""
        groups = (None, *self.datasets) if len(self.datasets) > 1 else (None,)
        summary = []
        for dataset in groups:
            for method in self.methods:
                for kind in _KINDS:
                    spreads = {each.name: self.spread(method.name, each, kind, dataset) for each in self.metrics}
                    if any(spread.count for spread in spreads.values()):
                        summary.append(
                            {"data_set": dataset or "all", "method": method.name, "kind": kind}
                            | {name: dataclasses.asdict(spread) for name, spread in spreads.items()}
                        )
        content: dict[str, Any] = plain(
            {
                "reference": self.design.reference,
                "metrics": {metric.name: metric.statement for metric in self.metrics},
                "settings": {method.name: method.model_dump(mode="json") for method in self.methods},
                "summary": summary,
                "results": [
                    {
                        "data_set": dataset,
                        "scan": self.test_sets[dataset].image_name(index),
                        "method": method.name,
                        "scores": evaluation["image"],
                        "scores_without_data_consistency": evaluation["before_data_consistency"],
                        "ensemble": evaluation["ensemble"],
                        "seconds": evaluation["seconds"],
                        "sampling": self.test_sets[dataset].sampling[index],
                        "file": self.test_sets[dataset].key(method, index).file_name,
                    }
                    for (dataset, index), method, evaluation in self._in_order()
                ],
                "failures": [
                    {"scan": f"{each.test_set}: {each.image}", "method": each.method.name, "reason": each.sentence}
                    for each in self.results.failures
                ],
                "not_scored": [{"scan": label, "reason": sentence} for label, sentence in self._not_scored()],
            }
        )
        return content

    def figures(self) -> Iterator[Figure]:
        """Yield Figures 2 to 5 of the paper for this data."""
        return convdecoder_figures(self)

    def example(self, dataset: str | None = None) -> CaseIndex | None:
        """Return the case with the median PSNR of ConvDecoder, the lower one of two, or None without any."""
        evaluations = self.evaluations(SUBJECT, dataset)
        by_score = sorted(evaluations, key=lambda case_index: evaluations[case_index]["image"]["psnr"])
        return by_score[(len(by_score) - 1) // 2] if by_score else None

    def member_chart(self, method: Method, metric: Metric) -> MemberChart | None:
        """Return a score against the number of averaged members, the mean over all cases."""
        scores = self._averages(method.name, metric)
        if scores is None:
            return None
        best = self.spread(method.name, metric, "best member").mean
        caption = f"{method.title}: {metric.title} against the number of averaged members"
        return MemberChart("", caption, metric.title, *scores, best, method.title)

    def _averages(self, method: str, metric: Metric) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Return the means over the cases of the scores of averages and of members, or None without members."""
        evaluations = self.evaluations(method).values()
        ensembles = [each for each in map(ensemble_of, evaluations) if each is not None and metric.name in each.single]
        if not ensembles:
            return None
        averaged = zip(*(each.averaged[metric.name] for each in ensembles), strict=True)
        single = zip(*(each.single[metric.name] for each in ensembles), strict=True)
        return tuple(map(statistics.fmean, averaged)), tuple(map(statistics.fmean, single))
