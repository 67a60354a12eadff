"""What a study is: its contenders, its jobs, its scores and the parts of its page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from fourfold.methods.method import Method
from fourfold.metrics import Metric
from fourfold.studies.claims import Claim
from fourfold.studies.contenders import Contender, TrainingRun
from fourfold.studies.page_parts import Figure, Finding, MemberChart, Table
from fourfold.studies.scores import Scores, Spread
from fourfold.studies.test_set import TestSet

if TYPE_CHECKING:
    from fourfold.studies.engine import StudyResults

__all__ = ["Fact", "Study"]

Fact: TypeAlias = tuple[str, str | Sequence[Mapping[str, Any]]]
"""A name, and a text or summaries of samplings."""


class Study(ABC):
    """A study. A subclass declares the jobs, scores, findings and parts of the page.

    Attributes
    ----------
    paper
        The publication that it repeats.
    title
        Heading of the page.
    metrics
        The scores.
    test_sets
        Test images by name.
    methods
        Each reconstructs all images.
    runs
        Networks, each after the one that it starts from.
    device
        Where to compute.
    simulation_note, introduction
        Note on simulated k-space (empty where all k-space was measured), and text before the tables.
    results
        The scores, once the study is done.
    """

    paper: ClassVar[str]
    title: str
    metrics: tuple[Metric, ...]
    test_sets: Mapping[str, TestSet]
    methods: tuple[Method, ...]
    runs: tuple[TrainingRun, ...] = ()
    device: str = "cpu"
    simulation_note: str = ""
    tables_title: ClassVar[str] = "Tables"
    introduction: str = ""
    results: StudyResults

    @abstractmethod
    def facts(self) -> Sequence[Fact]:
        """Return facts for the head of the page."""

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """Return the tables."""

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
        return self.tables()

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
                {"number": each.number, "caption": each.caption, "rows": each.records()} for each in self.tables()
            ],
            "findings": [
                {"claim": each.claim, "holds": each.holds, "sentence": each.sentence} for each in self.findings()
            ],
        }

    # Scores of the contenders

    def scores(self, contender: Contender, test_set: str) -> Scores:
        """Return the scores of a contender; they must exist."""
        scores = self.results.scores(contender, test_set)
        assert scores is not None
        return scores

    def difference(self, one: Contender, other: Contender, test_set: str, metric: Metric) -> Spread:
        """Return mean and standard deviation of the differences between two contenders, image by image."""
        return self.scores(one, test_set).minus(self.scores(other, test_set), metric.name)

    def spreads(self, contender: Contender | None, test_set: str) -> list[Spread | None]:
        """Return mean and standard deviation of each metric; None without a contender or without scores."""
        scores = None if contender is None else self.results.scores(contender, test_set)
        return [None if scores is None else scores.spread(metric.name) for metric in self.metrics]

    def methods_on(self, test_set: str, zero_filled: bool | None = None) -> list[Method]:
        """Return the methods that have scores: all, zero-filling alone, or all but that."""
        return [
            method
            for method in self.methods
            if self.results.scores(method, test_set) is not None and zero_filled in (None, method.name == "zero-filled")
        ]

    def best_method(self, test_set: str, metric: Metric) -> Method | None:
        """Return the method with the best mean score, zero-filling aside, or None without any."""
        sign = 1 if metric.higher_is_better else -1
        return max(
            self.methods_on(test_set, zero_filled=False),
            key=lambda method: sign * self.scores(method, test_set).spread(metric.name).mean,
            default=None,
        )

    def _check(self, claim: Claim) -> Finding:
        if claim.other is None:
            return Finding(claim.text, None, f"{claim.text}: no such method was run.")
        return claim.check(self.scores(claim.one, claim.test_set), self.scores(claim.other, claim.test_set))
