"""The study of Ghodrati et al. (2019, QIMS 9:1516): networks under several losses, on the same data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from statistics import median
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.networks.build import build
from fourfold.studies.engine import Contender, TrainingRun
from fourfold.studies.image_groups import ImageGroupSettings
from fourfold.studies.network_study import NetworkStudy, compared, label
from fourfold.studies.page_parts import Column, Figure, Finding, Table, metric_column
from fourfold.studies.scores import Scores
from fourfold.studies.settings import Methods, Named, StudySettings, refuse_placed
from fourfold.studies.statistics import friedman, normality, pairs, quartiles
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings

__all__ = ["LossesSettings", "LossesStudy"]

_TEST = "test"
_LEVEL = 0.05
"""Of significance."""
_TOLERANCE_DB = 0.5
"""By so much a network may be worse and yet be as good as another."""


class LossesSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "losses"

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
    """Train several networks with several losses on the same data, and compare the images."""

    settings_type = LossesSettings
    paper = "Ghodrati et al., Quantitative Imaging in Medicine and Surgery 9 (2019) 1516"
    example_metric = 0

    def __init__(self, settings: LossesSettings) -> None:
        self.settings = settings
        self.title = f"Losses: {', '.join(settings.losses)}"
        given = {name: merged(with_preset(network), settings.training) for name, network in settings.networks.items()}
        shared, seed = _shared_data(given)
        super().__init__(settings, shared, seed, {_TEST: settings.data}, [_TEST])
        trainings = {
            (network, loss): self.training(
                _name(network, loss), _TEST, settings.images, given[network], losses=settings.losses[loss]
            )
            for network, loss in product(settings.networks, settings.losses)
        }
        self.runs = tuple(
            TrainingRun(
                _name(network, loss), f"{network} ({loss})", (_TEST,), {"network": network, "loss": loss}, training
            )
            for (network, loss), training in trainings.items()
        )
        first = next(iter(settings.losses))
        self.parameters = {name: _parameters(trainings[name, first]) for name in settings.networks}
        self.loss_kinds = {loss: {each.kind for each in training.losses} for (_, loss), training in trainings.items()}

    def run(self, network: str, loss: str) -> TrainingRun:
        """Return the run of a network under a loss."""
        return next(run for run in self.runs if run.name == _name(network, loss))

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
        """Return tests of normality, quartiles, and pairs of networks (Tables 2 to 4 and more)."""
        count = len(self.metrics)
        return [
            *(self._normality(metric, str(2 + place)) for place, metric in enumerate(self.metrics)),
            self._quartiles(str(2 + count)),
            *(self._pairs(metric, str(3 + count + place)) for place, metric in enumerate(self.metrics)),
        ]

    def _of_runs(self) -> dict[TrainingRun, Scores]:
        return {run: self.scores(run, _TEST) for run in self.runs}

    def _normality(self, metric: Metric, number: str) -> Table:
        titles = ("Kolmogorov-Smirnov", "p (Lilliefors)", "Shapiro-Wilk", "p (Shapiro-Wilk)", "images")
        rows = []
        for run, scores in self._of_runs().items():
            test = normality(scores.values[metric.name])
            numbers = (None,) * len(titles) if test is None else test.numbers
            rows.append((run.label, numbers))
        return Table(
            f"Tests of normality of {metric.title}: p is the chance of such a statistic if the scores were normal.",
            "Network",
            tuple(map(Column, titles, (".3f", ".2g", ".3f", ".2g", ".0f"))),
            tuple(rows),
            number,
        )

    def _quartiles(self, number: str) -> Table:
        names = ("25 %", "median", "75 %")
        return Table(
            f"Quartiles over {len(self.test_sets[_TEST])} images.",
            "Reconstruction",
            tuple(
                metric_column(each, f"{each.title}, {name}", mark_best=False) for each in self.metrics for name in names
            ),
            tuple(
                (
                    label(contender),
                    tuple(value for each in self.metrics for value in quartiles(scores.values[each.name])),
                )
                for (contender, _), scores in self.results.all_scores().items()
            ),
            number,
        )

    def _pairs(self, metric: Metric, number: str) -> Table:
        scores = {run.label: scores for run, scores in self._of_runs().items()}
        chances = pairs({name: each.values[metric.name] for name, each in scores.items()})
        return Table(
            f"{metric.title} of pairs of networks, image by image; p by Wilcoxon's signed-rank test with Holm's "
            "correction.",
            "Pair",
            (metric_column(metric, "mean difference", mark_best=False, sign="+"), Column("p", ".2g")),
            tuple(
                (f"{one} − {other}", (scores[one].minus(scores[other], metric.name).mean, chance))
                for (one, other), chance in chances.items()
            ),
            number,
        )

    def figures(self) -> Iterator[Figure]:
        """Yield each network under all losses (Figure 3), and all networks under each loss (Figure 4)."""
        networks, losses = list(self.settings.networks), list(self.settings.losses)
        for place, network in enumerate(networks):
            contenders: list[Contender] = [
                *self.methods_on(_TEST),
                *(self.run(network, loss) for loss in losses),
            ]
            yield self.side_by_side(_TEST, contenders, f"3{chr(ord('a') + place)}", f"{network} under each loss.")
        for place, loss in enumerate(losses if len(networks) > 1 else []):
            runs = [self.run(network, loss) for network in networks]
            yield self.side_by_side(_TEST, runs, f"4{chr(ord('a') + place)}", f"The networks under {loss}.")

    def findings(self) -> list[Finding]:
        """Return the findings for each score, each network and each loss."""
        findings = []
        for metric in self.metrics:
            findings.append(self._not_normal(metric))
            for network in self.settings.networks:
                findings += self._ranking(network, metric)
        return findings + list(self._networks_alike())

    def _not_normal(self, metric: Metric) -> Finding:
        claim = f"{metric.title} is not normally distributed (Shapiro-Wilk, p < {_LEVEL})"
        tests = [normality(scores.values[metric.name]) for scores in self._of_runs().values()]
        chances = [test.shapiro_p for test in tests if test is not None]
        if not chances:
            return Finding(claim, None, f"{claim}: there are too few images.")
        rejected = sum(chance < _LEVEL for chance in chances)
        return Finding(claim, rejected == len(chances), f"{claim}: for {rejected} of {len(chances)} networks.")

    def _ranking(self, network: str, metric: Metric) -> Iterator[Finding]:
        """Yield how the losses rank, and whether those that compare pixels and patches are above the perceptual one."""
        values = {
            loss: self.scores(self.run(network, loss), _TEST).values[metric.name] for loss in self.settings.losses
        }
        if len(values) < 2:  # nothing to rank
            return
        medians = {loss: median(each) for loss, each in values.items()}
        ranked = sorted(medians, key=medians.__getitem__, reverse=metric.higher_is_better)
        order = ", ".join(f"{loss} {medians[loss]:.{metric.decimals}f}" for loss in ranked)
        chance = friedman(list(values.values()))
        test = "" if chance is None else f" (Friedman, p = {chance:.2g})"
        claim = f"The losses make a difference to {network} in {metric.title}"
        yield Finding(claim, None if chance is None else chance < _LEVEL, f"{claim}: medians {order}{test}.")
        perceptual = [loss for loss in ranked if "perceptual" in self.loss_kinds[loss]]
        others = len(ranked) - len(perceptual)
        if perceptual and others:
            worst = "lowest" if metric.higher_is_better else "highest"
            claim = f"The perceptual loss has the {worst} {metric.title} of {network}"
            yield Finding(claim, ranked.index(perceptual[0]) >= others, f"{claim}: {order}.")

    def _networks_alike(self) -> Iterator[Finding]:
        """Yield whether the smallest network is as good as the largest, under each loss."""
        sizes = self.parameters
        small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
        snr = next((metric for metric in self.metrics if metric.name == "snr-db"), None)
        if small == large or snr is None:
            return
        for loss in self.settings.losses:
            one, other = (self.scores(self.run(network, loss), _TEST) for network in (small, large))
            yield compared(
                f"{small} ({sizes[small]:,} parameters) is as good as {large} ({sizes[large]:,}) under {loss}",
                one,
                other,
                snr,
                lambda difference: difference >= -_TOLERANCE_DB,
                f"SNR {{mean}} dB image by image; as good is within {_TOLERANCE_DB} dB",
            )


def _name(network: str, loss: str) -> str:
    return f"{network}-{loss}"


def _shared_data(given: Mapping[str, Mapping[str, Any]]) -> tuple[Mapping[str, Any], int]:
    """Return the data settings and the seed, which all networks share."""
    (first, settings), *others = given.items()
    shared, seed = settings.get("data", {}), int(settings.get("seed", 0))
    refuse_placed(shared)
    for name, other in others:
        if (other.get("data", {}), int(other.get("seed", 0))) != (shared, seed):
            raise InputError(
                f"The networks '{first}' and '{name}' have different data or seeds, so that their images cannot be "
                "compared; give 'data' and 'seed' below 'training', for both."
            )
    return shared, seed


def _parameters(settings: TrainingSettings) -> int:
    network = build(settings.network["kind"], settings.network_settings)
    return sum(parameter.numel() for parameter in network.parameters())
