"""What the studies that train networks have in common while they work: parts, progress, methods to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.scan import Reconstruction
from fourfold.studies.evaluation import Unseen, classical_image, classical_scores
from fourfold.studies.finished import Finished
from fourfold.studies.scores import Scores
from fourfold.studies.settings import StudySettings

__all__ = ["Work", "method_image"]


class Work:
    """Goes through equal parts, and collects what methods make of the images for test.

    Parameters
    ----------
    settings
        Of the study.
    folder
        Where everything goes.
    progress
        Called with the done fraction of the whole and a few words.
    unseen
        Images for test, by domain.
    total
        How many parts there are.
    """

    def __init__(
        self, settings: StudySettings, folder: Path, progress: Progress, unseen: Mapping[str, Unseen], total: int
    ) -> None:
        self.folder, self.progress, self.unseen, self.total = folder, progress, unseen, total
        self.device = settings.device
        self.classical: dict[tuple[Method, str], Scores] = {}
        self.failures: list[tuple[str, str, str]] = []
        self.done = 0

    def reconstruct(self, method: Method, domain: str) -> None:
        """Score a method on a domain."""
        finished, show = _finished(self.folder), self.part(method.name)
        try:
            scores = classical_scores(method, self.unseen[domain], finished, self.device, show)
        except InputError as refusal:
            self.failures.append((method.title, domain, str(refusal)))
        else:
            self.classical[method, domain] = scores
        self.done += 1

    def part(self, name: str) -> Progress:
        """Return the progress of the part that comes next."""
        return lambda fraction, words: self.progress(min(1.0, (self.done + fraction) / self.total), f"{name}: {words}")


def method_image(method: Method, unseen: Unseen, index: int, folder: Path) -> Reconstruction:
    """Return what a method made of a test image in the study of this folder."""
    return classical_image(method, unseen, index, _finished(folder))


def _finished(folder: Path) -> Finished:
    return Finished(folder / "finished")
