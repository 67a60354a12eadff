"""What the studies that train networks have in common: their settings' groups of images, trainings, tables, figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from fourfold.methods.method import Method
from fourfold.metrics import Metric, find_metric
from fourfold.studies.engine import Contender, Study, TrainingRun
from fourfold.studies.image_groups import ImageGroup, ImageGroupSettings
from fourfold.studies.page_parts import Finding, SideBySide
from fourfold.studies.scores import Scores
from fourfold.studies.settings import StudySettings
from fourfold.studies.test_set import ExampleSet
from fourfold.training.presets import read_settings
from fourfold.training.settings import TrainingSettings

__all__ = ["NetworkStudy", "compared", "label"]


class NetworkStudy(Study):
    """Base of the studies that a settings file describes.

    Parameters
    ----------
    settings
        What is trained on what, and how.
    shared
        Settings of the data that all groups share: masks, simulation.
    seed
        Of all random numbers.
    groups
        Settings of the groups of images, by name.
    tested
        Names of the groups that networks are tested on.
    """

    settings_type: ClassVar[type[StudySettings]]
    example_metric: ClassVar[int] = -1
    """Index of the metric whose median image is shown."""

    def __init__(
        self,
        settings: StudySettings,
        shared: Mapping[str, Any],
        seed: int,
        groups: Mapping[str, ImageGroupSettings],
        tested: Sequence[str],
    ) -> None:
        self.base = settings
        self.metrics = tuple(map(find_metric, settings.metrics))
        self.methods, self.device = settings.methods, settings.device
        self.groups = {
            name: ImageGroup(name, each, shared, name in tested, seed, settings.test_images)
            for name, each in groups.items()
        }
        self.test_sets: dict[str, ExampleSet] = {
            name: ExampleSet(name, self.groups[name].test, settings.metrics) for name in tested
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
        given: Mapping[str, Any],
        *,
        tuning: bool = False,
        **overrides: Any,
    ) -> TrainingSettings:
        """Return the settings of a training on some images of a group; a tuning keeps the last weights."""
        validated = not tuning and bool(self.groups[group].split.validation)
        return TrainingSettings(
            **{
                **given,
                "name": f"{self.base.name}-{name}".lower(),
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

    def scores(self, contender: Contender, test_set: str) -> Scores:
        """Return scores that are known to be there."""
        scores = self.results.scores(contender, test_set)
        assert scores is not None
        return scores

    def example(self, test_set: str) -> int:
        """Return which image is shown: the one with the median score of the first network."""
        run = next(run for run in self.runs if test_set in run.test_on)
        return self.scores(run, test_set).median_index(self.metrics[self.example_metric].name)

    def side_by_side(self, test_set: str, contenders: Iterable[Contender], number: str, words: str) -> SideBySide:
        """Return the figure of the images that several contenders made of the example."""
        index, metric = self.example(test_set), self.metrics[self.example_metric]
        images = self.test_sets[test_set]
        name = images.image_name(index)
        return SideBySide(
            number,
            f"{words} Image, magnified detail and error of the image with the median {metric.title} ({name}).",
            [
                (
                    label(each),
                    self.results.image(each, test_set, index),
                    self.scores(each, test_set).values[metric.name][index],
                )
                for each in contenders
            ],
            metric,
            images.reference(index),
            "fully sampled image",
            foot=(f"Shown: {name}.",),
        )

    def methods_on(self, test_set: str, zero_filled: bool | None = None) -> list[Method]:
        """Return the methods that have scores: all, zero-filling alone, or all but that."""
        return [
            method
            for method in self.methods
            if self.results.scores(method, test_set) is not None and zero_filled in (None, method.name == "zero-filled")
        ]

    def best_method(self, test_set: str, metric: Metric) -> Method | None:
        """Return the method with the best mean score, zero-filling aside, or None without any."""
        sign = 1 if metric.higher_is_better else -1
        return max(
            self.methods_on(test_set, zero_filled=False),
            key=lambda method: sign * self.scores(method, test_set).spread(metric.name).mean,
            default=None,
        )

    def test_facts(self, *, subjects: bool) -> str:
        """Return how many images there are for test, in words."""
        return ", ".join(f"{name}: {_count(images, subjects)}" for name, images in self.test_sets.items())


def _count(images: ExampleSet, subjects: bool) -> str:
    people = len({images.subject(index) for index in range(len(images))})
    return f"{len(images)} images" + (f" of {people} unseen subjects" if subjects else "")


def label(contender: Contender) -> str:
    """Return the name of a network or method in running text."""
    return contender.label if isinstance(contender, TrainingRun) else contender.title


def compared(
    claim: str, one: Scores, other: Scores, metric: Metric, holds: Callable[[float], bool], numbers: str
) -> Finding:
    """Return a finding about the mean difference of two scores, image by image.

    Parameters
    ----------
    claim
        What is claimed.
    one, other
        The scores.
    metric
        Which of them.
    holds
        Whether the claim holds for the mean difference.
    numbers
        The numbers in words, with ``{mean}`` for the mean difference and ``{difference}`` for that and its standard
        deviation.
    """
    difference = one.minus(other, metric.name)
    spec = f"+.{metric.decimals}f"
    words = numbers.format(difference=difference.text(spec), mean=format(difference.mean, spec))
    return Finding(claim, holds(difference.mean), f"{claim}: {words}.")
