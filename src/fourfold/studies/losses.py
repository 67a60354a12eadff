"""The study of Ghodrati et al. (2019, QIMS 9:1516): networks under several losses, on the same data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.networks.build import build
from fourfold.scan import Reconstruction
from fourfold.studies.domains import Domain, DomainSettings
from fourfold.studies.evaluation import Unseen, network_image, network_scores
from fourfold.studies.scores import Scores
from fourfold.studies.settings import Methods, Named, StudySettings, refuse_placed
from fourfold.studies.work import Work, method_image
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings
from fourfold.training.train import is_finished, train

__all__ = ["Arm", "Losses", "LossesSettings", "losses"]

_TEST = "test"


class LossesSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "losses"

    networks: dict[Named, dict[str, Any]] = Field(min_length=1)
    """Networks by name: what is its own in the training, such as ``preset: ghodrati2019-unet``."""
    losses: dict[Named, list[Any]] = Field(min_length=1)
    """Losses by name, each a list as in a training."""
    data: DomainSettings
    """Files and how their subjects are split."""
    images: PositiveInt | None = None
    """Number of images for training; all unless given."""
    methods: Methods = Field(default=("zero-filled",), validate_default=True)
    """Methods to compare with, by name or as ``kind`` and settings."""
    metrics: tuple[str, ...] = Field(default=("snr-db", "ssim-3x3"), min_length=1)
    """Scores; the first one tells which image is shown."""


@dataclass(frozen=True)
class Arm:
    """A network trained with a loss."""

    network: str
    loss: str

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.network}-{self.loss}"

    @property
    def label(self) -> str:
        """Name in running text."""
        return f"{self.network} ({self.loss})"


@dataclass(frozen=True, eq=False)
class Losses:
    """The results of the study.

    Attributes
    ----------
    settings
        How it was done.
    folder
        Where weights and images lie.
    unseen
        Images for test.
    arms
        Scores of each network under each loss.
    classical
        Scores by method.
    failures
        (method's title, sentence) where the data does not suit a method.
    parameters
        How many numbers each network learns.
    kinds
        Kinds of losses that each name stands for.
    """

    settings: LossesSettings
    folder: Path
    unseen: Unseen
    arms: Mapping[Arm, Scores]
    classical: Mapping[Method, Scores]
    failures: tuple[tuple[str, str], ...]
    parameters: Mapping[str, int]
    kinds: Mapping[str, frozenset[str]]

    def scores(self, made: Arm | Method) -> Scores:
        """Return the scores of a network or a method."""
        return self.arms[made] if isinstance(made, Arm) else self.classical[made]

    def example(self) -> int:
        """Return the image with the median score of the first network under the first loss."""
        return next(iter(self.arms.values())).median_place(self.settings.metrics[0])

    def image(self, made: Arm | Method, index: int) -> Reconstruction:
        """Return what a network or a method made of a test image."""
        if isinstance(made, Arm):
            return network_image(str(_folder(self.folder, made)), self.unseen, index, self.settings.device)
        return method_image(made, self.unseen, index, self.folder)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, network and method."""
        for arm, scores in self.arms.items():
            yield from ({"method": "network", "network": arm.network, "loss": arm.loss, **row} for row in scores.rows())
        for method, scores in self.classical.items():
            yield from ({"method": method.name, "network": None, "loss": None, **row} for row in scores.rows())


def losses(settings: LossesSettings, folder: Path, progress: Progress = lambda *_: None) -> Losses:
    """Train every network with every loss, and test them all on the same images.

    Every network has a folder of its own below ``networks/``; what is finished there is taken over by a later call with
    the same settings, and a training that was interrupted goes on from its last checkpoint.

    Parameters
    ----------
    settings
        What is trained on what, and how.
    folder
        Where everything goes.
    progress
        Called with the done fraction of the whole and a few words.

    Raises
    ------
    InputError
        Before any work for settings that do not suit; when a folder holds a network that was trained otherwise.
    """
    work = _Work(settings, folder, progress)
    for arm in work.trainings:
        work.train(arm)
    for method in settings.methods:
        work.reconstruct(method, _TEST)
    return work.result()


class _Work(Work):
    """Goes through networks and methods, and collects what comes of it."""

    def __init__(self, settings: LossesSettings, folder: Path, progress: Progress) -> None:
        self.settings = settings
        self.given = {name: merged(with_preset(own), settings.training) for name, own in settings.networks.items()}
        self.domain = self._domain()
        arms = [Arm(network, loss) for network in settings.networks for loss in settings.losses]
        self.trainings = {arm: self._settings(arm) for arm in arms}
        self.arms: dict[Arm, Scores] = {}
        unseen = {_TEST: Unseen(_TEST, self.domain.test, settings.metrics)}
        super().__init__(settings, folder, progress, unseen, len(self.trainings) + len(settings.methods))

    def train(self, arm: Arm) -> None:
        """Train a network unless it is there, and test it."""
        folder, settings, show = _folder(self.folder, arm), self.trainings[arm], self.part(arm.name)
        if not is_finished(settings, folder):
            train(settings, folder, progress=show)
        self.arms[arm] = network_scores(str(folder), self.unseen[_TEST], folder, self.settings.device, show)
        self.done += 1

    def result(self) -> Losses:
        """Return what has come of it."""
        first = {arm.network: made for arm, made in reversed(self.trainings.items())}
        return Losses(
            self.settings,
            self.folder,
            self.unseen[_TEST],
            self.arms,
            {method: scores for (method, _), scores in self.classical.items()},
            tuple((title, sentence) for title, _, sentence in self.failures),
            {name: _parameters(first[name]) for name in self.settings.networks},
            {arm.loss: frozenset(loss.kind for loss in made.losses) for arm, made in self.trainings.items()},
        )

    def _domain(self) -> Domain:
        """Return the data, which all networks share."""
        (first, given), *others = self.given.items()
        shared, seed = given.get("data", {}), int(given.get("seed", 0))
        refuse_placed(shared)
        for name, other in others:
            if (other.get("data", {}), int(other.get("seed", 0))) != (shared, seed):
                raise InputError(
                    f"The networks '{first}' and '{name}' have different data or seeds, so that their images cannot be "
                    "compared; give 'data' and 'seed' below 'training', for both."
                )
        return Domain(_TEST, self.settings.data, shared, True, seed, self.settings.test_images)

    def _settings(self, arm: Arm) -> TrainingSettings:
        given, validated = self.given[arm.network], bool(self.domain.split.validation)
        own = {
            "name": f"{self.settings.name}-{arm.name}".lower(),
            "losses": self.settings.losses[arm.loss],
            "data": self.domain.data(self.settings.images, validated),
            "keep": given.get("keep", "best" if validated else "last"),
        }
        return TrainingSettings(**{**given, **own})


def _parameters(settings: TrainingSettings) -> int:
    network = build(settings.network["kind"], settings.network_settings)
    return sum(parameter.numel() for parameter in network.parameters())


def _folder(folder: Path, arm: Arm) -> Path:
    return folder / "networks" / arm.name
