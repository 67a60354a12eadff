"""The study of Ghodrati et al. (2019, QIMS 9:1516): networks under several losses, on the same data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy.stats import rankdata

from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.networks.build import build
from fourfold.statistics.normality import normality
from fourfold.statistics.rank_tests import friedman
from fourfold.statistics.summaries import summarise
from fourfold.studies.claims import Claim
from fourfold.studies.contenders import Contender, TrainingRun, label
from fourfold.studies.image_groups import ImageGroupSettings
from fourfold.studies.network_study import NetworkStudy
from fourfold.studies.page_parts import Column, Figure, Finding, Table, metric_column
from fourfold.studies.settings import Methods, Named, StudySettings, refuse_placed
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings

__all__ = ["LossesSettings", "LossesStudy"]

_TEST = "test"
_LEVEL = 0.05
"""Significance level."""
_TOLERANCE_DB = 0.5
"""A network is as good as another if its SNR is lower by no more than this."""


class LossesSettings(StudySettings):
    """All settings of the study."""

    networks: dict[Named, dict[str, Any]] = Field(min_length=1)
    """Networks by name: settings of their trainings that differ, such as ``preset: ghodrati2019-unet``."""
    losses: dict[Named, list[Any]] = Field(min_length=1)
    """Losses by name, each a list as in a training."""
    data: ImageGroupSettings
    """Files and how their subjects are split."""
    images: PositiveInt | None = None
    """Number of images for training; all unless given."""
    methods: Methods = Field(default=("zero-filled",), validate_default=True)
    """Methods to compare with, by name or as ``kind`` and settings."""
    metrics: tuple[str, ...] = Field(default=("snr-db", "ssim-3x3"), min_length=1)
    """Scores; the image with the median of the first one is shown."""


class LossesStudy(NetworkStudy):
    """Train several networks with several losses on the same data, and compare the images.

    The study of Ghodrati et al. (2019) on your data, with quartiles and tests of the scores.
    """

    settings_type = LossesSettings
    settings: LossesSettings
    first_table = 2
    paper = "Ghodrati et al., Quantitative Imaging in Medicine and Surgery 9 (2019) 1516"

    def __init__(self, settings: LossesSettings) -> None:
        self.title = f"Losses: {', '.join(settings.losses)}"
        given = {name: merged(with_preset(network), settings.training) for name, network in settings.networks.items()}
        _refuse_different_data(given)
        super().__init__(settings, next(iter(given.values())), {_TEST: settings.data}, [_TEST])
        trainings = {
            (network, loss): self.training(
                f"{network}-{loss}", _TEST, settings.images, given[network], losses=settings.losses[loss]
            )
            for network, loss in product(settings.networks, settings.losses)
        }
        self.runs = tuple(
            TrainingRun(
                f"{network}-{loss}", f"{network} ({loss})", (_TEST,), {"network": network, "loss": loss}, training
            )
            for (network, loss), training in trainings.items()
        )
        first = next(iter(settings.losses))
        self.parameters = {name: _parameters(trainings[name, first]) for name in settings.networks}
        self.loss_kinds = {loss: {each.kind for each in training.losses} for (_, loss), training in trainings.items()}

    @property
    def shown_metric(self) -> Metric:
        """The first metric."""
        return self.metrics[0]

    def facts(self) -> list[tuple[str, str]]:
        """Return the size of each network, and what they are tested on."""
        sizes = [(f"Parameters of {name}", f"{count:,}") for name, count in self.parameters.items()]
        return [*sizes, ("Tested on", self.test_facts(subjects=True).removeprefix(f"{_TEST}: "))]

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the settings."""
        networks = list(self.settings.networks.items())
        common = [("All networks", self.settings.training), ("Losses", self.settings.losses)]
        return [*networks, *common, *super().records()]

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each image, network and method."""
        for row in super().rows():
            yield {name: value for name, value in row.items() if name != "tested_on"}

    def tables(self) -> list[Table]:
        """Return tests of normality and quartiles (Tables 2 to 4)."""
        return [*map(self._normality, self.metrics), self._quartiles()]

    def _values(self, contender: Contender, metric: Metric) -> NDArray[np.float64]:
        """Return the scores of a contender, one for each subject: the mean over its images."""
        by_subject: dict[str, list[float]] = {}
        for (_, index), value in self.scores(contender, _TEST).by_image(metric).items():
            by_subject.setdefault(self.test_sets[_TEST].subject(index), []).append(value)
        return np.array([np.mean(values) for values in by_subject.values()])

    def _normality(self, metric: Metric) -> Table:
        titles = ("Kolmogorov-Smirnov", "p (Lilliefors)", "Shapiro-Wilk", "p (Shapiro-Wilk)", "subjects")
        tests = {run.label: normality(self._values(run, metric)) for run in self.runs}
        return Table(
            f"Tests of normality of {metric.title} over subjects: p is the chance of such a statistic if the scores "
            "were normal.",
            "Network",
            list(map(Column, titles, (".3f", ".2g", ".3f", ".2g", ".0f"))),
            [(name, (None,) * len(titles) if test is None else test.numbers) for name, test in tests.items()],
        )

    def _quartiles(self) -> Table:
        names = ("25 %", "median", "75 %")
        columns = [(metric, f"{metric.title}, {name}") for metric in self.metrics for name in names]
        rows = [
            (
                label(each),
                [cell for metric in self.metrics for cell in summarise(self._values(each, metric)).quartiles],
            )
            for each, _ in self.scored()
        ]
        return Table(
            "Quartiles over subjects; a subject's score is the mean of its images.",
            "Reconstruction",
            [metric_column(*each, mark_best=False) for each in columns],
            rows,
        )

    def figures(self) -> Iterator[Figure]:
        """Yield each network under all losses (Figure 3), and all networks under each loss (Figure 4)."""
        networks, losses = self.settings.networks, self.settings.losses
        for letter, network in zip(ascii_lowercase, networks, strict=False):
            shown: list[Contender] = [*self.methods_on(_TEST), *self.runs_with(network=network)]
            yield self.example(_TEST, shown, f"3{letter}", f"{network} under each loss.")
        for letter, loss in zip(ascii_lowercase, losses if len(networks) > 1 else (), strict=False):
            yield self.example(_TEST, self.runs_with(loss=loss), f"4{letter}", f"The networks under {loss}.")

    def claims(self) -> Iterator[Claim | Finding]:
        """Yield the claims for each score, each network and each loss."""
        for metric in self.metrics:
            yield self._not_normal(metric)
            for network in self.settings.networks if len(self.settings.losses) > 1 else ():
                yield from self._ranking(network, metric)
        yield from self._networks_alike()

    def _not_normal(self, metric: Metric) -> Finding:
        claim = f"{metric.title} is not normally distributed (Shapiro-Wilk, p < {_LEVEL})"
        tests = [normality(self._values(run, metric)) for run in self.runs]
        p_values = [test.shapiro_p for test in tests if test is not None]
        if not p_values:
            return Finding(claim, None, f"{claim}: there are too few subjects.")
        rejected = sum(p_value < _LEVEL for p_value in p_values)
        return Finding(claim, rejected == len(p_values), f"{claim}: for {rejected} of {len(p_values)} networks.")

    def _ranking(self, network: str, metric: Metric) -> Iterator[Finding]:
        """Yield how the losses rank, and whether the perceptual losses rank last."""
        values = {run.columns["loss"]: self._values(run, metric) for run in self.runs_with(network=network)}
        medians = {loss: float(np.median(each)) for loss, each in values.items()}
        ranked = sorted(medians, key=medians.__getitem__, reverse=metric.higher_is_better)
        order = ", ".join(f"{loss} {medians[loss]:.{metric.decimals}f}" for loss in ranked)
        tested = friedman(rankdata(np.stack(list(values.values()), axis=1), axis=1))
        test = "" if tested is None else f" (Friedman, p = {tested.p:.2g})"
        claim = f"The losses make a difference to {network} in {metric.title}"
        yield Finding(claim, None if tested is None else tested.p < _LEVEL, f"{claim}: medians {order}{test}.")
        perceptual = [loss for loss in ranked if "perceptual" in self.loss_kinds[loss]]
        others = len(ranked) - len(perceptual)
        if perceptual and others:
            worst = "lowest" if metric.higher_is_better else "highest"
            claim = f"The perceptual loss has the {worst} {metric.title} of {network}"
            yield Finding(claim, ranked.index(perceptual[0]) >= others, f"{claim}: {order}.")

    def _networks_alike(self) -> Iterator[Claim]:
        """Yield that the smallest network is as good as the largest, under each loss."""
        sizes = self.parameters
        small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
        snr = next((metric for metric in self.metrics if metric.name == "snr-db"), None)
        if small == large or snr is None:
            return
        for one, other in zip(self.runs_with(network=small), self.runs_with(network=large), strict=True):
            loss = one.columns["loss"]
            yield Claim(
                f"{small} ({sizes[small]:,} parameters) is as good as {large} ({sizes[large]:,}) under {loss}",
                one,
                other,
                _TEST,
                snr,
                f"SNR {{mean}} dB image by image; as good is within {_TOLERANCE_DB} dB",
                margin=-_TOLERANCE_DB,
            )


def _refuse_different_data(given: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise InputError where networks have different data settings or seeds."""
    (first, settings), *others = given.items()
    refuse_placed(settings.get("data"))
    for name, other in others:
        if any(other.get(key, unset) != settings.get(key, unset) for key, unset in (("data", {}), ("seed", 0))):
            raise InputError(
                f"The networks '{first}' and '{name}' have different data or seeds, so that their images cannot be "
                "compared; give 'data' and 'seed' below 'training', for both."
            )


def _parameters(settings: TrainingSettings) -> int:
    network = build(settings.network["kind"], settings.network_settings)
    return sum(parameter.numel() for parameter in network.parameters())
