"""What a study is: its contenders, its jobs, its scores and the parts of its page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from fourfold.methods.method import Method
from fourfold.metrics import Metric
from fourfold.scan import Reconstruction
from fourfold.statistics.analysis import Choices
from fourfold.studies.analyses import NamedAnalysis, analyses_json, study_analyses
from fourfold.studies.claims import Claim
from fourfold.studies.contenders import Contender, TrainingRun, distinct_names, label
from fourfold.studies.page_parts import Figure, Finding, MemberChart, SideBySide, Table
from fourfold.studies.scores import ImageIndex, Scores, Spread
from fourfold.studies.test_set import TestSet
from fourfold.training.base import Settings
from fourfold.training.presets import read_settings

if TYPE_CHECKING:
    from fourfold.studies.engine import StudyResults

__all__ = ["Fact", "SettingsStudy", "Study"]

Fact: TypeAlias = tuple[str, str | Sequence[Mapping[str, Any]]]
"""A name, and a text or summaries of samplings."""


class Study(ABC):
    """A study. A subclass declares the jobs, scores, findings and parts of the page."""

    paper: ClassVar[str]
    """The publication that it repeats."""
    title: str
    """Heading of the page."""
    metrics: tuple[Metric, ...]
    test_sets: Mapping[str, TestSet]
    """Test images by name."""
    methods: tuple[Method, ...]
    """Each reconstructs all images."""
    runs: tuple[TrainingRun, ...] = ()
    """Networks, each after the one that it starts from."""
    device: str = "cpu"
    """Where to compute."""
    simulation_note: str = ""
    """Note on simulated k-space; empty where all k-space was measured."""
    tables_title: ClassVar[str] = "Tables"
    introduction: str = ""
    """Text before the tables."""
    reference_name: str = "fully sampled image"
    """Description of the reference in the figures."""
    whole_test_sets: ClassVar[bool] = False
    """Whether a contender has no scores on a test set where it failed on some of the images."""
    first_table: ClassVar[int | None] = 1
    """Number of the first table; None leaves the tables without numbers."""
    statistics: Choices = Choices()
    """Tests that are made."""
    results: StudyResults
    """The scores, once the study is done."""

    @abstractmethod
    def facts(self) -> Sequence[Fact]:
        """Return facts for the head of the page."""

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """Return the tables."""

    def numbered_tables(self) -> list[Table]:
        """Return the tables with their numbers."""
        tables = self.tables()
        if self.first_table is None:
            return list(tables)
        return [replace(each, number=str(self.first_table + index)) for index, each in enumerate(tables)]

    @property
    def shown_metric(self) -> Metric:
        """The metric in the figures, whose median image they show."""
        return self.metrics[-1]

    @property
    def analysed_metrics(self) -> Sequence[Metric]:
        """The metrics that statistics are made of."""
        return self.metrics

    def analysed_contenders(self, test_set: str) -> Sequence[Contender]:  # noqa: ARG002  # a study may choose by it
        """Return whose scores on a test set the statistics compare: all."""
        return [*self.runs, *self.methods]

    def contender_names(self) -> dict[Contender, str]:
        """Return the name of each contender in figures and statistics; no two are alike."""
        return distinct_names([*self.runs, *self.methods], label)

    @cached_property
    def analyses(self) -> list[NamedAnalysis]:
        """Return the statistics of the scores over subjects."""
        return study_analyses(self)

    @abstractmethod
    def figures(self) -> Iterator[Figure]:
        """Yield the figures."""

    @abstractmethod
    def rows(self) -> Iterable[Mapping[str, Any]]:
        """Yield the rows of ``scores.csv``."""

    def claims(self) -> Iterable[Claim | Finding]:
        """Return the claims of the study; a finding where it takes more than a comparison of two contenders."""
        return ()

    def findings(self) -> list[Finding]:
        """Return the claims, checked with the scores."""
        return [each if isinstance(each, Finding) else self._check(each) for each in self.claims()]

    def ensembles(self) -> tuple[Sequence[Table], Sequence[MemberChart]]:
        """Return tables and charts of ensembles."""
        return (), ()

    def details(self) -> Sequence[Table]:
        """Return tables that are folded on the page."""
        return ()

    def printed(self) -> Sequence[Table]:
        """Return the tables for the terminal."""
        return self.numbered_tables()

    def failures(self) -> list[tuple[str, str]]:
        """Return what failed with this data, and why."""
        return [(f"{each.method.title} on {each.test_set}", each.sentence) for each in self.results.failures]

    def notes(self) -> Sequence[str]:
        """Return notes for the reader."""
        return ()

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return names and settings for the end of the page."""
        return [(method.title, method.model_dump(mode="json")) for method in self.methods]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``scores.json``: tables and findings."""
        return {
            "tables": [
                {"number": each.number, "caption": each.caption, "rows": each.records()}
                for each in self.numbered_tables()
            ],
            "findings": [
                {"claim": each.claim, "holds": each.holds, "sentence": each.sentence} for each in self.findings()
            ],
            "statistics": analyses_json(self.analyses),
        }

    # Scores of the contenders

    def scores(self, contender: Contender, test_set: str | None = None) -> Scores:
        """Return the scores of a contender on a test set, or on all."""
        failed = {each.test_set for each in self.results.failures if self.whole_test_sets and each.method == contender}
        by_set = {name: self.results.evaluations.get((contender, name), {}) for name in self.test_sets}
        wanted = {name: each for name, each in by_set.items() if test_set in (None, name) and name not in failed}
        return Scores({(name, index): each[index] for name, each in wanted.items() for index in sorted(each)})

    def difference(self, one: Contender, other: Contender, test_set: str, metric: Metric) -> Spread:
        """Return mean and standard deviation of the differences between two contenders, image by image."""
        return self.scores(one, test_set).minus(self.scores(other, test_set), metric)

    def spreads(self, contender: Contender, test_set: str) -> list[Spread]:
        """Return mean and standard deviation of each metric."""
        return [self.scores(contender, test_set).spread(metric) for metric in self.metrics]

    def methods_on(self, test_set: str, zero_filled: bool | None = None) -> list[Method]:
        """Return the methods that have scores: all, zero-filling alone, or all but that."""
        known = [method for method in self.methods if self.scores(method, test_set)]
        return [method for method in known if zero_filled in (None, method.name == "zero-filled")]

    def best_method(self, test_set: str, metric: Metric) -> Method | None:
        """Return the method with the best mean score, zero-filling aside, or None without any."""
        sign = 1 if metric.higher_is_better else -1
        return max(
            self.methods_on(test_set, zero_filled=False),
            key=lambda method: sign * self.scores(method, test_set).spread(metric).mean,
            default=None,
        )

    def pictures(self, image: ImageIndex, contenders: Iterable[Contender]) -> list[tuple[str, Reconstruction, float]]:
        """Return the name, the reconstruction and the score of each contender for a figure."""
        metric, names = self.shown_metric, self.contender_names()
        return [
            (names[each], self.results.image(each, *image), self.scores(each).value(image, metric))
            for each in contenders
        ]

    def side_by_side(
        self,
        image: ImageIndex,
        pictures: Sequence[tuple[str, Reconstruction, float]],
        number: str,
        caption: str,
        below: Sequence[Sequence[str]] = (),
        foot: Sequence[str] = (),
    ) -> SideBySide:
        """Return the figure of several reconstructions of an image; `below` and `foot` are its lines of text."""
        test_set, index = image
        reference = self.test_sets[test_set][index].reference
        return SideBySide(number, caption, pictures, self.shown_metric, reference, self.reference_name, below, foot)

    def _check(self, claim: Claim) -> Finding:
        if claim.other is None:
            return Finding(claim.text, None, f"{claim.text}: no such method was run.")
        one, other = (self.scores(each, claim.test_set) for each in (claim.one, claim.other))
        subjects = {self.test_sets[name].subject(index) for name, index in one.evaluations}
        return claim.check(one, other, len(subjects))


class SettingsStudy(Study):
    """A study that a settings file describes. A subclass takes its settings as its one parameter."""

    settings_type: ClassVar[type[Settings]]

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Return the study that a settings file describes."""
        return cls(cls.settings_type(**read_settings(path)))  # type: ignore[call-arg]
