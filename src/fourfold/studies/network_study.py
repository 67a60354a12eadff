"""Base of the studies that train networks: image groups, trainings, claims, figures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fourfold.methods.method import Method
from fourfold.metrics import Metric, find_metric
from fourfold.studies.engine import Contender, Study, TrainingRun
from fourfold.studies.image_groups import ImageGroup, ImageGroupSettings
from fourfold.studies.page_parts import Finding, SideBySide
from fourfold.studies.scores import Scores, Spread
from fourfold.studies.settings import StudySettings
from fourfold.studies.test_set import ExampleSet
from fourfold.training.presets import read_settings
from fourfold.training.settings import TrainingSettings

__all__ = ["Claim", "NetworkStudy", "label"]


@dataclass(frozen=True)
class Claim:
    """The claim that a network scores at least as well as another contender, or worse, in the mean over all images.

    Attributes
    ----------
    text
        The claim in words.
    one, other
        The network, and what it is compared with; None where there is no such contender.
    test_set, metric
        Which images and which scores are compared.
    numbers
        Template of the numbers in the sentence. It may contain ``{metric}``, the means ``{one}`` and ``{other}``, the
        mean difference ``{mean}``, the same with its standard deviation ``{difference}``, ``{images}``, ``{subjects}``.
    margin
        Smallest gain for which the claim holds; negative for a tolerance.
    worse
        Whether the claim is that the network is worse.
    """

    text: str
    one: Contender
    other: Contender | None
    test_set: str
    metric: Metric
    numbers: str
    margin: float = 0.0
    worse: bool = False


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

    def scores(self, contender: Contender, test_set: str) -> Scores:
        """Return the scores of a contender; they must exist."""
        scores = self.results.scores(contender, test_set)
        assert scores is not None
        return scores

    def difference(self, one: Contender, other: Contender, test_set: str, metric: Metric) -> Spread:
        """Return mean and standard deviation of the differences between two contenders, image by image."""
        return self.scores(one, test_set).minus(self.scores(other, test_set), metric.name)

    def spreads(self, contender: Contender | None, test_set: str) -> list[Spread | None]:
        """Return mean and standard deviation of each metric; None without a contender or without scores."""
        scores = None if contender is None else self.results.scores(contender, test_set)
        return [None if scores is None else scores.spread(metric.name) for metric in self.metrics]

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

    @abstractmethod
    def claims(self) -> Iterable[Claim | Finding]:
        """Return the claims of the study; a finding where it takes more than a comparison of two contenders."""

    def findings(self) -> list[Finding]:
        """Return the claims, checked."""
        return [each if isinstance(each, Finding) else self.check(each) for each in self.claims()]

    def check(self, claim: Claim) -> Finding:
        """Return whether a claim holds, with the numbers."""
        if claim.other is None:
            return Finding(claim.text, None, f"{claim.text}: no such method was run.")
        metric, spec = claim.metric, f".{claim.metric.decimals}f"
        one, other = (self.scores(each, claim.test_set) for each in (claim.one, claim.other))
        difference = one.minus(other, metric.name)
        gain = difference.mean if metric.higher_is_better else -difference.mean
        numbers = claim.numbers.format(
            metric=metric.title,
            one=format(one.spread(metric.name).mean, spec),
            other=format(other.spread(metric.name).mean, spec),
            mean=format(difference.mean, f"+{spec}"),
            difference=difference.text(f"+{spec}"),
            images=_counted(len(one.names), "image"),
            subjects=_counted(len(set(one.subjects)), "subject"),
        )
        return Finding(claim.text, gain < 0 if claim.worse else gain >= claim.margin, f"{claim.text}: {numbers}.")

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
        """Return the number of test images of each test set."""
        return ", ".join(f"{name}: {_count(images, subjects)}" for name, images in self.test_sets.items())


def _count(images: ExampleSet, subjects: bool) -> str:
    people = len({images.subject(index) for index in range(len(images))})
    return f"{len(images)} images" + (f" of {people} unseen subjects" if subjects else "")


def label(contender: Contender) -> str:
    """Return the name of a network or method in running text."""
    return contender.label if isinstance(contender, TrainingRun) else contender.title


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"
