"""The study engine: one runner does the jobs of every study and keeps the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.result_cache import ResultCache
from fourfold.scan import Reconstruction
from fourfold.studies.contenders import Contender, Failure, TrainingRun
from fourfold.studies.scores import Evaluation
from fourfold.studies.study import Study
from fourfold.studies.test_set import ExampleSet, TestSet
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
            load_reconstructor(weights, device=self.study.device)[0], self.study.device
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
