"""The study of Dar et al. (2018, arXiv:1710.02615): networks of one kind of images, tuned to another by a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.studies.claims import Claim
from fourfold.studies.contenders import Contender, TrainingRun
from fourfold.studies.image_groups import refuse_shared_subjects
from fourfold.studies.network_study import NetworkStudy
from fourfold.studies.page_parts import Figure, Finding, LineChart, Table, metric_column
from fourfold.studies.scores import Spread
from fourfold.studies.settings import GroupStudySettings
from fourfold.training.presets import merged, with_preset
from fourfold.training.settings import TrainingSettings

__all__ = ["TransferSettings", "TransferStudy"]

_USUAL_TUNING = 20
_TOLERANCE_DB = 0.5
"""A transferred network is as good as the group's network if its PSNR is lower by no more than this."""
_LEAD_DB = 2.0
"""Claimed gain of a transferred network over compressed sensing."""
_NUMBERS = "{one} against {other} dB, image by image {difference} dB over {images} of {subjects}"


class TransferSettings(GroupStudySettings):
    """All settings of the study."""

    train_on: tuple[str, ...] = Field(min_length=1)
    """Image groups that networks are trained on, each on one."""
    transferred: str = ""
    """Training group whose networks are tuned in all sizes; the first of `train_on` unless given."""
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
        if self.transferred and self.transferred not in self.train_on:
            raise InputError(
                f"The image group '{self.transferred}' is to be transferred but is not in 'train_on'; name it."
            )
        if self.shown_tuning and self.shown_tuning not in self.tuning_sizes:
            raise InputError(f"The tables are to show {self.shown_tuning} images of tuning; add it to 'tuning_sizes'.")
        if "psnr" not in self.metrics:
            raise InputError("The findings are about PSNR; add 'psnr' to 'metrics'.")
        fixed = {"data", "network", "name", "seed", "keep"} & set(self.tuning)
        if fixed:
            raise InputError(f"The tuning gives '{min(fixed)}', which is that of the training; leave it out.")
        return self

    @property
    def source(self) -> str:
        """The training group that is transferred."""
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

    def sizes_of(self, group: str) -> tuple[int, ...]:
        """Return the numbers of images that networks of a group are trained on, ascending."""
        return tuple(sorted(set(self.image_groups[group].sizes or self.sizes)))

    def shows(self, trained_on: str, size: int, tuned_on: str, images: int) -> bool:
        """Return whether a table or figure shows a tuned network."""
        if trained_on == self.source:
            return True
        if trained_on == tuned_on and images == self.tunings[-1]:
            return True
        return images == self.tuned and size == self.sizes_of(trained_on)[-1]


class TransferStudy(NetworkStudy):
    """Train networks on one image group, tune them to another with few images, and compare with classical methods.

    The study of Dar et al. (2018) on your data: the grid of training group, number of images for training and for
    tuning.
    """

    settings_type = TransferSettings
    settings: TransferSettings
    paper = "Dar, Özbey, Çatlı and Çukur, arXiv:1710.02615"

    def __init__(self, settings: TransferSettings) -> None:
        self.title = "Transfer learning: " + ", ".join(f"{settings.source} to {name}" for name in settings.test_on)
        super().__init__(settings, with_preset(settings.training), settings.image_groups, settings.test_on)
        self.psnr = next(metric for metric in self.metrics if metric.name == "psnr")
        tested = [self.groups[name] for name in settings.test_on]
        refuse_shared_subjects([*(self.groups[name] for name in settings.train_on), *tested], tested)
        raw = [self._raw(group, size) for group in settings.train_on for size in settings.sizes_of(group)]
        tuned = [
            self._tuned(run, group, images)
            for run in raw
            for group in settings.test_on
            for images in settings.tunings[1:]
            if settings.grid == "all" or settings.shows(run.columns["trained_on"], run.columns["size"], group, images)
        ]
        self.runs = (*raw, *tuned)

    def _raw(self, group: str, size: int) -> TrainingRun:
        name = f"{group}-{size}"
        return TrainingRun(
            name,
            f"{group} {size}, raw",
            self.settings.test_on,
            {"trained_on": group, "size": size, "tuned_on": None, "tuning": 0},
            _small_batches(self.training(name, group, size), size),
        )

    def _tuned(self, run: TrainingRun, group: str, images: int) -> TrainingRun:
        name = f"{run.name}-{group}-{images}"
        stages = self.common_training.get("stages")
        last_stage = {"stages": stages[-1:]} if stages else {}
        given = merged({**self.common_training, **last_stage}, self.settings.tuning)
        return TrainingRun(
            name,
            f"{run.columns['trained_on']} {run.columns['size']}, tuned {images}",
            (group,),
            {**run.columns, "tuned_on": group, "tuning": images},
            _small_batches(self.training(name, group, images, given, tuning=True), images),
            start=run,
        )

    def network(self, trained_on: str, size: int | None = None, tuned_on: str = "", images: int = 0) -> TrainingRun:
        """Return a network of so many images for training (most unless given) and tuning, which must exist."""
        (run,) = self._found(trained_on, size or self.settings.sizes_of(trained_on)[-1], tuned_on, images)
        return run

    def _found(self, trained_on: str, size: int, tuned_on: str, images: int) -> list[TrainingRun]:
        tuned = tuned_on if images else None
        return self.runs_with(trained_on=trained_on, size=size, tuned_on=tuned, tuning=images)

    def has_trained(self, group: str) -> bool:
        """Return whether there are networks of a test group itself to compare the transferred ones with."""
        return group in self.settings.train_on and group != self.settings.source

    @property
    def shown_metric(self) -> Metric:
        """PSNR."""
        return self.psnr

    def example_run(self, test_set: str) -> TrainingRun:
        """Return the transferred network, tuned as the tables show it."""
        return self.network(self.settings.source, None, test_set, self.settings.tuned)

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

    def analysed_contenders(self, test_set: str) -> list[Contender]:
        """Return the networks of most images, raw and tuned, and the methods: of all sizes there are too many pairs."""
        return [*(run for each in self._raw_and_tuned(test_set) for run in each), *self.methods]

    def tables(self) -> list[Table]:
        """Return for each test group all networks (Tables 1 and 2) and all sizes (Tables 3 and 4)."""
        groups = self.settings.test_on
        return [*map(self._networks, groups), *map(self._sizes, groups)]

    def _networks(self, group: str) -> Table:
        """Return the networks of each group, raw and tuned, beside the methods."""
        raw, tuned = self._raw_and_tuned(group)
        named: list[tuple[str, Contender]] = [
            *((f"{_trained_on(run)}, raw", run) for run in raw),
            *((f"{_trained_on(run)}, tuned with {run.columns['tuning']}", run) for run in tuned),
            *((method.title, method) for method in self.methods_on(group)),
        ]
        return Table(
            f"Networks and methods on {len(self.test_sets[group])} images of {group}: mean ± standard deviation.",
            "Reconstruction",
            list(map(metric_column, self.metrics)),
            [(name, self.spreads(each, group)) for name, each in named],
        )

    def _raw_and_tuned(self, group: str) -> tuple[list[TrainingRun], list[TrainingRun]]:
        """Return the networks of most images for training of each group: raw, and tuned to a group."""
        settings = self.settings
        raw = [self.network(name) for name in settings.train_on]
        tuned = [self.network(name, None, group, settings.tuned) for name in settings.train_on]
        return raw, tuned if settings.tuned else []

    def _sizes(self, group: str) -> Table:
        """Return sizes of training and tuning, the networks of the group itself below."""
        settings = self.settings
        source, most, in_domain = settings.source, settings.tunings[-1], self.has_trained(group)
        sizes = sorted({*settings.sizes_of(source), *(settings.sizes_of(group) if in_domain else ())})
        rows = [(f"tuned with {images}" if images else "raw", source, images) for images in settings.tunings]
        if in_domain:
            rows.append((f"{group}-trained, raw", group, 0))
            rows += [(f"{group}-trained, tuned with {most}", group, most)] if most else []

        def cell(trained_on: str, images: int, metric: Metric, size: int) -> Spread | None:
            runs = self._found(trained_on, size, group, images)
            return self.scores(runs[0], group).spread(metric) if runs else None

        columns = [(metric, size) for metric in self.metrics for size in sizes]
        return Table(
            f"The {source}-trained network on {group}, against the numbers of images for training (columns) and "
            f"tuning (rows){f'; below the network trained on {group}' if in_domain else ''}.",
            f"{source}-trained",
            [metric_column(metric, f"{metric.title}, {size}") for metric, size in columns],
            [(name, [cell(trained_on, images, *each) for each in columns]) for name, trained_on, images in rows],
        )

    def figures(self) -> Iterator[Figure]:
        """Yield Figures 2 to 6: networks of each group, sizes, and methods, on one image of each test group."""
        groups = list(enumerate(self.settings.test_on))
        count = len(groups)
        for index, group in groups:
            shown: list[Contender] = [
                *self.methods_on(group, zero_filled=True),
                *(run for each in self._raw_and_tuned(group) for run in each),
            ]
            caption = f"Networks of each group on an image of {group}."
            yield self.example(group, shown, str(2 + index), caption)
        for index, group in groups:
            number = 2 + count + index
            caption = f"The {self.settings.source}-trained network on {group}, by images for training and tuning."
            yield self.example(group, self._by_size(group), f"{number}a", caption)
            for which, metric in enumerate(self.metrics):
                yield self._curves(group, metric, f"{number}{'bcdefgh'[which]}")
        for index, group in groups:
            tuned = [self.network(name, None, group, self.settings.tuned) for name in self.settings.train_on]
            shown = [*self.methods_on(group, zero_filled=False), *tuned]
            caption = f"Methods and tuned networks on an image of {group}."
            yield self.example(group, shown, f"{2 + 2 * count}{'abcdefgh'[index]}", caption)

    def _by_size(self, group: str) -> list[TrainingRun]:
        """Return the transferred networks of the fewest and the most images, raw and tuned, and that of the group."""
        settings = self.settings
        sizes = settings.sizes_of(settings.source)
        runs = [
            self.network(settings.source, size, group, images)
            for size in sorted({sizes[0], sizes[-1]})
            for images in sorted({0, settings.tuned, settings.tunings[-1]})
        ]
        return [*runs, self.network(group)] if self.has_trained(group) else runs

    def _curves(self, group: str, metric: Metric, number: str) -> LineChart:
        """Return a score against the number of images for tuning, a curve for each number of images for training."""
        settings = self.settings

        def mean(contender: Contender) -> float:
            return self.scores(contender, group).spread(metric).mean

        curves = {
            f"{size} images": [mean(self.network(settings.source, size, group, images)) for images in settings.tunings]
            for size in settings.sizes_of(settings.source)
        }
        lines = {method.title: mean(method) for method in self.methods_on(group, zero_filled=False)}
        if self.has_trained(group):
            in_domain = self.network(group)
            lines[f"{group}-trained, {in_domain.columns['size']}"] = mean(in_domain)
        caption = (
            f"{metric.title} of the {settings.source}-trained network on {group} against the number of images for "
            "tuning, a curve for each number of images for training; dashed what it is compared with."
        )
        title, axis = f"{metric.title} on {group}", "images for tuning"
        return LineChart(number, caption, title, axis, settings.tunings, curves, lines)

    def claims(self) -> Iterator[Claim | Finding]:
        """Yield the claims of the paper for each test group."""
        for group in self.settings.test_on:
            yield from self._claims_on(group)

    def _claims_on(self, group: str) -> Iterator[Claim | Finding]:
        settings, transferred = self.settings, self.example_run(group)
        claim = partial(Claim, test_set=group, metric=self.psnr, numbers=_NUMBERS)
        if self.has_trained(group):
            equally_tuned = [("equally tuned", self.network(group, None, group, settings.tuned))]
            for how, other in (*(equally_tuned if settings.tuned else ()), ("raw", self.network(group))):
                text = f"is within {_TOLERANCE_DB} dB of the network trained on {group} ({how})"
                yield claim(f"The {_name(transferred)} {text}", transferred, other, margin=-_TOLERANCE_DB)
        best = self.best_method(group, self.psnr)
        text = f"The {_name(transferred)} is above compressed sensing on {group} by {_LEAD_DB:g} dB or more"
        text += "" if best is None else f" ({best.title} is the best)"
        yield claim(text, transferred, best, margin=_LEAD_DB)
        for name in settings.train_on if group in settings.train_on else ():
            if name != group:
                other, in_domain = self.network(name), self.network(group)
                text = f"On {group}, the {_name(other)} without tuning is worse than the {_name(in_domain)}"
                yield claim(text, other, in_domain, worse=True)
        if len(settings.sizes_of(settings.source)) > 1 and settings.tunings[-1]:
            yield self._size_matters_less(group)

    def _size_matters_less(self, group: str) -> Finding:
        source, most = self.settings.source, self.settings.tunings[-1]
        few, *_, many = self.settings.sizes_of(source)
        raw, tuned = (
            self.difference(
                self.network(source, many, group, images), self.network(source, few, group, images), group, self.psnr
            ).mean
            for images in (0, most)
        )
        claim = f"On {group}, {many} images for training rather than {few} matter less after tuning"
        return Finding(
            claim, tuned < raw, f"{claim}: {raw:+.2f} dB without tuning, {tuned:+.2f} dB with {most} images."
        )


def _small_batches(settings: TrainingSettings, images: int) -> TrainingSettings:
    """Return settings whose batches hold no more than all images; then each step uses every image once."""
    return settings.model_copy(update={"batch_size": min(settings.batch_size, images)})


def _trained_on(run: TrainingRun) -> str:
    return f"{run.columns['trained_on']}-trained on {run.columns['size']}"


def _name(run: TrainingRun) -> str:
    tuned = f", tuned with {run.columns['tuning']}" if run.columns["tuning"] else ""
    return f"{run.columns['trained_on']}-trained network ({run.columns['size']} images{tuned})"
