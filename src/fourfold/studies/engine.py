"""The study engine: one runner does the jobs of every study and keeps the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.methods.side_by_side import solve_side_by_side
from fourfold.methods.workers import Workers, choose_workers
from fourfold.result_cache import CacheKey, ResultCache
from fourfold.scan import Reconstruction
from fourfold.studies.contenders import Contender, Failure, TrainingRun
from fourfold.studies.scores import Evaluation
from fourfold.studies.study import Study
from fourfold.studies.test_set import ExampleSet, TestImage
from fourfold.training.train import finetune, is_finished, train
from fourfold.weights.find import find_weights
from fourfold.weights.load_network import load_reconstructor
from fourfold.weights.weight_files import read_manifest

__all__ = ["StudyResults", "StudyRunner", "run_study"]


AnyStudy = TypeVar("AnyStudy", bound=Study)


@dataclass(frozen=True, eq=False)
class StudyResults:
    """The results of a study."""

    study: Study
    folder: Path
    """Folder of weights and images."""
    evaluations: Mapping[tuple[Contender, str], Mapping[int, Evaluation]]
    """Scores by contender and test set, then by the index of the image."""
    failures: tuple[Failure, ...] = ()

    def image(self, contender: Contender, test_set: str, index: int) -> Reconstruction:
        """Return a contender's reconstruction of an image."""
        images = self.study.test_sets[test_set]
        if isinstance(contender, Method):
            return _cache(self.folder).reconstruction(images.key(contender, index))
        assert isinstance(images, ExampleSet)
        return images.network_image(_weights(contender, self.folder), index, self.study.device)


def run_study(
    study: AnyStudy, folder: Path, progress: Progress = lambda *_: None, workers: Workers = "auto"
) -> AnyStudy:
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
    workers
        On a CPU: reconstructions side by side, each by one core; auto: as many as cores are free and the memory holds.
        The results do not depend on it.

    Raises
    ------
    InputError
        When the folder holds a network that was trained with other settings, or for less than one worker or more than
        the memory holds.
    KeyboardInterrupt
        When the user interrupts it; finished results are kept.
    """
    StudyRunner(study, folder, progress, workers).run()
    return study


@dataclass(frozen=True, eq=False)
class _Job:
    """A reconstruction of an image by a method: what is sent to a worker, which holds the study."""

    method: int
    """Its place in the study's methods."""
    test_set: str
    index: int
    """Of the image."""
    image: TestImage
    key: CacheKey
    """Where the result is kept."""


class StudyRunner:
    """Does the jobs of a study: trainings one after another, reconstructions side by side.

    The parameters are those of `run_study`.
    """

    def __init__(self, study: Study, folder: Path, progress: Progress, workers: Workers) -> None:
        self.study, self.folder, self.progress, self.workers = study, folder, progress, workers
        self.cache = _cache(folder)
        # Trainings, and all methods on a test set, count as one each.
        self.total = len(study.runs) + len(study.test_sets) * len(study.methods)
        self.done = 0
        self.evaluations: dict[tuple[Contender, str], dict[int, Evaluation]] = {}
        self.failures: list[Failure] = []

    def run(self) -> None:
        """Do all jobs, and give the study its results."""
        for run in self.study.runs:
            self._train(run)
            for name in run.test_on:
                self.evaluations[run, name] = self._test(run, name)
            self.done += 1
        self._reconstruct_all()
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
            load_reconstructor(weights, device=self.study.device)[0], self.study.device
        ):
            evaluations[index] = evaluation
            show(len(evaluations) / len(images), f"tested on {len(evaluations)} of {len(images)} images of {name}")
        self.cache.keep(key, [evaluations[index] for index in range(len(images))])
        return evaluations

    def _reconstruct_all(self) -> None:
        """Score all methods on all images."""
        jobs = sum(len(images) for images in self.study.test_sets.values()) * len(self.study.methods)
        if not jobs:
            return

        def show(fraction: float, description: str) -> None:
            self.progress((self.done + fraction * (self.total - self.done)) / self.total, description)

        processes = all(method.workers_are_processes for method in self.study.methods)
        results = solve_side_by_side(
            self._reconstruct, self._jobs(), jobs, self._workers(jobs), show, processes=processes
        )
        with closing(results):
            for number, test_set, index, outcome in results:
                method = self.study.methods[number]
                if isinstance(outcome, InputError):
                    image = self.study.test_sets[test_set].image_name(index)
                    self.failures.append(Failure(method, test_set, image, str(outcome)))
                else:
                    self.evaluations.setdefault((method, test_set), {})[index] = outcome

    def _workers(self, jobs: int) -> int:
        """Return how many of the reconstructions are made side by side, as the first image's memory allows."""
        if self.study.device != "cpu":
            return 1
        first = next(images for images in self.study.test_sets.values() if len(images))[0].scan
        return choose_workers(self.workers, jobs, max(method.frame_memory(first) for method in self.study.methods))

    def _jobs(self) -> Iterator[_Job]:
        """Yield all reconstructions, image by image, so that its data is read once for all methods."""
        for name, images in self.study.test_sets.items():
            for index in range(len(images)):
                for number, method in enumerate(self.study.methods):
                    yield _Job(number, name, index, images[index], images.key(method, index))

    def _reconstruct(self, job: _Job, progress: Progress) -> tuple[int, str, int, Evaluation | InputError]:
        """Return the places of method and image, and the scores or why the method refuses the image."""
        method = self.study.methods[job.method]
        try:
            evaluation = self.cache.scores(job.key)
            if evaluation is None:
                name = f"{job.key.scan}, {method.name}"
                reconstruction = method(
                    job.image.scan.to(self.study.device), lambda fraction, words: progress(fraction, f"{name}: {words}")
                )
                if reconstruction.record.interrupted:
                    raise KeyboardInterrupt
                evaluation = self.study.test_sets[job.test_set].evaluate(reconstruction, job.image)
                self.cache.keep(job.key, evaluation, reconstruction)
        except InputError as refusal:
            return job.method, job.test_set, job.index, refusal
        progress(1.0, job.key.scan)
        return job.method, job.test_set, job.index, evaluation

    def _part(self, name: str) -> Progress:
        """Return the progress callback of the next job."""

        def show(fraction: float, description: str) -> None:
            self.progress(min(1.0, (self.done + fraction) / self.total), f"{name}: {description}")

        return show


def _weights(run: TrainingRun, folder: Path) -> str:
    return run.given_weights or str(folder / "networks" / run.name)


def _cache(folder: Path) -> ResultCache:
    return ResultCache(folder / "finished")
