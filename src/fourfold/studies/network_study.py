"""Base of the studies that a settings file describes: image groups, trainings, figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from fourfold.metrics import Metric, find_metric
from fourfold.studies.contenders import Contender, TrainingRun, label
from fourfold.studies.image_groups import ImageGroup, ImageGroupSettings
from fourfold.studies.page_parts import SideBySide
from fourfold.studies.settings import StudySettings
from fourfold.studies.study import Study
from fourfold.studies.test_set import ExampleSet
from fourfold.training.presets import read_settings
from fourfold.training.settings import TrainingSettings

__all__ = ["NetworkStudy"]


class NetworkStudy(Study):
    """Base of the studies that a settings file describes.

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

    @classmethod
    def from_file(cls, path: Any) -> Self:
        """Return the study that a settings file describes."""
        return cls(cls.settings_type(**read_settings(path)))  # type: ignore[call-arg]

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

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each image, network and method."""
        empty = dict.fromkeys(self.runs[0].columns)
        for (contender, name), scores in self.results.all_scores().items():
            network = isinstance(contender, TrainingRun)
            columns = contender.columns if isinstance(contender, TrainingRun) else empty
            method = contender.name if not network else "network"
            yield from ({"tested_on": name, "method": method, **columns, **row} for row in scores.rows())

    @property
    def shown_metric(self) -> Metric:
        """The metric in the figures, whose median image the figures show."""
        return self.metrics[-1]

    def example_run(self, test_set: str) -> TrainingRun:
        """Return the network whose median image the figures show."""
        return next(run for run in self.runs if test_set in run.test_on)

    def side_by_side(self, test_set: str, contenders: Iterable[Contender], number: str, caption: str) -> SideBySide:
        """Return the figure of several reconstructions of the example image."""
        metric, images = self.shown_metric, self.test_sets[test_set]
        index = self.scores(self.example_run(test_set), test_set).median_index(metric.name)
        name = images.image_name(index)
        return SideBySide(
            number,
            f"{caption} Image, magnified detail and error of the image with the median {metric.title} ({name}).",
            [
                (
                    label(each),
                    self.results.image(each, test_set, index),
                    self.scores(each, test_set).values[metric.name][index],
                )
                for each in contenders
            ],
            metric,
            images[index].reference,
            "fully sampled image",
            foot=(f"Shown: {name}.",),
        )

    def test_facts(self, *, subjects: bool) -> str:
        """Return the number of test images of each test set."""
        return ", ".join(f"{name}: {_count(images, subjects)}" for name, images in self.test_sets.items())


def _count(images: ExampleSet, subjects: bool) -> str:
    people = len({images.subject(index) for index in range(len(images))})
    return f"{len(images)} images" + (f" of {people} unseen subjects" if subjects else "")
