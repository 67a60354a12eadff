"""Base of the studies that train networks: image groups, trainings, figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from fourfold.metrics import find_metric
from fourfold.studies.contenders import Contender, TrainingRun
from fourfold.studies.image_groups import ImageGroup, ImageGroupSettings
from fourfold.studies.page_parts import SideBySide
from fourfold.studies.settings import StudySettings
from fourfold.studies.study import SettingsStudy
from fourfold.studies.test_set import ExampleSet
from fourfold.training.settings import TrainingSettings

__all__ = ["NetworkStudy"]


class NetworkStudy(SettingsStudy):
    """Base of the studies that train networks.

    Parameters
    ----------
    settings
        Settings of the study.
    training
        Settings of all trainings. ``data`` is shared by the image groups: masks, simulation.
    groups
        Settings of the image groups, by name.
    test_on
        Names of the groups that networks are tested on.
    """

    settings_type: ClassVar[type[StudySettings]]
    settings: StudySettings
    whole_test_sets = True

    def __init__(
        self,
        settings: StudySettings,
        training: Mapping[str, Any],
        groups: Mapping[str, ImageGroupSettings],
        test_on: Sequence[str],
    ) -> None:
        self.settings = settings
        self.metrics = tuple(map(find_metric, settings.metrics))
        self.methods, self.device = settings.methods, settings.device
        self.common_training = dict(training)
        shared, seed = self.common_training.pop("data", {}), int(training.get("seed", 0))
        self.groups = {
            name: ImageGroup(name, each, shared, name in test_on, seed, settings.test_images)
            for name, each in groups.items()
        }
        self.test_sets: dict[str, ExampleSet] = {
            name: ExampleSet(name, self.groups[name].test, self.metrics) for name in test_on
        }
        if any(source.kind == "images" for each in groups.values() for source in each.sources):
            self.simulation_note = "The k-space was computed from images; it was not measured by a scanner."

    def training(
        self,
        name: str,
        group: str,
        images: int | None,
        training: Mapping[str, Any] | None = None,
        *,
        tuning: bool = False,
        **overrides: Any,
    ) -> TrainingSettings:
        """Return the settings of a training on some images of a group; a tuning keeps the last weights."""
        given = self.common_training if training is None else training
        validated = not tuning and bool(self.groups[group].split.validation)
        return TrainingSettings(
            **{
                **given,
                "name": f"{self.settings.name}-{name}".lower(),
                "data": self.groups[group].data(images, validated),
                "keep": "last" if tuning else given.get("keep", "best" if validated else "last"),
                **overrides,
            }
        )

    def scored(self, test_set: str | None = None) -> list[tuple[Contender, str]]:
        """Return who has scores on which test set: on all or on one, networks first."""
        pairs: list[tuple[Contender, str]] = [(run, name) for run in self.runs for name in run.test_on]
        pairs += [(method, name) for name in self.test_sets for method in self.methods]
        return [pair for pair in pairs if test_set in (None, pair[1]) and self.scores(*pair)]

    def runs_with(self, **columns: Any) -> list[TrainingRun]:
        """Return the networks with these values in their columns of ``scores.csv``."""
        return [run for run in self.runs if columns.items() <= run.columns.items()]

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each image, network and method."""
        empty = dict.fromkeys(self.runs[0].columns)
        for contender, name in self.scored():
            network = isinstance(contender, TrainingRun)
            columns = contender.columns if isinstance(contender, TrainingRun) else empty
            head = {"tested_on": name, "method": "network" if network else contender.name, **columns}
            images = self.test_sets[name]
            for (_, index), evaluation in self.scores(contender, name).evaluations.items():
                names = {"image": images.image_name(index), "subject": images.subject(index)}
                yield {**head, **names, **evaluation["image"]}

    def example_run(self, test_set: str) -> TrainingRun:
        """Return the network whose median image the figures show."""
        return next(run for run in self.runs if test_set in run.test_on)

    def example(self, test_set: str, contenders: Iterable[Contender], number: str, caption: str) -> SideBySide:
        """Return the figure of several reconstructions of the image with the median score."""
        metric = self.shown_metric
        image = self.scores(self.example_run(test_set), test_set).median_image(metric)
        name = self.test_sets[test_set].image_name(image[1])
        caption += f" Image, magnified detail and error of the image with the median {metric.title} ({name})."
        return self.side_by_side(image, self.pictures(image, contenders), number, caption, foot=(f"Shown: {name}.",))

    def test_facts(self, *, subjects: bool) -> str:
        """Return the number of test images of each test set."""
        return ", ".join(f"{name}: {_count(images, subjects)}" for name, images in self.test_sets.items())


def _count(images: ExampleSet, subjects: bool) -> str:
    people = len({images.subject(index) for index in range(len(images))})
    return f"{len(images)} images" + (f" of {people} unseen subjects" if subjects else "")
