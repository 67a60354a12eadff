"""The study of Dar et al. (2018, arXiv:1710.02615): networks of one kind of images, tuned to another by a few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.studies.engine import Contender, TrainingRun
from fourfold.studies.image_groups import ImageGroupSettings, refuse_shared_subjects
from fourfold.studies.network_study import NetworkStudy, compared
from fourfold.studies.page_parts import Figure, Finding, Table, TuningChart, metric_column
from fourfold.studies.settings import Named, StudySettings, refuse_placed, refuse_unknown
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings

__all__ = ["TransferSettings", "TransferStudy"]

_USUAL_TUNING = 20
_TOLERANCE_DB = 0.5
"""By so much a transferred network may be worse than the domain's own."""
_LEAD_DB = 2.0
"""By so much a transferred network is above compressed sensing."""


class TransferSettings(StudySettings):
    """All settings of the study."""

    study: ClassVar[str] = "transfer"

    domains: dict[Named, ImageGroupSettings]
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
    grid: Literal["all", "tables"] = "all"
    """Networks of all sizes of training and tuning, or only those that the tables and figures need."""
    tuning: dict[str, Any] = Field(default_factory=dict)
    """Settings of the tuning that differ from the training's; unless given it does the training's last stage alone."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_unknown((*self.train_on, *self.test_on), self.domains)
        if self.transferred and self.transferred not in self.train_on:
            raise InputError(f"The domain '{self.transferred}' is to be transferred but is not in 'train_on'; name it.")
        if self.shown_tuning and self.shown_tuning not in self.tuning_sizes:
            raise InputError(f"The tables are to show {self.shown_tuning} images of tuning; add it to 'tuning_sizes'.")
        if "psnr" not in self.metrics:
            raise InputError("The findings are about PSNR; add 'psnr' to 'metrics'.")
        fixed = {"data", "network", "name", "seed", "keep"} & set(self.tuning)
        if fixed:
            raise InputError(f"The tuning gives '{min(fixed)}', which is that of the training; leave it out.")
        refuse_placed(self.training.get("data"))
        return self

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

    def shows(self, trained_on: str, size: int, tuned_on: str, images: int) -> bool:
        """Return whether a table or figure shows a tuned network."""
        if trained_on == self.source:
            return True
        if trained_on == tuned_on and images == self.tunings[-1]:
            return True
        return images == self.tuned and size == self.sizes_of(trained_on)[-1]


class TransferStudy(NetworkStudy):
    """Train networks on one kind of images, tune them to another by a few, and test them beside classical methods."""

    settings_type = TransferSettings
    paper = "Dar, Özbey, Çatlı and Çukur, arXiv:1710.02615"

    def __init__(self, settings: TransferSettings) -> None:
        self.settings = settings
        self.title = "Transfer learning: " + ", ".join(f"{settings.source} to {name}" for name in settings.test_on)
        self.given = with_preset(settings.training)
        shared, seed = self.given.pop("data", {}), int(self.given.get("seed", 0))
        super().__init__(settings, shared, seed, settings.domains, settings.test_on)
        self.psnr = next(metric for metric in self.metrics if metric.name == "psnr")
        self.example_metric = self.metrics.index(self.psnr)  # type: ignore[misc]
        tested = [self.groups[name] for name in settings.test_on]
        refuse_shared_subjects([*(self.groups[name] for name in settings.train_on), *tested], tested)
        raw = [self._raw(domain, size) for domain in settings.train_on for size in settings.sizes_of(domain)]
        tuned = [
            self._tuned(run, domain, images)
            for run in raw
            for domain in settings.test_on
            for images in settings.tunings[1:]
            if settings.grid == "all" or settings.shows(run.columns["trained_on"], run.columns["size"], domain, images)
        ]
        self.runs = (*raw, *tuned)
        self._by_name = {run.name: run for run in self.runs}

    def _raw(self, domain: str, size: int) -> TrainingRun:
        name = f"{domain}-{size}"
        return TrainingRun(
            name,
            f"{domain} {size}, raw",
            self.settings.test_on,
            {"trained_on": domain, "size": size, "tuned_on": None, "tuning": 0},
            _small_batches(self.training(name, domain, size, self.given), size),
        )

    def _tuned(self, run: TrainingRun, domain: str, images: int) -> TrainingRun:
        name = f"{run.name}-{domain}-{images}"
        stages = self.given.get("stages")
        last_stage = {"stages": stages[-1:]} if stages else {}
        given = merged({**self.given, **last_stage}, self.settings.tuning)
        return TrainingRun(
            name,
            f"{run.columns['trained_on']} {run.columns['size']}, tuned {images}",
            (domain,),
            {**run.columns, "tuned_on": domain, "tuning": images},
            _small_batches(self.training(name, domain, images, given, tuning=True), images),
            start=run,
        )

    def find(self, trained_on: str, size: int | None = None, tuned_on: str = "", images: int = 0) -> TrainingRun | None:
        """Return a network of so many images for training (most unless given) and tuning, None where there is none."""
        size = size or self.settings.sizes_of(trained_on)[-1]
        return self._by_name.get(f"{trained_on}-{size}" + (f"-{tuned_on}-{images}" if images else ""))

    def network(self, trained_on: str, size: int | None = None, tuned_on: str = "", images: int = 0) -> TrainingRun:
        """Return a network as `find` does, which is known to be there."""
        run = self.find(trained_on, size, tuned_on, images)
        assert run is not None
        return run

    def has_own(self, domain: str) -> bool:
        """Return whether there are networks of a test domain itself to compare the transferred ones with."""
        return domain in self.settings.train_on and domain != self.settings.source

    def example(self, test_set: str) -> int:
        """Return the image with the median PSNR of the transferred network, tuned."""
        run = self.network(self.settings.source, None, test_set, self.settings.tuned)
        return self.scores(run, test_set).median_index("psnr")

    def facts(self) -> list[tuple[str, str]]:
        """Return what is trained, tuned and tested on what."""
        sizes = {name: ", ".join(map(str, self.settings.sizes_of(name))) for name in self.settings.train_on}
        return [
            ("Trained on", ", ".join(f"{name} ({each} images)" for name, each in sizes.items())),
            ("Tested on", self.test_facts(subjects=True)),
            ("Tuned with", ", ".join(map(str, self.settings.tunings)) + " images"),
            ("Networks", str(len(self.runs))),
        ]

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the settings."""
        training = [("Training", self.settings.training), ("Tuning, where it differs", self.settings.tuning)]
        return [*training, *super().records()]

    def tables(self) -> list[Table]:
        """Return for each test domain all networks (Tables 1 and 2) and all sizes (Tables 3 and 4)."""
        domains = self.settings.test_on
        networks = [self._networks(domain, str(1 + place)) for place, domain in enumerate(domains)]
        sizes = [self._sizes(domain, str(1 + len(domains) + place)) for place, domain in enumerate(domains)]
        return networks + sizes

    def _networks(self, domain: str, number: str) -> Table:
        """Return the networks of each domain, raw and tuned, beside the methods."""
        raw, tuned = self._raw_and_tuned(domain)
        named: list[tuple[str, Contender]] = [
            *((f"{_trained_on(run)}, raw", run) for run in raw),
            *((f"{_trained_on(run)}, tuned with {run.columns['tuning']}", run) for run in tuned),
            *((method.title, method) for method in self.methods_on(domain)),
        ]
        return Table(
            f"Networks and methods on {len(self.test_sets[domain])} images of {domain}: mean ± standard deviation.",
            "Reconstruction",
            tuple(map(metric_column, self.metrics)),
            tuple(
                (name, tuple(self.scores(each, domain).spread(metric.name) for metric in self.metrics))
                for name, each in named
            ),
            number,
        )

    def _raw_and_tuned(self, domain: str) -> tuple[list[TrainingRun], list[TrainingRun]]:
        """Return the networks of most images for training of each domain: raw, and tuned to a domain."""
        settings = self.settings
        raw = [self.network(name) for name in settings.train_on]
        tuned = [self.network(name, None, domain, settings.tuned) for name in settings.train_on]
        return raw, tuned if settings.tuned else []

    def _sizes(self, domain: str, number: str) -> Table:
        """Return sizes of training and tuning, the networks of the domain itself below."""
        settings = self.settings
        source, most, own = settings.source, settings.tunings[-1], self.has_own(domain)
        sizes = sorted({*settings.sizes_of(source), *(settings.sizes_of(domain) if own else ())})
        rows = [(f"tuned with {images}" if images else "raw", source, images) for images in settings.tunings]
        if own:
            rows.append((f"{domain}-trained, raw", domain, 0))
            rows += [(f"{domain}-trained, tuned with {most}", domain, most)] if most else []

        def cells(trained_on: str, images: int) -> Iterator[Any]:
            runs = [self.find(trained_on, size, domain, images) for size in sizes]
            scores = [None if run is None else self.results.scores(run, domain) for run in runs]
            yield from (each and each.spread(metric.name) for metric in self.metrics for each in scores)

        return Table(
            f"The {source}-trained network on {domain}, against the numbers of images for training (columns) and "
            f"tuning (rows){f'; below the network trained on {domain}' if own else ''}.",
            f"{source}-trained",
            tuple(metric_column(metric, f"{metric.title}, {size}") for metric in self.metrics for size in sizes),
            tuple((name, tuple(cells(trained_on, images))) for name, trained_on, images in rows),
            number,
        )

    def figures(self) -> Iterator[Figure]:
        """Yield Figures 2 to 6: networks of each domain, sizes, and methods, on one image of each test domain."""
        domains = list(enumerate(self.settings.test_on))
        count = len(domains)
        for place, domain in domains:
            shown: list[Contender] = [
                *self.methods_on(domain, zero_filled=True),
                *(run for each in self._raw_and_tuned(domain) for run in each),
            ]
            words = f"Networks of each domain on an image of {domain}."
            yield self.side_by_side(domain, shown, str(2 + place), words)
        for place, domain in domains:
            number = 2 + count + place
            words = f"The {self.settings.source}-trained network on {domain}, by images for training and tuning."
            yield self.side_by_side(domain, self._by_size(domain), f"{number}a", words)
            for which, metric in enumerate(self.metrics):
                yield self._curves(domain, metric, f"{number}{'bcdefgh'[which]}")
        for place, domain in domains:
            tuned = [self.network(name, None, domain, self.settings.tuned) for name in self.settings.train_on]
            shown = [*self.methods_on(domain, zero_filled=False), *tuned]
            words = f"Methods and tuned networks on an image of {domain}."
            yield self.side_by_side(domain, shown, f"{2 + 2 * count}{'abcdefgh'[place]}", words)

    def _by_size(self, domain: str) -> list[TrainingRun]:
        """Return the transferred network of the fewest and the most images, raw and tuned, and the domain's own."""
        settings = self.settings
        sizes = settings.sizes_of(settings.source)
        runs = [
            self.network(settings.source, size, domain, images)
            for size in sorted({sizes[0], sizes[-1]})
            for images in sorted({0, settings.tuned, settings.tunings[-1]})
        ]
        return [*runs, self.network(domain)] if self.has_own(domain) else runs

    def _curves(self, domain: str, metric: Metric, number: str) -> TuningChart:
        """Return a score against the number of images for tuning, a curve for each number of images for training."""
        settings = self.settings

        def mean(contender: Contender) -> float:
            return self.scores(contender, domain).spread(metric.name).mean

        curves = {
            f"{size} images": [mean(self.network(settings.source, size, domain, images)) for images in settings.tunings]
            for size in settings.sizes_of(settings.source)
        }
        lines = {method.title: mean(method) for method in self.methods_on(domain, zero_filled=False)}
        if self.has_own(domain):
            own = self.network(domain)
            lines[f"{domain}-trained, {own.columns['size']}"] = mean(own)
        caption = (
            f"{metric.title} of the {settings.source}-trained network on {domain} against the number of images for "
            "tuning, a curve for each number of images for training; dashed what it is compared with."
        )
        return TuningChart(number, caption, f"{metric.title} on {domain}", settings.tunings, curves, lines)

    def findings(self) -> list[Finding]:
        """Return the findings of the paper for each test domain."""
        return [finding for domain in self.settings.test_on for finding in self._findings_on(domain)]

    def _findings_on(self, domain: str) -> Iterator[Finding]:
        settings = self.settings
        source, tuned = settings.source, settings.tuned
        transferred = self.network(source, None, domain, tuned)
        if self.has_own(domain):
            equally_tuned = [("equally tuned", self.network(domain, None, domain, tuned))] if tuned else []
            for how, other in (*equally_tuned, ("raw", self.network(domain))):
                claim = (
                    f"The {_name(transferred)} is within {_TOLERANCE_DB} dB of the network trained on {domain} ({how})"
                )
                yield self._compared(domain, claim, transferred, other, lambda gain: gain >= -_TOLERANCE_DB)
        claim = f"The {_name(transferred)} is above compressed sensing on {domain} by {_LEAD_DB:g} dB or more"
        best = self.best_method(domain, self.psnr)
        if best is None:
            yield Finding(claim, None, f"{claim}: no such method was run.")
        else:
            claim += f" ({best.title} is the best)"
            yield self._compared(domain, claim, transferred, best, lambda gain: gain >= _LEAD_DB)
        for name in settings.train_on:
            if name != domain and domain in settings.train_on:
                other, home = self.network(name), self.network(domain)
                claim = f"On {domain}, the {_name(other)} without tuning is worse than the {_name(home)}"
                yield self._compared(domain, claim, other, home, lambda gain: gain < 0)
        if len(settings.sizes_of(source)) > 1 and settings.tunings[-1]:
            yield self._size_matters_less(domain)

    def _size_matters_less(self, domain: str) -> Finding:
        source, most = self.settings.source, self.settings.tunings[-1]
        sizes = self.settings.sizes_of(source)
        raw, tuned = (
            many.minus(few, "psnr").mean
            for few, many in (
                [self.scores(self.network(source, size, domain, images), domain) for size in (sizes[0], sizes[-1])]
                for images in (0, most)
            )
        )
        claim = f"On {domain}, {sizes[-1]} images for training rather than {sizes[0]} matter less after tuning"
        return Finding(
            claim, tuned < raw, f"{claim}: {raw:+.2f} dB without tuning, {tuned:+.2f} dB with {most} images."
        )

    def _compared(
        self,
        domain: str,
        claim: str,
        one: TrainingRun,
        other: Contender,
        holds: Callable[[float], bool],
    ) -> Finding:
        scores, others = self.scores(one, domain), self.scores(other, domain)
        means = " against ".join(f"{each.spread('psnr').mean:.2f}" for each in (scores, others))
        images, people = len(scores.names), len(set(scores.subjects))
        counts = f"{images} image{'s' * (images > 1)} of {people} subject{'s' * (people > 1)}"
        return compared(
            claim, scores, others, self.psnr, holds, f"{means} dB, image by image {{difference}} dB over {counts}"
        )


def _small_batches(settings: TrainingSettings, images: int) -> TrainingSettings:
    """Return settings whose batches hold no more than all images: of fewer images each is seen once a step."""
    return settings.model_copy(update={"batch_size": min(settings.batch_size, images)})


def _trained_on(run: TrainingRun) -> str:
    return f"{run.columns['trained_on']}-trained on {run.columns['size']}"


def _name(run: TrainingRun) -> str:
    tuned = f", tuned with {run.columns['tuning']}" if run.columns["tuning"] else ""
    return f"{run.columns['trained_on']}-trained network ({run.columns['size']} images{tuned})"
