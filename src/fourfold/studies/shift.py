"""The study of Darestani & Heckel (2021, ISMRM 29), Figure 5: networks on images unlike their training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, PositiveInt, model_validator

from fourfold.errors import InputError
from fourfold.studies.engine import TrainingRun
from fourfold.studies.image_groups import ImageGroupSettings, refuse_shared_subjects
from fourfold.studies.network_study import NetworkStudy, compared, label
from fourfold.studies.page_parts import Figure, Finding, Table, metric_column
from fourfold.studies.scores import Scores
from fourfold.studies.settings import Named, StudySettings, refuse_placed, refuse_unknown
from fourfold.training.base import Settings
from fourfold.training.presets import with_preset
from fourfold.weights.load_network import load_network

__all__ = ["GivenWeights", "ShiftSettings", "ShiftStudy"]


class GivenWeights(Settings):
    """A network that is trained already."""

    weights: str
    """A name that ``fourfold weights list`` shows, a folder, or hf://owner/name."""
    domain: str | None = None
    """Domain that it was trained on, where it is one of the study's."""


class ShiftSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "shift"

    domains: dict[Named, ImageGroupSettings] = Field(min_length=1)
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
        refuse_unknown((*self.train_on, *self.test_on, *trained_on), self.domains)
        if not self.train_on and not self.networks:
            raise InputError("There is no network to test; give 'networks', or 'train_on' to train some.")
        twice = sorted(set(self.train_on) & set(self.networks))
        if twice:
            raise InputError(
                f"A network is given and a domain trained on by the name '{twice[0]}'; rename the network."
            )
        refuse_placed(self.training.get("data"))
        return self


class ShiftStudy(NetworkStudy):
    """Train a network on each of some kinds of images, or take given weights, and test them on all kinds."""

    settings_type = ShiftSettings
    paper = "Darestani and Heckel, Proc. ISMRM 29 (2021), Figure 5"

    def __init__(self, settings: ShiftSettings) -> None:
        self.settings = settings
        self.title = f"Domain shift: {', '.join(settings.test_on)}"
        given = with_preset(settings.training)
        shared, seed = given.pop("data", {}), int(given.get("seed", 0))
        super().__init__(settings, shared, seed, settings.domains, settings.test_on)
        test_on = settings.test_on
        trained = [
            TrainingRun(
                name,
                f"{name}-trained",
                test_on,
                {"network": name, "trained_on": name},
                self.training(name, name, settings.images, given),
            )
            for name in settings.train_on
        ]
        elsewhere = [
            TrainingRun(name, name, test_on, {"network": name, "trained_on": each.domain}, given_weights=each.weights)
            for name, each in settings.networks.items()
        ]
        for each in settings.networks.values():
            load_network(each.weights)
        self.runs = (*trained, *elsewhere)
        refuse_shared_subjects(*([self.groups[name] for name in names] for names in (settings.train_on, test_on)))

    def trained_on(self, domain: str) -> TrainingRun | None:
        """Return the first network that was trained on a domain."""
        return next((run for run in self.runs if run.columns["trained_on"] == domain), None)

    def facts(self) -> list[tuple[str, str]]:
        """Return what is tested on what."""
        return [("Tested on", self.test_facts(subjects=False)), ("Networks", str(len(self.runs)))]

    def notes(self) -> list[str]:
        """Return which networks were trained on subjects that are not known."""
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
        """Return all scores, and the differences to the network that was trained on the domain."""
        return self._scores(), self._differences()

    def _scores(self) -> Table:
        domains = self.settings.test_on
        return Table(
            "Networks and methods on unseen subjects of each domain: mean ± standard deviation.",
            "Reconstruction",
            tuple(metric_column(each, f"{name}: {each.title}") for name in domains for each in self.metrics),
            tuple(
                (
                    label(contender),
                    tuple(
                        None if scores is None else scores.spread(metric.name)
                        for scores in (self.results.scores(contender, name) for name in domains)
                        for metric in self.metrics
                    ),
                )
                for contender in dict.fromkeys(contender for contender, _ in self.results.all_scores())
            ),
            "1",
        )

    def _pairs_with_home(self) -> Iterator[tuple[TrainingRun, str, Scores, TrainingRun | None]]:
        """Yield each network and test domain with its scores and the network that was trained on the domain."""
        for (contender, domain), scores in self.results.all_scores().items():
            if isinstance(contender, TrainingRun):
                yield contender, domain, scores, self.trained_on(domain)

    def _differences(self) -> Table:
        rows = []
        for run, domain, scores, home in self._pairs_with_home():
            if home is not None and run != home:
                other = self.scores(home, domain)
                differences = tuple(scores.minus(other, metric.name).mean for metric in self.metrics)
                rows.append((f"{run.label} on {domain}", differences))
        return Table(
            "Out of domain less in domain: mean difference, image by image, to the network that was trained on the "
            "domain.",
            "Network",
            tuple(metric_column(metric, mark_best=False, sign="+") for metric in self.metrics),
            tuple(rows),
            "2",
        )

    def figures(self) -> Iterator[Figure]:
        """Yield all networks and methods on one image of each domain."""
        for place, domain in enumerate(self.settings.test_on):
            contenders = [contender for contender, _ in self.results.all_scores(domain)]
            words = f"Networks and methods on an image of {domain}."
            yield self.side_by_side(domain, contenders, str(1 + place), words)

    def findings(self) -> list[Finding]:
        """Return for each network and each domain that it was not trained on how it compares, by the last metric."""
        return [
            finding
            for run, domain, scores, home in self._pairs_with_home()
            if run.columns["trained_on"] != domain
            for finding in self._out_of_domain(run, domain, scores, home)
        ]

    def _out_of_domain(
        self, run: TrainingRun, domain: str, scores: Scores, home: TrainingRun | None
    ) -> Iterator[Finding]:
        if home is not None:
            claim = f"On {domain}, {run.label} is worse than {home.label}"
            yield self._compared(claim, scores, self.scores(home, domain), worse=True)
        for method in self.methods_on(domain, zero_filled=True):
            claim = f"On {domain}, {run.label} is not below zero-filling"
            yield self._compared(claim, scores, self.scores(method, domain))
        best = self.best_method(domain, self.metrics[-1])
        if best is not None:
            claim = f"On {domain}, {run.label} is not below the best classical method ({best.title})"
            yield self._compared(claim, scores, self.scores(best, domain))

    def _compared(self, claim: str, one: Scores, other: Scores, worse: bool = False) -> Finding:
        metric = self.metrics[-1]
        sign = 1 if metric.higher_is_better else -1
        return compared(
            claim,
            one,
            other,
            metric,
            lambda difference: sign * difference < 0 if worse else sign * difference >= 0,
            f"{metric.title} {{difference}} image by image",
        )
