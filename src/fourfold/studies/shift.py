"""How networks fare on images of another kind than those that they were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, PositiveInt, model_validator

from fourfold.errors import InputError, nearest
from fourfold.methods.method import Method, Progress
from fourfold.scan import Reconstruction
from fourfold.studies.domains import Domain, DomainSettings, refuse_seen
from fourfold.studies.evaluation import Unseen, network_image, network_scores
from fourfold.studies.scores import Scores
from fourfold.studies.settings import Named, StudySettings, refuse_placed
from fourfold.studies.work import Work, method_image
from fourfold.training.base import Settings
from fourfold.training.presets import with_preset
from fourfold.training.settings import TrainingSettings
from fourfold.training.train import is_finished, train
from fourfold.weights.load_network import load_network

__all__ = ["GivenWeights", "Network", "Shift", "ShiftSettings", "shift"]


class GivenWeights(Settings):
    """A network that is trained already."""

    weights: str
    """A name that ``fourfold weights list`` shows, a folder, or hf://owner/name."""
    domain: str | None = None
    """Domain that it was trained on, where it is one of the study's."""


class ShiftSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "shift"

    domains: dict[Named, DomainSettings] = Field(min_length=1)
    """Kinds of images, by name."""
    train_on: tuple[str, ...] = ()
    """Domains of each of which a network is trained."""
    networks: dict[Named, GivenWeights] = Field(default_factory=dict)
    """Networks that are trained already, by name."""
    test_on: tuple[str, ...] = Field(min_length=1)
    """Domains that all networks are tested on."""
    images: PositiveInt | None = None
    """Number of images for training; all unless given."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        trained_on = [each.domain for each in self.networks.values() if each.domain is not None]
        for name in (*self.train_on, *self.test_on, *trained_on):
            if name not in self.domains:
                known = ", ".join(self.domains)
                raise InputError(
                    f"The domain '{name}' is not described; there are {known}.{nearest(name, self.domains)}"
                )
        if not self.train_on and not self.networks:
            raise InputError("There is no network to test; give 'networks', or 'train_on' to train some.")
        twice = sorted(set(self.train_on) & set(self.networks))
        if twice:
            raise InputError(
                f"A network is given and a domain trained on by the name '{twice[0]}'; rename the network."
            )
        refuse_placed(self.training.get("data"))
        return self


@dataclass(frozen=True)
class Network:
    """A network of the study.

    Attributes
    ----------
    name
        The domain that it is trained on here, or that of given weights.
    domain
        What it was trained on, None where that is none of the study's.
    weights
        Folder or name.
    given
        Whether it was trained elsewhere, on nobody knows which subjects.
    """

    name: str
    domain: str | None
    weights: str
    given: bool

    @property
    def label(self) -> str:
        """Name in running text."""
        return self.name if self.given else f"{self.name}-trained"


@dataclass(frozen=True, eq=False)
class Shift:
    """The results of the study.

    Attributes
    ----------
    settings
        How it was done.
    folder
        Where weights and images lie.
    unseen
        Images for test, by domain.
    networks
        Scores by network and test domain.
    classical
        Scores by method and test domain.
    failures
        (method's title, test domain, sentence) where the data does not suit a method.
    """

    settings: ShiftSettings
    folder: Path
    unseen: Mapping[str, Unseen]
    networks: Mapping[tuple[Network, str], Scores]
    classical: Mapping[tuple[Method, str], Scores]
    failures: tuple[tuple[str, str, str], ...]

    def of(self, domain: str) -> dict[Network | Method, Scores]:
        """Return all scores on a domain."""
        found: dict[Network | Method, Scores] = {}
        found |= {network: scores for (network, where), scores in self.networks.items() if where == domain}
        found |= {method: scores for (method, where), scores in self.classical.items() if where == domain}
        return found

    def at_home(self, domain: str) -> Network | None:
        """Return the first network that was trained on a domain."""
        return next((network for network, where in self.networks if where == network.domain == domain), None)

    def example(self, domain: str) -> int:
        """Return the image with the median score of the first network, by the last metric."""
        scores = next(scores for (_, where), scores in self.networks.items() if where == domain)
        return scores.median_place(self.settings.metrics[-1])

    def image(self, made: Network | Method, domain: str, index: int) -> Reconstruction:
        """Return what a network or a method made of a test image."""
        if isinstance(made, Network):
            return network_image(made.weights, self.unseen[domain], index, self.settings.device)
        return method_image(made, self.unseen[domain], index, self.folder)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, network and method."""
        for (network, domain), scores in self.networks.items():
            head = {"tested_on": domain, "method": "network", "network": network.name, "trained_on": network.domain}
            yield from ({**head, **row} for row in scores.rows())
        for (method, domain), scores in self.classical.items():
            head = {"tested_on": domain, "method": method.name, "network": None, "trained_on": None}
            yield from ({**head, **row} for row in scores.rows())


def shift(settings: ShiftSettings, folder: Path, progress: Progress = lambda *_: None) -> Shift:
    """Train a network of each domain that is asked for, and test these and the given ones on several domains.

    What is finished is taken over by a later call with the same settings, and a training that was interrupted goes on.

    Parameters
    ----------
    settings
        What is trained on what, and tested on what.
    folder
        Where everything goes: below ``networks/`` each network's weights and scores.
    progress
        Called with the done fraction of the whole and a few words.

    Raises
    ------
    InputError
        Before any work for settings that do not suit, weights that cannot be loaded, or a subject in training and test;
        when a folder holds a network that was trained otherwise.
    """
    work = _Work(settings, folder, progress)
    for network in work.networks:
        work.test(network)
    for domain in settings.test_on:
        for method in settings.methods:
            work.reconstruct(method, domain)
    return Shift(settings, folder, work.unseen, work.scores, work.classical, tuple(work.failures))


class _Work(Work):
    """Goes through networks, methods and domains, and collects what comes of it."""

    def __init__(self, settings: ShiftSettings, folder: Path, progress: Progress) -> None:
        self.settings, self.folder = settings, folder
        self.training = with_preset(settings.training)
        shared, seed = self.training.pop("data", {}), int(self.training.get("seed", 0))
        self.domains = {
            name: Domain(name, each, shared, name in settings.test_on, seed, settings.test_images)
            for name, each in settings.domains.items()
        }
        self.trainings = {name: self._settings(name) for name in settings.train_on}
        self.networks = [
            *(Network(name, name, str(self._place(name)), False) for name in settings.train_on),
            *(Network(name, each.domain, each.weights, True) for name, each in settings.networks.items()),
        ]
        for network in self.networks:
            if network.given:
                load_network(network.weights)
        unseen = {name: Unseen(name, self.domains[name].test, settings.metrics) for name in settings.test_on}
        trained, tested = ([self.domains[name] for name in names] for names in (settings.train_on, settings.test_on))
        refuse_seen(trained, tested)
        self.scores: dict[tuple[Network, str], Scores] = {}
        total = len(self.networks) + len(settings.test_on) * len(settings.methods)
        super().__init__(settings, folder, progress, unseen, total)

    def test(self, network: Network) -> None:
        """Train a network unless it is there, and test it on every domain."""
        folder, show = self._place(network.name), self.part(network.name)
        if not network.given and not is_finished(self.trainings[network.name], folder):
            train(self.trainings[network.name], folder, progress=show)
        folder.mkdir(parents=True, exist_ok=True)
        for domain, unseen in self.unseen.items():
            self.scores[network, domain] = network_scores(network.weights, unseen, folder, self.settings.device, show)
        self.done += 1

    def _settings(self, domain: str) -> TrainingSettings:
        validated = bool(self.domains[domain].split.validation)
        own = {
            "name": f"{self.settings.name}-{domain}".lower(),
            "data": self.domains[domain].data(self.settings.images, validated),
            "keep": self.training.get("keep", "best" if validated else "last"),
        }
        return TrainingSettings(**{**self.training, **own})

    def _place(self, name: str) -> Path:
        return self.folder / "networks" / name
