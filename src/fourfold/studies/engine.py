"""The study engine: a study declares its jobs, scores, findings and page; one runner does the jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.metrics import Metric
from fourfold.result_cache import ResultCache
from fourfold.scan import Reconstruction
from fourfold.studies.page_parts import Figure, Finding, MemberChart, Table
from fourfold.studies.scores import Scores
from fourfold.studies.test_set import Evaluation, ExampleSet, TestSet
from fourfold.training.settings import TrainingSettings
from fourfold.training.train import finetune, is_finished, train
from fourfold.weights.find import find_weights
from fourfold.weights.load_network import load_network
from fourfold.weights.weight_files import read_manifest

__all__ = ["Contender", "Fact", "Failure", "Study", "StudyResults", "StudyRunner", "TrainingRun", "run_study"]


@dataclass(frozen=True)
class TrainingRun:
    """A trained network of a study.

    Attributes
    ----------
    name
        Name of its folder; no two runs share one.
    label
        Name in running text.
    test_on
        Names of the test sets.
    columns
        Its columns of ``scores.csv``.
    settings
        Settings of the training; None for existing weights.
    start
        The run whose weights the training starts from.
    given_weights
        Name or folder of weights that were trained elsewhere.
    """

    name: str
    label: str = field(compare=False)
    test_on: tuple[str, ...] = field(compare=False)
    columns: Mapping[str, Any] = field(compare=False)
    settings: TrainingSettings | None = field(default=None, compare=False)
    start: TrainingRun | None = field(default=None, compare=False)
    given_weights: str | None = field(default=None, compare=False)


Contender: TypeAlias = Method | TrainingRun
"""A method or a network whose images are scored."""


AnyStudy = TypeVar("AnyStudy", bound="Study")

Fact: TypeAlias = tuple[str, str | Sequence[Mapping[str, Any]]]
"""A name, and a text or summaries of samplings."""


@dataclass(frozen=True)
class Failure:
    """A method that failed on an image because the data does not suit it."""

    method: Method
    test_set: str
    image: str
    sentence: str


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

    def findings(self) -> Sequence[Finding]:
        """Return the claims of the paper, checked with the scores."""
        return ()

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


@dataclass(frozen=True, eq=False)
class StudyResults:
    """The results of a study.

    Attributes
    ----------
    study
        The study.
    folder
        Folder of weights and images.
    evaluations
        Scores by contender and test set, then by the index of the image.
    failures
        Methods that failed.
    """

    study: Study
    folder: Path
    evaluations: Mapping[tuple[Contender, str], Mapping[int, Evaluation]]
    failures: tuple[Failure, ...] = ()

    def scores(self, contender: Contender, test_set: str) -> Scores | None:
        """Return the scores of all images of a test set, or None where there are none or some are missing."""
        evaluations = self.evaluations.get((contender, test_set))
        if evaluations is None or any((each.method, each.test_set) == (contender, test_set) for each in self.failures):
            return None
        images, indices = self.study.test_sets[test_set], sorted(evaluations)
        return Scores(
            tuple(map(images.image_name, indices)),
            tuple(map(images.subject, indices)),
            {
                name: tuple(evaluations[index]["image"][name] for index in indices)
                for name in evaluations[indices[0]]["image"]
            },
        )

    def all_scores(self, test_set: str | None = None) -> dict[tuple[Contender, str], Scores]:
        """Return the scores of every contender on every test set or on one, networks first."""
        pairs: list[tuple[Contender, str]] = [(run, name) for run in self.study.runs for name in run.test_on]
        pairs += [(method, name) for name in self.study.test_sets for method in self.study.methods]
        wanted = [pair for pair in pairs if test_set in (None, pair[1])]
        return {pair: scores for pair in wanted if (scores := self.scores(*pair)) is not None}

    def image(self, contender: Contender, test_set: str, index: int) -> Reconstruction:
        """Return a contender's reconstruction of an image."""
        images = self.study.test_sets[test_set]
        if isinstance(contender, Method):
            return _cache(self.folder).reconstruction(images.key(contender, index))
        assert isinstance(images, ExampleSet)
        return images.network_image(_weights(contender, self.folder), index, self.study.device)


def run_study(study: AnyStudy, folder: Path, progress: Progress = lambda *_: None) -> AnyStudy:
    """Do all jobs of a study: train, reconstruct and score; return the study with its results.

    Each result is saved as soon as it exists. A later call reuses the results with the same data, settings and version
    of fourfold, and resumes a training from its last checkpoint.

    Parameters
    ----------
    study
        The study.
    folder
        Output folder: networks below ``networks/``, results below ``finished/``.
    progress
        Called with the completed fraction and a short description.

    Raises
    ------
    InputError
        When the folder holds a network that was trained with other settings.
    KeyboardInterrupt
        When the user interrupts it; finished results are kept.
    """
    StudyRunner(study, folder, progress).run()
    return study


class StudyRunner:
    """Does the jobs of a study one after another; the parameters are those of `run_study`."""

    def __init__(self, study: Study, folder: Path, progress: Progress) -> None:
        self.study, self.folder, self.progress = study, folder, progress
        self.cache = _cache(folder)
        self.total = len(study.runs) + len(study.test_sets) * len(study.methods)
        # Number of completed jobs, and the weight of the current job.
        self.done, self.weight = 0.0, 1.0
        self.evaluations: dict[tuple[Contender, str], dict[int, Evaluation]] = {}
        self.failures: list[Failure] = []

    def run(self) -> None:
        """Do all jobs, and give the study its results."""
        for run in self.study.runs:
            self._train(run)
            for name in run.test_on:
                self.evaluations[run, name] = self._test(run, name)
            self.done += 1
        for images in self.study.test_sets.values():
            # Image by image, so that its data is read once for all methods.
            self.weight = 1 / len(images)
            for index in range(len(images)):
                for method in self.study.methods:
                    self._reconstruct(method, images, index)
                    self.done += self.weight
        self.study.results = StudyResults(self.study, self.folder, self.evaluations, tuple(self.failures))

    def _train(self, run: TrainingRun) -> None:
        """Train a network unless it is trained already."""
        if run.settings is None:
            return
        folder = Path(_weights(run, self.folder))
        start = None if run.start is None else Path(_weights(run.start, self.folder))
        if is_finished(run.settings, folder, start):
            return
        if start is None:
            train(run.settings, folder, progress=self._part(run.name))
        else:
            finetune(start, run.settings, folder, progress=self._part(run.name))

    def _test(self, run: TrainingRun, name: str) -> dict[int, Evaluation]:
        """Score a network on all images of a test set."""
        images, weights, show = self.study.test_sets[name], _weights(run, self.folder), self._part(run.name)
        assert isinstance(images, ExampleSet)
        key = images.network_key(run.name, read_manifest(find_weights(weights)).sha256)
        if (known := self.cache.scores(key)) is not None:
            return dict(enumerate(known))
        evaluations: dict[int, Evaluation] = {}
        for index, evaluation in images.evaluate_network(
            load_network(weights, device=self.study.device)[0], self.study.device
        ):
            evaluations[index] = evaluation
            show(len(evaluations) / len(images), f"tested on {len(evaluations)} of {len(images)} images of {name}")
        self.cache.keep(key, [evaluations[index] for index in range(len(images))])
        return evaluations

    def _reconstruct(self, method: Method, images: TestSet, index: int) -> None:
        """Score a method on one image."""
        key = images.key(method, index)
        try:
            evaluation = self.cache.scores(key)
            if evaluation is None:
                reconstruction = method(
                    images[index].scan.to(self.study.device), self._part(f"{key.scan}, {method.name}")
                )
                if reconstruction.record.interrupted:
                    raise KeyboardInterrupt
                evaluation = images.evaluate(reconstruction, index)
                self.cache.keep(key, evaluation, reconstruction)
        except InputError as refusal:
            self.failures.append(Failure(method, images.name, images.image_name(index), str(refusal)))
        else:
            self.evaluations.setdefault((method, images.name), {})[index] = evaluation

    def _part(self, name: str) -> Progress:
        """Return the progress callback of the next job."""

        def show(fraction: float, description: str) -> None:
            done = self.done + self.weight * fraction
            self.progress(min(1.0, done / self.total), f"{name}: {description}")

        return show


def _weights(run: TrainingRun, folder: Path) -> str:
    return run.given_weights or str(folder / "networks" / run.name)


def _cache(folder: Path) -> ResultCache:
    return ResultCache(folder / "finished")
