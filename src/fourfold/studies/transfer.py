"""The study of Dar et al. (2018, arXiv:1710.02615): networks of one kind of images, tuned to another by a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from fourfold.errors import InputError, nearest
from fourfold.methods.method import Method, Progress
from fourfold.scan import Reconstruction
from fourfold.studies.domains import Domain, DomainSettings, refuse_seen
from fourfold.studies.evaluation import Unseen, network_image, network_scores
from fourfold.studies.scores import Scores
from fourfold.studies.settings import Named, StudySettings, refuse_placed
from fourfold.studies.work import Work, method_image
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings
from fourfold.training.train import finetune, is_finished, train

__all__ = ["Cell", "Transfer", "TransferSettings", "transfer"]

_USUAL_TUNING = 20


class TransferSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "transfer"

    domains: dict[Named, DomainSettings]
    """Kinds of images, by name."""
    train_on: tuple[str, ...] = Field(min_length=1)
    """Domains that networks are trained on."""
    test_on: tuple[str, ...] = Field(min_length=1)
    """Domains that networks are tuned to and tested on."""
    transferred: str = ""
    """Training domain whose networks are tuned in all sizes; the first of `train_on` unless given."""
    sizes: tuple[PositiveInt, ...] = Field(min_length=1)
    """Numbers of images for training."""
    tuning_sizes: tuple[NonNegativeInt, ...] = Field(min_length=1)
    """Numbers of images for tuning; 0, the raw network, is always among them."""
    shown_tuning: NonNegativeInt = 0
    """Number of images for tuning in Tables 1 and 2; unless given 20, or the largest where there is none."""
    cells: Literal["all", "tables"] = "all"
    """The whole grid, or only what the tables and figures need."""
    tuning: dict[str, Any] = Field(default_factory=dict)
    """What is other in the tuning; unless given it does the training's last stage alone."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for setting in ("train_on", "test_on"):
            for name in getattr(self, setting):
                self._check_known(setting, name)
        if self.transferred and self.transferred not in self.train_on:
            raise InputError(f"The domain '{self.transferred}' is to be transferred but is not in 'train_on'; name it.")
        if self.shown_tuning and self.shown_tuning not in self.tuning_sizes:
            raise InputError(f"The tables are to show {self.shown_tuning} images of tuning; add it to 'tuning_sizes'.")
        if "psnr" not in self.metrics:
            raise InputError("The findings are about PSNR; add 'psnr' to 'metrics'.")
        fixed = {"data", "network", "name", "seed", "keep"} & set(self.tuning)
        if fixed:
            raise InputError(f"The tuning gives '{min(fixed)}', which is not its own to choose; leave it out.")
        refuse_placed(self.training.get("data"))
        return self

    def _check_known(self, setting: str, name: str) -> None:
        if name not in self.domains:
            known = ", ".join(self.domains)
            raise InputError(
                f"The setting '{setting}' names the domain '{name}', which is not described; there are {known}."
                f"{nearest(name, self.domains)}"
            )

    @property
    def source(self) -> str:
        """The training domain that is transferred."""
        return self.transferred or self.train_on[0]

    @property
    def tunings(self) -> tuple[int, ...]:
        """Numbers of images for tuning, ascending from 0."""
        return tuple(sorted({0, *self.tuning_sizes}))

    @property
    def tuned(self) -> int:
        """Number of images for tuning in Tables 1 and 2."""
        usual = _USUAL_TUNING if _USUAL_TUNING in self.tunings else self.tunings[-1]
        return self.shown_tuning or usual

    def sizes_of(self, domain: str) -> tuple[int, ...]:
        """Return the numbers of images that networks of a domain are trained on, ascending."""
        return tuple(sorted(set(self.domains[domain].sizes or self.sizes)))


@dataclass(frozen=True)
class Cell:
    """One network: trained on so many images of a domain, and tuned with so many of another.

    Attributes
    ----------
    trained_on, size
        Domain and number of images of the training.
    tuned_on, tuning
        Domain and number of images of the tuning; None and 0 for a raw network.
    """

    trained_on: str
    size: int
    tuned_on: str | None = None
    tuning: int = 0

    @property
    def name(self) -> str:
        """Name of its folder."""
        tuned = f"-{self.tuned_on}-{self.tuning}" if self.tuning else ""
        return f"{self.trained_on}-{self.size}{tuned}"

    @property
    def raw(self) -> Cell:
        """The network that it is tuned from."""
        return Cell(self.trained_on, self.size)

    def tuned(self, domain: str, images: int) -> Cell:
        """Return the network that is tuned to a domain with so many images; itself for none."""
        return Cell(self.trained_on, self.size, domain, images) if images else self.raw


@dataclass(frozen=True, eq=False)
class Transfer:
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

    settings: TransferSettings
    folder: Path
    unseen: Mapping[str, Unseen]
    networks: Mapping[tuple[Cell, str], Scores]
    classical: Mapping[tuple[Method, str], Scores]
    failures: tuple[tuple[str, str, str], ...]

    def largest(self, domain: str) -> Cell:
        """Return the raw network of a domain that was trained on most images."""
        return Cell(domain, self.settings.sizes_of(domain)[-1])

    def scores(self, cell: Cell, domain: str) -> Scores | None:
        """Return the scores of a network on a domain, None where there are none."""
        return self.networks.get((cell, domain))

    def example(self, domain: str) -> int:
        """Return the image with the median PSNR of the transferred network, tuned."""
        cell = self.largest(self.settings.source).tuned(domain, self.settings.tuned)
        return self.networks[cell, domain].median_place("psnr")

    def image(self, made: Cell | Method, domain: str, index: int) -> Reconstruction:
        """Return what a network or a method made of a test image."""
        unseen = self.unseen[domain]
        if isinstance(made, Cell):
            return network_image(str(_cells(self.folder) / made.name), unseen, index, self.settings.device)
        return method_image(made, unseen, index, self.folder)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, network and method."""
        for (cell, domain), scores in self.networks.items():
            head = {"tested_on": domain, "method": "network", "trained_on": cell.trained_on, "size": cell.size}
            yield from ({**head, "tuned_on": cell.tuned_on, "tuning": cell.tuning, **row} for row in scores.rows())
        for (method, domain), scores in self.classical.items():
            empty = dict.fromkeys(("trained_on", "size", "tuned_on", "tuning"))
            yield from ({"tested_on": domain, "method": method.name, **empty, **row} for row in scores.rows())


def grid(settings: TransferSettings) -> list[Cell]:
    """Return all networks of the study, each after the one that it is tuned from."""
    raw = [Cell(domain, size) for domain in settings.train_on for size in settings.sizes_of(domain)]
    tuned = [
        cell.tuned(domain, images)
        for cell in raw
        for domain in settings.test_on
        for images in settings.tunings[1:]
        if settings.cells == "all" or _is_shown(settings, cell, domain, images)
    ]
    return [*raw, *tuned]


def _is_shown(settings: TransferSettings, raw: Cell, domain: str, images: int) -> bool:
    """Return whether a table or figure shows the network tuned to a domain with so many images."""
    if raw.trained_on == settings.source:
        return True
    if raw.trained_on == domain and images == settings.tunings[-1]:
        return True
    return images == settings.tuned and raw.size == settings.sizes_of(raw.trained_on)[-1]


def transfer(settings: TransferSettings, folder: Path, progress: Progress = lambda *_: None) -> Transfer:
    """Train, tune and test every network of the study, and run the methods that it compares with.

    Every network has a folder of its own below ``cells/``; what is finished there is taken over by a later call with
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
        Before any work for too few images, a subject in training and test, or settings that do not suit; when a folder
        holds a network that was trained otherwise.
    """
    work = _Work(settings, folder, progress)
    work.check()
    for cell in work.cells:
        work.train(cell)
    for domain in settings.test_on:
        for method in settings.methods:
            work.reconstruct(method, domain)
    return Transfer(settings, folder, work.unseen, work.networks, work.classical, tuple(work.failures))


class _Work(Work):
    """Goes through the grid, and collects what comes of it."""

    def __init__(self, settings: TransferSettings, folder: Path, progress: Progress) -> None:
        self.settings = settings
        self.training = with_preset(settings.training)
        seed = int(self.training.get("seed", 0))
        shared = self.training.pop("data", {})
        self.domains = {
            name: Domain(name, each, shared, name in settings.test_on, seed, settings.test_images)
            for name, each in settings.domains.items()
        }
        self.cells = grid(settings)
        unseen = {name: Unseen(name, self.domains[name].test, settings.metrics) for name in settings.test_on}
        self.networks: dict[tuple[Cell, str], Scores] = {}
        total = len(self.cells) + len(settings.test_on) * len(settings.methods)
        super().__init__(settings, folder, progress, unseen, total)

    def check(self) -> None:
        """Refuse what cannot be done before any of it is."""
        tested = [self.domains[name] for name in self.settings.test_on]
        refuse_seen([*(self.domains[name] for name in self.settings.train_on), *tested], tested)
        for cell in self.cells:
            self._settings(cell)

    def train(self, cell: Cell) -> None:
        """Train or tune a network unless it is there, and test it on the domains that it is for."""
        folder, settings = _cells(self.folder) / cell.name, self._settings(cell)
        start = _cells(self.folder) / cell.raw.name if cell.tuning else None
        show = self.part(cell.name)
        if not is_finished(settings, folder, start):
            if start is None:
                train(settings, folder, progress=show)
            else:
                finetune(start, settings, folder, progress=show)
        for domain in [cell.tuned_on] if cell.tuned_on else self.settings.test_on:
            unseen = self.unseen[domain]
            self.networks[cell, domain] = network_scores(str(folder), unseen, folder, self.settings.device, show)
        self.done += 1

    def _settings(self, cell: Cell) -> TrainingSettings:
        """Return the settings of a network's training or tuning."""
        images, domain = (cell.tuning, cell.tuned_on) if cell.tuned_on else (cell.size, cell.trained_on)
        given = self.training
        if cell.tuning:
            stages = given.get("stages")
            last = {"stages": stages[-1:]} if stages else {}
            given = merged({**given, **last}, self.settings.tuning)
        validated = not cell.tuning and bool(self.domains[domain].split.validation)
        own = {
            "name": f"{self.settings.name}-{cell.name}".lower(),
            "data": self.domains[domain].data(images, validated),
            "keep": "last" if cell.tuning else given.get("keep", "best" if validated else "last"),
        }
        made = TrainingSettings(**{**given, **own})
        # Of fewer images than a batch holds each is seen once a step.
        return made.model_copy(update={"batch_size": min(made.batch_size, images)})


def _cells(folder: Path) -> Path:
    return folder / "cells"
