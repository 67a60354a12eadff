"""Several methods on many scans: scores with statistics over subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fourfold.errors import InputError
from fourfold.methods.method import Method
from fourfold.metrics import METRICS, Metric, find_metric
from fourfold.statistics.analysis import Choices
from fourfold.studies.contenders import Contender
from fourfold.studies.page_parts import Column, Figure, Table, metric_column
from fourfold.studies.reference import REFERENCES
from fourfold.studies.scan_set import Case, Design, ScanSet, simulation_note, unsuitable_metrics
from fourfold.studies.scores import Spread
from fourfold.studies.study import Fact, Study

__all__ = ["ManyScans"]

_TEST = "scans"


class ManyScans(Study):
    """Reconstruct undersampled scans with several methods, and compare the scores over subjects.

    Parameters
    ----------
    cases
        Fully sampled frames, with their subjects.
    methods
        With their settings, in the order of the tables.
    metrics
        Names of the scores; None for all that suit an image of this kind but those that are scored by name only.
    design
        Sampling, reference, crop.
    choices
        Tests that are made.
    device
        Where to compute.

    Raises
    ------
    InputError
        Without a case, for one that is not fully sampled, and for an unknown metric.
    """

    paper = ""
    first_table = None
    tables_title = "Scores"
    test_sets: Mapping[str, ScanSet]

    def __init__(
        self,
        cases: Sequence[Case],
        methods: Sequence[Method],
        metrics: Sequence[str] | None = None,
        design: Design | None = None,
        choices: Choices = Choices(),  # noqa: B008  # frozen
        device: str = "cpu",
    ) -> None:
        if not cases:
            raise InputError("There is no scan to compare on; give at least one fully sampled file.")
        if not methods:
            raise InputError("There is no method to compare; name at least one.")
        self.methods, self.device, self.design = tuple(methods), device, design or Design()
        self.statistics, self.reference_name = choices, self.design.reference
        names = [name for name, each in METRICS.items() if not each.by_name_only] if metrics is None else metrics
        self.all_metrics = tuple(map(find_metric, names))
        self.test_sets = {_TEST: ScanSet(_TEST, cases, self.design, self.all_metrics, device)}
        self.title = f"Comparison of {len(self.methods)} methods on {len(cases)} scans"
        self.introduction = (
            f"Against the {REFERENCES[self.design.reference]}: mean ± standard deviation over the scans. The best mean "
            "of each column is bold. No method sees the reference."
        )

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]
        """The metrics that suit any scan that was read."""
        unsuitable = self.test_sets[_TEST].unsuitable.values()
        return tuple(each for each in self.all_metrics if any(each.name not in refusals for refusals in unsuitable))

    @property
    def shown_metric(self) -> Metric:
        """The first metric, whose median image is shown."""
        return self.metrics[0]

    @property
    def simulation_note(self) -> str:  # type: ignore[override]
        """What the page says of simulated k-space."""
        return simulation_note(self.test_sets.values())

    def facts(self) -> list[Fact]:
        """Return the number of scans and subjects, and the sampling."""
        images = self.test_sets[_TEST]
        subjects = {images.subject(index) for index in range(len(images))}
        return [
            ("Scans", f"{len(images)} of {len(subjects)} subjects"),
            ("Sampling", list(images.sampling.values())),
            ("Reference", self.design.reference),
        ]

    def notes(self) -> list[str]:
        """Return which scores do not suit which scans, and why."""
        unsuitable = unsuitable_metrics(self.test_sets.values())
        return [f"Not scored: {label}: {sentence}" for label, sentence in unsuitable]

    def tables(self) -> list[Table]:
        """Return mean and standard deviation of every score and of the seconds."""
        columns = [*map(metric_column, self.metrics), Column("Seconds", ".1f")]
        rows = [(name, [*self.spreads(each, _TEST), self._seconds(each)]) for each, name in self._scored().items()]
        return [Table("", "Method", columns, rows)]

    def _scored(self) -> dict[Contender, str]:
        """Return the methods that have scores, with their names."""
        return {each: name for each, name in self.contender_names().items() if self.scores(each)}

    def _seconds(self, contender: Contender) -> Spread:
        return Spread.of(each["seconds"] for each in self.scores(contender).evaluations.values())

    def figures(self) -> Iterator[Figure]:
        """Yield all methods on the scan with the median score of the first one that is not zero-filling."""
        names = self._scored()
        chosen = next((each for each in names if each not in self.methods_on(_TEST, zero_filled=True)), None)
        first = next(iter(names)) if chosen is None else chosen
        image = self.scores(first).median_image(self.shown_metric)
        shown = [each for each in names if image in self.scores(each).evaluations]
        label = self.test_sets[_TEST].image_name(image[1])
        caption = f"Image, magnified detail and error of the scan with the median {self.shown_metric.title}: {label}."
        yield self.side_by_side(image, self.pictures(image, shown), "1", caption, foot=(f"Shown: {label}.",))

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each scan and method."""
        images = self.test_sets[_TEST]
        for contender, name in self._scored().items():
            for (_, index), evaluation in self.scores(contender).evaluations.items():
                head = {"method": name, "subject": images.subject(index), "image": images.image_name(index)}
                yield {**head, **evaluation["image"], "seconds": evaluation["seconds"]}
