"""The study of Darestani & Heckel (2021, ISMRM 29) on scans of the user: ConvDecoder compared with other methods."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from string import ascii_lowercase
from typing import Any, TypeAlias, get_args

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.methods.method import Method
from fourfold.methods.registry import methods
from fourfold.metrics import Metric, find_metric
from fourfold.scan import Reconstruction
from fourfold.studies.analyses import analyses_json
from fourfold.studies.page_parts import (
    Cell,
    Column,
    Figure,
    MemberChart,
    MissingFigure,
    SideBySide,
    Table,
    metric_column,
)
from fourfold.studies.reference import REFERENCES
from fourfold.studies.scan_set import Case, Design, ScanSet, simulation_note, unsuitable_metrics
from fourfold.studies.scores import Evaluation, ImageIndex, Kind, ensemble_of, format_number
from fourfold.studies.study import Fact, Study

__all__ = ["METRICS", "SUBJECT", "ConvDecoderStudy", "study_methods"]

SUBJECT = "convdecoder"

METRICS = ("vif", "ms-ssim", "fastmri-ssim", "psnr")
"""The scores of the study, in its order."""

_Row: TypeAlias = tuple[str, Method, Kind]
"""Name of a row, and the scores in it."""
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
    first_table = None
    test_sets: Mapping[str, ScanSet]

    def __init__(
        self, cases: Sequence[Case], methods: Sequence[Method], design: Design | None = None, device: str = "cpu"
    ) -> None:
        if not cases:
            raise InputError("There is no scan to study; give at least one fully sampled file.")
        self.methods, self.device, self.design = tuple(methods), device, design or Design()
        self.reference_name = self.design.reference
        datasets = dict.fromkeys(case.dataset for case in cases)
        self.title = f"ConvDecoder study: {', '.join(datasets)}"
        metrics = [find_metric(name) for name in METRICS]
        self.test_sets = {
            name: ScanSet(name, [case for case in cases if case.dataset == name], self.design, metrics, device)
            for name in datasets
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
        return simulation_note(self.test_sets.values())

    @property
    def shown_metric(self) -> Metric:
        """PSNR."""
        return find_metric("psnr")

    # The page's parts

    def facts(self) -> list[Fact]:
        """Return what was studied."""
        samplings = [each for images in self.test_sets.values() for each in images.sampling.values()]
        return [
            ("Scans", str(self.count)),
            ("Data sets", ", ".join(self.test_sets)),
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
        return unsuitable_metrics(self.test_sets.values())

    def tables(self) -> list[Table]:
        """Return the scores with and without data consistency, what it brings, and the scores on each data set."""
        scores = [(f"{each.title}{words}", each, kind) for each in self.methods for kind, words in _WITH_AND_WITHOUT]
        gains: list[_Row] = [(each.title, each, "gain") for each in self.methods]
        images: list[_Row] = [(each.title, each, "image") for each in self.methods]
        over = ", mean ± standard deviation over the scans" if self.count > 1 else ""
        caption = f"What data consistency adds: the difference that the step makes on the same fit{over}."
        tables = [self._table("All scans", scores), self._table(caption, gains, mark_best=False, sign="+")]
        if len(self.test_sets) > 1:
            tables += [self._table(f"Data set {name}", images, name) for name in self.test_sets]
        return [table for table in tables if table.rows]

    def printed(self) -> list[Table]:
        """Return the means of the scores under the names of methods and metrics."""
        rows = [(f"{each.name}{words}", each, kind) for each in self.methods for kind, words in _WITH_AND_WITHOUT]
        columns = [metric_column(metric, metric.name) for metric in self.metrics]
        return [dataclasses.replace(self._table("", rows), row_title="method", columns=columns)]

    def _table(self, caption: str, rows: Sequence[_Row], dataset: str | None = None, **column: Any) -> Table:
        """Return the rows of which there are scores; further parameters are those of `metric_column`."""
        cells = [
            (name, [self.scores(method, dataset).spread(metric, kind) for metric in self.metrics])
            for name, method, kind in rows
        ]
        columns = [metric_column(each, **column) for each in self.metrics]
        return Table(caption, "Method", columns, [row for row in cells if any(spread.count for spread in row[1])])

    def ensembles(self) -> tuple[list[Table], list[MemberChart]]:
        """Return the ensembles against their members, and the scores against the number of members."""
        several = [each for each in self.methods if self.scores(each).ensembles(self.shown_metric)]
        if not several:
            return [], []
        rows = [(f"{method.title}: {words}", method, kind) for method in several for kind, words in _MEMBERS]
        caption = (
            "The mean of the members against the members alone. The best single member is that by the score itself, "
            "scan by scan, which only the reference can tell."
        )
        pairs = [(method, metric) for method in several for metric in self.metrics]
        charts = [self._member_chart(*pair) for pair in pairs if self.scores(pair[0]).ensembles(pair[1])]
        return [dataclasses.replace(self._table(caption, rows, mark_best=False), row_title="Image")], charts

    def _member_chart(self, method: Method, metric: Metric) -> MemberChart:
        """Return a score against the number of averaged members, the mean over all cases that have several."""
        ensembles = self.scores(method).ensembles(metric)
        averaged = [each.averaged[metric.name] for each in ensembles]
        single = [each.single[metric.name] for each in ensembles]
        best = self.scores(method).spread(metric, "best member").mean
        caption = f"{method.title}: {metric.title} against the number of averaged members"
        return MemberChart("", caption, metric.title, _means(averaged), _means(single), best, method.title)

    def details(self) -> list[Table]:
        """Return the scores of every scan."""
        scores = [metric_column(each, mark_best=False) for each in self.metrics]
        rows: list[tuple[str, list[Cell]]] = [
            (self._label(image), [method.title, *self._all_metrics(evaluation["image"]), evaluation["seconds"]])
            for image, method, evaluation in self._in_order()
        ]
        return [Table("Every scan", "Scan", [Column("Method"), *scores, Column("Seconds", ".1f")], rows)]

    def _label(self, image: ImageIndex) -> str:
        return self.test_sets[image[0]].cases[image[1]].label

    def _all_metrics(self, scores: Mapping[str, float]) -> list[float]:
        return [scores.get(metric.name, math.nan) for metric in self.metrics]

    def _in_order(self) -> Iterator[tuple[ImageIndex, Method, Evaluation]]:
        """Yield the scores case by case."""
        for image in ((name, index) for name, images in self.test_sets.items() for index in range(len(images))):
            for method in self.methods:
                evaluations = self.scores(method, image[0]).evaluations
                if image in evaluations:
                    yield image, method, evaluations[image]

    # Files

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield rows of image, image before data consistency, averages of k members, single members."""
        names = [metric.name for metric in self.metrics]
        for (dataset, index), method, evaluation in self._in_order():
            head = {"data_set": dataset, "scan": self.test_sets[dataset].image_name(index), "method": method.name}
            for image, scores in _scored_images(evaluation):
                row = {**head, "image": image, **dict(zip(names, self._all_metrics(scores), strict=True))}
                yield {**row, "seconds": evaluation["seconds"]} if image == "image" else row

    def to_json(self) -> dict[str, Any]:
        """Return all but the pixels as JSON types: settings, means, every score, refusals."""
        content: dict[str, Any] = plain(
            {
                "reference": self.design.reference,
                "metrics": {metric.name: metric.statement for metric in self.metrics},
                "settings": {method.name: method.model_dump(mode="json") for method in self.methods},
                "summary": list(self._summary()),
                "results": [self._result(*each) for each in self._in_order()],
                "failures": [
                    {"scan": f"{each.test_set}: {each.image}", "method": each.method.name, "reason": each.sentence}
                    for each in self.results.failures
                ],
                "statistics": analyses_json(self.analyses),
                "not_scored": [{"scan": label, "reason": sentence} for label, sentence in self._not_scored()],
            }
        )
        return content

    def _summary(self) -> Iterator[dict[str, Any]]:
        """Yield the means of each kind of scores over all scans, and over those of each of several data sets."""
        datasets = (None, *self.test_sets) if len(self.test_sets) > 1 else (None,)
        for dataset, method, kind in product(datasets, self.methods, get_args(Kind)):
            spreads = {each.name: self.scores(method, dataset).spread(each, kind) for each in self.metrics}
            if any(spread.count for spread in spreads.values()):
                head = {"data_set": dataset or "all", "method": method.name, "kind": kind}
                yield head | {name: dataclasses.asdict(spread) for name, spread in spreads.items()}

    def _result(self, image: ImageIndex, method: Method, evaluation: Evaluation) -> dict[str, Any]:
        """Return all that is known of one image."""
        images, index = self.test_sets[image[0]], image[1]
        return {
            "data_set": images.name,
            "scan": images.image_name(index),
            "method": method.name,
            "scores": evaluation["image"],
            "scores_without_data_consistency": evaluation["before_data_consistency"],
            "ensemble": evaluation["ensemble"],
            "seconds": evaluation["seconds"],
            "sampling": images.sampling[index],
            "file": images.key(method, index).file_name,
        }

    # Figures 2 to 5 of the paper, on the scan with the median PSNR of ConvDecoder

    def figures(self) -> Iterator[Figure]:
        """Yield Figures 2 to 5 of the paper for this data."""
        subject = next((each for each in self.methods if each.name == SUBJECT and self.scores(each)), None)
        if subject is None:
            yield MissingFigure("2", f"There are no figures: no scan suits '{SUBJECT}', which they are about.")
            return
        untrained = [each for each in self.methods if each.family == "untrained"]
        others = [each for each in self.methods if each.family != "untrained"]
        caption = f"{subject.title} beside methods that are not untrained networks."
        yield self._beside(subject, [*others, subject], "2", caption)
        yield self._beside(subject, untrained, "3", "The untrained networks.")
        yield from self._ensemble_figures(subject)
        yield from self._shift_figures(subject, [each for each in others if each.family == "trained"])

    def _beside(
        self, subject: Method, methods: Sequence[Method], number: str, caption: str, dataset: str | None = None
    ) -> SideBySide:
        """Return the images of several methods, with their mean scores over all cases or a data set's."""
        image = self.scores(subject, dataset).median_image(self.shown_metric)
        shown = [method for method in methods if image in self.scores(method).evaluations]
        count = self.count if dataset is None else len(self.test_sets[dataset])
        note = (
            f"Scores: mean ± standard deviation over {count} scan{'s' if count > 1 else ''}; in brackets without data "
            "consistency."
        )
        below = [[self._with_and_without(method, metric, dataset) for metric in self.metrics] for method in shown]
        return self._figure(image, self.pictures(image, shown), number, caption, below, note)

    def _figure(
        self,
        image: ImageIndex,
        pictures: Sequence[tuple[str, Reconstruction, float]],
        number: str,
        caption: str,
        below: Sequence[Sequence[str]],
        note: str,
    ) -> SideBySide:
        caption += f" Image, magnified detail and error of the scan with the median PSNR. {note}"
        lines = [[metric.title for metric in self.metrics], *below]
        return self.side_by_side(image, pictures, number, caption, lines, (note, f"Shown: {self._label(image)}."))

    def _with_and_without(self, method: Method, metric: Metric, dataset: str | None) -> str:
        scores, spec = self.scores(method, dataset), f".{metric.decimals}f"
        without = scores.spread(metric, "before_data_consistency")
        score = scores.spread(metric).text(spec)
        return f"{score} ({format_number(without.mean, spec)})" if without.count else score

    def _ensemble_figures(self, method: Method) -> Iterator[Figure]:
        """Yield the mean of the members beside the best of them, and PSNR against their number."""
        scores, psnr = self.scores(method), self.shown_metric
        image = scores.median_image(psnr)
        reconstruction, ensemble = self.results.image(method, *image), ensemble_of(scores.evaluations[image])
        if reconstruction.members is None or ensemble is None:
            yield MissingFigure("4", "Figure 4 compares an ensemble with its members, and there is a single member.")
            return
        count, best = len(reconstruction.members), ensemble.best(psnr)
        single = dataclasses.replace(
            reconstruction, image=reconstruction.members[best], members=None, std=None, before_data_consistency=None
        )
        pictures = [
            (f"Best of {count} members", single, ensemble.single[psnr.name][best]),
            (f"Mean of {count} members", reconstruction, scores.value(image, psnr)),
        ]
        kinds: tuple[Kind, ...] = ("best member", "image")
        below = [[scores.spread(each, kind).text(f".{each.decimals}f") for each in self.metrics] for kind in kinds]
        caption = "The mean of the members beside the best of them."
        note = "Scores: mean ± standard deviation over all scans; the best member is chosen by each score."
        yield self._figure(image, pictures, "4a", caption, below, note)
        caption = "PSNR against the number of averaged members, mean over all scans."
        yield dataclasses.replace(self._member_chart(method, psnr), name="4b", caption=caption)

    def _shift_figures(self, subject: Method, trained: Sequence[Method]) -> Iterator[Figure]:
        """Yield trained networks on each data set beside ConvDecoder."""
        shift = "Figure 5, the shift from one anatomy to another,"
        if not trained:
            why = "is about trained networks, and there are none yet; untrained ones see no data but the scan."
            yield MissingFigure("5", f"{shift} {why}")
        elif len(self.test_sets) == 1:
            yield MissingFigure("5", f"{shift} needs a second data set: name one.")
        else:
            for letter, dataset in zip(ascii_lowercase, self.test_sets, strict=False):
                if self.scores(subject, dataset):
                    caption = f"Trained networks and {subject.title} on the data set {dataset}."
                    yield self._beside(subject, [*trained, subject], f"5{letter}", caption, dataset)


def _means(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the means over the cases of scores (case, member)."""
    return [statistics.fmean(each) for each in zip(*scores, strict=True)]


def _scored_images(evaluation: Evaluation) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield the name and the scores of every image of one reconstruction."""
    yield "image", evaluation["image"]
    if evaluation["before_data_consistency"]:
        yield "without data consistency", evaluation["before_data_consistency"]
    for name, what in (("mean of first", "averaged"), ("member", "single")):
        scores = (evaluation["ensemble"] or {}).get(what, {})
        for number in range(len(next(iter(scores.values()), ()))):
            yield f"{name} {number + 1}", {name: values[number] for name, values in scores.items()}
