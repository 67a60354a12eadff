"""The study of Darestani & Heckel (2021, ISMRM 29), Figure 5: networks on images unlike their training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from pydantic import Field, PositiveInt, model_validator

from fourfold.errors import InputError
from fourfold.studies.claims import Claim
from fourfold.studies.contenders import TrainingRun, label
from fourfold.studies.image_groups import refuse_shared_subjects
from fourfold.studies.network_study import NetworkStudy
from fourfold.studies.page_parts import Figure, Table, metric_column
from fourfold.studies.settings import GroupStudySettings, Named, refuse_unknown
from fourfold.training.base import Settings
from fourfold.training.presets import with_preset
from fourfold.weights.load_network import load_reconstructor

__all__ = ["GivenWeights", "ShiftSettings", "ShiftStudy"]


class GivenWeights(Settings):
    """An existing network."""

    weights: str
    """A name that ``fourfold weights list`` shows, a folder, or hf://owner/name."""
    image_group: str | None = None
    """The image group of the study that it was trained on, if any."""


class ShiftSettings(GroupStudySettings):
    """All settings of the study."""

    networks: dict[Named, GivenWeights] = Field(default_factory=dict)
    """Existing networks by name."""
    images: PositiveInt | None = None
    """Number of images for training; all unless given."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        trained_on = [each.image_group for each in self.networks.values() if each.image_group is not None]
        refuse_unknown(trained_on, self.image_groups)
        if not self.train_on and not self.networks:
            raise InputError("There is no network to test; give 'networks', or 'train_on' to train some.")
        twice = sorted(set(self.train_on) & set(self.networks))
        if twice:
            raise InputError(
                f"An existing network and an image group to train on are both named '{twice[0]}'; rename the network."
            )
        return self


class ShiftStudy(NetworkStudy):
    """Train a network on each image group, or take existing weights, and test all networks on all groups.

    Every network stands beside the one that was trained on the group, beside classical methods and zero-filling.
    """

    settings_type = ShiftSettings
    settings: ShiftSettings
    paper = "Darestani and Heckel, Proc. ISMRM 29 (2021), Figure 5"

    def __init__(self, settings: ShiftSettings) -> None:
        self.title = f"Domain shift: {', '.join(settings.test_on)}"
        super().__init__(settings, with_preset(settings.training), settings.image_groups, settings.test_on)
        test_on = settings.test_on
        trained = [
            TrainingRun(
                name,
                f"{name}-trained",
                test_on,
                {"network": name, "trained_on": name},
                self.training(name, name, settings.images),
            )
            for name in settings.train_on
        ]
        existing = [
            TrainingRun(
                name, name, test_on, {"network": name, "trained_on": each.image_group}, given_weights=each.weights
            )
            for name, each in settings.networks.items()
        ]
        for each in settings.networks.values():
            load_reconstructor(each.weights)
        self.runs = (*trained, *existing)
        refuse_shared_subjects(*([self.groups[name] for name in names] for names in (settings.train_on, test_on)))

    def facts(self) -> list[tuple[str, str]]:
        """Return the test sets and the number of networks."""
        return [("Tested on", self.test_facts(subjects=False)), ("Networks", str(len(self.runs)))]

    def notes(self) -> list[str]:
        """Return which networks were trained on unknown subjects."""
        return [
            f"{run.label} was trained elsewhere: make sure that it was not trained on the subjects for test."
            for run in self.runs
            if run.settings is None
        ]

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the settings."""
        networks = [(name, each.model_dump(mode="json")) for name, each in self.settings.networks.items()]
        return [("Training", self.settings.training), *networks, *super().records()]

    def tables(self) -> Sequence[Table]:
        """Return all scores, and the differences from the network that was trained on the image group."""
        groups = self.settings.test_on
        scores = Table(
            "Networks and methods on unseen subjects of each group: mean ± standard deviation.",
            "Reconstruction",
            [metric_column(metric, f"{name}: {metric.title}") for name in groups for metric in self.metrics],
            [
                (label(each), [cell for name in groups for cell in self.spreads(each, name)])
                for each in dict.fromkeys(contender for contender, _ in self.scored())
            ],
        )
        differences = Table(
            "Other image groups minus the group of training: mean difference, image by image, from the network that "
            "was trained on the group.",
            "Network",
            [metric_column(metric, mark_best=False, sign="+") for metric in self.metrics],
            [
                (
                    f"{run.label} on {group}",
                    [self.difference(run, in_domain, group, metric).mean for metric in self.metrics],
                )
                for run, group, in_domain in self._tests()
                if in_domain is not None and run != in_domain
            ],
        )
        return scores, differences

    def _tests(self) -> Iterator[tuple[TrainingRun, str, TrainingRun | None]]:
        """Yield each network and test group, with the first network that was trained on the group."""
        for run in self.runs:
            for group in run.test_on:
                yield run, group, next(iter(self.runs_with(trained_on=group)), None)

    def figures(self) -> Iterator[Figure]:
        """Yield all networks and methods on one image of each group."""
        for index, group in enumerate(self.settings.test_on):
            shown = [contender for contender, _ in self.scored(group)]
            yield self.example(group, shown, str(1 + index), f"Networks and methods on an image of {group}.")

    def claims(self) -> Iterator[Claim]:
        """Yield how each network does on each group that it was not trained on, by the last metric."""
        metric, numbers = self.metrics[-1], "{metric} {difference} image by image"
        for run, group, in_domain in self._tests():
            if run.columns["trained_on"] == group:
                continue
            subject = f"On {group}, {run.label} is"
            if in_domain is not None:
                text = f"{subject} worse than {in_domain.label}"
                yield Claim(text, run, in_domain, group, metric, numbers, worse=True)
            for method in self.methods_on(group, zero_filled=True):
                yield Claim(f"{subject} not below zero-filling", run, method, group, metric, numbers)
            best = self.best_method(group, metric)
            if best is not None:
                text = f"{subject} not below the best classical method ({best.title})"
                yield Claim(text, run, best, group, metric, numbers)
