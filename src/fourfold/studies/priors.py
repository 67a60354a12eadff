"""Priors of all kinds on the user's scans, after Jalal et al. (2021, NeurIPS 34): accuracy, coverage, seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from string import ascii_lowercase
from typing import Annotated, Any, Literal, NamedTuple, cast

import torch
from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fourfold.errors import InputError
from fourfold.methods.method import Method
from fourfold.metrics import Metric, find_metric
from fourfold.metrics.object_psnr import OBJECT_PSNR
from fourfold.metrics.object_ssim import OBJECT_SSIM
from fourfold.sampling import SamplingOptions, make_sampling
from fourfold.studies.contenders import Contender, distinct_names
from fourfold.studies.coverage import COVERAGE, CoverageScanSet
from fourfold.studies.page_parts import Column, Figure, Finding, LineChart, SideBySide, Table, metric_column
from fourfold.studies.reference import REFERENCES, Reference
from fourfold.studies.scan_set import Case, Design, frames_of_group, simulation_note, unsuitable_metrics
from fourfold.studies.scores import Spread
from fourfold.studies.settings import FileSettings, Methods, Named
from fourfold.studies.study import Fact, SettingsStudy
from fourfold.training.base import Settings, by_kind

__all__ = ["MaskSettings", "PriorsSettings", "PriorsStudy"]

_METRICS = (*map(find_metric, ("psnr", "fastmri-ssim", "vif")), OBJECT_PSNR, OBJECT_SSIM)
# Centre of random lines times the acceleration, as fastMRI has it: 0.08 at 4× and 0.04 at 8×.
_CENTRE = 0.32
_CENTRED = ("random", "equispaced", "gaussian")
# Coverage of 90 % intervals that counts as right.
_RIGHT = (0.80, 0.95)


class MaskSettings(Settings):
    """A sampling pattern; what is not given is left at the pattern's default."""

    kind: Literal["random", "equispaced", "gaussian", "regular", "poisson-disc", "regular-2d"]
    """Name of the pattern; a name alone stands for it."""
    centre: NonNegativeFloat | None = None
    """Fully sampled centre as a fraction of the lines; for random lines 0.32 / acceleration unless given."""
    lines: NonNegativeInt | None = None
    """Number of calibration lines."""
    box: tuple[NonNegativeInt, NonNegativeInt] | None = None
    """Calibration box (ny, nx)."""
    power: NonNegativeFloat | None = None
    """How the distance between samples grows from the centre."""

    def options(self, acceleration: float) -> SamplingOptions:
        """Return the options of `fourfold.sampling.make_sampling`."""
        given = self.model_dump(exclude={"kind"}, exclude_none=True)
        if self.kind in _CENTRED and not {"centre", "lines"} & set(given):
            given["centre"] = _CENTRE / acceleration
        return cast("SamplingOptions", given)


class PriorsSettings(FileSettings):
    """All settings of the study."""

    groups: dict[Named, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(min_length=1)
    """Fully sampled files by group, such as an anatomy; the name of a file may hold ``*``."""
    frame: NonNegativeInt | None = None
    """Frame of each file; the middle one unless given."""
    crop: tuple[PositiveInt, PositiveInt] | None = None
    """Score and show the central rows and columns alone."""
    reference: Reference = "rss"
    """How the reference is made: rss or matched."""
    masks: Annotated[
        tuple[Annotated[MaskSettings, BeforeValidator(by_kind)], ...], Field(min_length=1, validate_default=True)
    ] = ("random", "regular", "poisson-disc")  # type: ignore[assignment]
    """Sampling patterns, each of another kind."""
    accelerations: tuple[PositiveFloat, ...] = Field(default=(2, 4, 6, 8, 12), min_length=1)
    """Accelerations; nominal ones of regular lines."""
    seed: NonNegativeInt = 0
    """Random seed of the patterns."""
    methods: Methods = Field(
        default=("zero-filled", "tv", "pnp", "varnet", {"kind": "diffusion", "point": True}, "diffusion"),
        validate_default=True,
        min_length=1,
    )
    """Methods, by name or as ``kind`` and settings."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto: on a GPU if there is one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        kinds = [mask.kind for mask in self.masks]
        for what, values in (("mask", kinds), ("acceleration", self.accelerations), ("method", self.methods)):
            if len(set(values)) < len(values):
                raise InputError(f"A {what} of the study is listed twice; list each once.")


class _Condition(NamedTuple):
    """What the scans of a test set have in common."""

    group: str
    mask: str
    acceleration: float

    @property
    def name(self) -> str:
        return f"{self.group}, {self.mask} {self.acceleration:g}×"


class PriorsStudy(SettingsStudy):
    """Compare methods of all families on your scans by acceleration and sampling pattern, with the coverage of std.

    Scans are named in groups, such as heads and knees, so that a prior is seen on an anatomy that it was not trained
    on. Findings tell from which acceleration a generative method is above a trained network, whether their order is
    another on another group, and whether 90 % intervals hold what they promise.
    """

    settings_type = PriorsSettings
    paper = "Jalal et al., NeurIPS 34 (2021)"
    metrics = _METRICS
    whole_test_sets = True
    test_sets: Mapping[str, CoverageScanSet]

    def __init__(self, settings: PriorsSettings) -> None:
        self.settings, self.methods = settings, settings.methods
        on_gpu = settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())
        self.device = "cuda" if on_gpu else "cpu"
        self.title = f"Priors: {', '.join(settings.groups)}"
        self.names = distinct_names(self.methods, lambda method: method.name)
        self.accelerations = sorted(settings.accelerations)
        self.reference_name = settings.reference
        self.introduction = (
            f"Against the {REFERENCES[settings.reference]}: mean ± standard deviation over the scans. Coverage is the "
            "share of the object's pixels where the reference lies within image ± 1.645 std; 0.90 is right for "
            "normally distributed errors. Seconds are those of one scan."
        )
        cases = {group: list(frames_of_group(group, names, settings.frame)) for group, names in settings.groups.items()}
        conditions = product(settings.groups, settings.masks, self.accelerations)
        self.conditions: dict[str, _Condition] = {}
        self.test_sets = {}
        for group, mask, acceleration in conditions:
            condition = _Condition(group, mask.kind, acceleration)
            self.conditions[condition.name] = condition
            self.test_sets[condition.name] = self._test_set(condition.name, cases[group], mask, acceleration)

    def _test_set(self, name: str, cases: Sequence[Case], mask: MaskSettings, acceleration: float) -> CoverageScanSet:
        given = self.settings
        design = Design(mask.kind, acceleration, given.seed, mask.options(acceleration), given.reference, given.crop)
        images = CoverageScanSet(name, cases, design, _METRICS, self.device)
        # What cannot be sampled is refused before hours of computing.
        for shape in {case.load().shape for case in cases}:
            make_sampling(mask.kind, shape, acceleration, seed=given.seed, **design.options)
        return images

    @property
    def analysed_metrics(self) -> list[Metric]:
        """PSNR in the object."""
        return [OBJECT_PSNR]

    def contender_names(self) -> dict[Contender, str]:
        """Return the methods' names, with the settings where a method is listed twice."""
        return self.names

    @property
    def simulation_note(self) -> str:  # type: ignore[override]
        """What the page says of simulated k-space."""
        return simulation_note(self.test_sets.values())

    # The page's parts

    def facts(self) -> list[Fact]:
        """Return what was studied."""
        samplings = [each for images in self.test_sets.values() for each in images.sampling.values()]
        first = {each.group: len(self.test_sets[name]) for name, each in self.conditions.items()}
        return [
            ("Scans", ", ".join(f"{group}: {count}" for group, count in first.items())),
            ("Sampling", samplings),
            ("Methods", ", ".join(self.names.values())),
        ]

    def notes(self) -> list[str]:
        """Return which scores do not suit which scans, and why."""
        unsuitable = unsuitable_metrics(self.test_sets.values())
        return list(dict.fromkeys(f"Not scored: {label}: {sentence}" for label, sentence in unsuitable))

    def failures(self) -> list[tuple[str, str]]:
        """Return which methods do not suit which scans, and why."""
        return [(f"{self.names[each.method]} on {each.test_set}", each.sentence) for each in self.results.failures]

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return names and settings of the methods."""
        return [(self.names[method], method.model_dump(mode="json")) for method in self.methods]

    def tables(self) -> list[Table]:
        """Return PSNR in the object against acceleration, and all scores of each group."""
        return [*self._by_acceleration(), *map(self._all_scores, self.settings.groups)]

    def printed(self) -> list[Table]:
        """Return PSNR in the object against acceleration."""
        return self.numbered_tables()[: len(self.settings.groups) * len(self.settings.masks)]

    def _by_acceleration(self) -> Iterator[Table]:
        for group, mask in self._panels():
            columns = [metric_column(OBJECT_PSNR, f"{each:g}×") for each in self.accelerations]
            rows = [
                (
                    self.names[method],
                    [
                        self.scores(method, _Condition(group, mask, each).name).spread(OBJECT_PSNR)
                        for each in self.accelerations
                    ],
                )
                for method in self.methods
            ]
            yield Table(f"{OBJECT_PSNR.title} on {group} with {mask} sampling.", "Method", columns, rows)

    def _panels(self) -> Iterator[tuple[str, str]]:
        """Yield each group with each pattern."""
        return product(self.settings.groups, (mask.kind for mask in self.settings.masks))

    def _all_scores(self, group: str) -> Table:
        columns = [*map(metric_column, _METRICS), Column("Coverage", ".3f"), Column("Seconds", ".1f")]
        rows = []
        for method in self.methods:
            evaluations = [self.scores(method, name) for name in self._names(group)]
            spreads = [Spread.of(v for each in evaluations for v in each.values(metric)) for metric in _METRICS]
            others = [
                Spread.of(each[what] for scores in evaluations for each in scores.evaluations.values())
                for what in (COVERAGE, "seconds")
            ]
            rows.append((self.names[method], [*spreads, *others]))
        return Table(f"All scores on {group}, over all patterns and accelerations.", "Method", columns, rows)

    def _names(self, group: str, mask: str | None = None) -> list[str]:
        """Return the names of the test sets of a group, with one pattern or all."""
        return [name for name, each in self.conditions.items() if each.group == group and mask in (None, each.mask)]

    # Findings

    def claims(self) -> Iterator[Finding]:
        """Yield where generative methods are above trained networks, and whether intervals hold what they promise."""
        generative = [each for each in self.methods if each.family == "generative"]
        trained = [each for each in self.methods if each.family == "trained"]
        for one, other in product(generative, trained):
            yield from (self._crossing(one, other, *panel) for panel in self._panels())
            yield from (self._reversal(one, other, *groups) for groups in combinations(self.settings.groups, 2))
        for method, group in product(self.methods, self.settings.groups):
            finding = self._coverage(method, group)
            if finding is not None:
                yield finding

    def _gains(self, one: Method, other: Method, names: Sequence[str]) -> dict[str, float]:
        """Return the mean differences in PSNR in the object, image by image, on the test sets that both suit."""
        return {
            name: self.difference(one, other, name, OBJECT_PSNR).mean
            for name in names
            if self.scores(one, name) and self.scores(other, name)
        }

    def _crossing(self, one: Method, other: Method, group: str, mask: str) -> Finding:
        """Return from which acceleration on one method is above another."""
        pair = f"{self.names[one]} is above {self.names[other]}"
        claim = f"On {group} with {mask} sampling, {pair} from some acceleration on"
        gains = {
            self.conditions[name].acceleration: gain
            for name, gain in self._gains(one, other, self._names(group, mask)).items()
        }
        if not gains:
            return Finding(claim, None, f"{claim}: no scan suits both.")
        first = None
        for acceleration in reversed(gains):
            if gains[acceleration] <= 0:
                break
            first = acceleration
        where = "not at the highest" if first is None else f"from {first:g}× on"
        numbers = ", ".join(f"{each:g}× {gain:+.2f} dB" for each, gain in gains.items())
        return Finding(claim, first is not None, f"{claim}: {where} ({numbers} in the object, image by image).")

    def _reversal(self, one: Method, other: Method, group: str, second: str) -> Finding:
        """Return whether the order of two methods is another on another group."""
        claim = f"The order of {self.names[one]} and {self.names[other]} on {group} is reversed on {second}"
        gains = {each: list(self._gains(one, other, self._names(each)).values()) for each in (group, second)}
        if not all(gains.values()):
            return Finding(claim, None, f"{claim}: no scan of a group suits both.")
        means = {each: sum(values) / len(values) for each, values in gains.items()}
        numbers = ", ".join(f"{mean:+.2f} dB on {each}" for each, mean in means.items())
        reversed_ = means[group] * means[second] < 0
        return Finding(claim, reversed_, f"{claim}: {numbers} in the object, over all patterns and accelerations.")

    def _coverage(self, method: Method, group: str) -> Finding | None:
        """Return whether 90 % intervals cover about 90 %; None for a method without a standard deviation."""
        means = {name: mean for name in self._names(group) if not math.isnan(mean := self._mean_coverage(method, name))}
        if not means:
            return None
        low, high = _RIGHT
        share = f"{low:.2f} to {high:.2f} of the object's pixels"
        claim = f"On {group}, the 90 % intervals of {self.names[method]} cover {share}"
        least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        holds = all(low <= mean <= high for mean in means.values())
        numbers = (
            f"mean {sum(means.values()) / len(means):.2f}, from {means[least]:.2f} ({least}) to {means[most]:.2f} "
            f"({most})"
        )
        return Finding(claim, holds, f"{claim}: {numbers}.")

    def _mean_coverage(self, method: Method, name: str) -> float:
        return Spread.of(each[COVERAGE] for each in self.scores(method, name).evaluations.values()).mean

    # Figures

    def figures(self) -> Iterator[Figure]:
        """Yield PSNR and coverage against acceleration, and images of each group."""
        for letter, (group, mask) in _lettered(self._panels()):
            yield self._psnr_chart(group, mask, f"1{letter}")
        for letter, group in _lettered(self.settings.groups):
            chart = self._coverage_chart(group, f"2{letter}")
            if chart.curves:
                yield chart
        for letter, group in _lettered(self.settings.groups):
            if (example := self._example(group, f"3{letter}")) is not None:
                yield example

    def _psnr_chart(self, group: str, mask: str, number: str) -> LineChart:
        names = [_Condition(group, mask, each).name for each in self.accelerations]
        curves = {
            self.names[method]: [self.scores(method, name).spread(OBJECT_PSNR).mean for name in names]
            for method in self.methods
        }
        caption = f"{OBJECT_PSNR.title} on {group} against the acceleration, {mask} sampling: mean over the scans."
        title = f"{OBJECT_PSNR.title}: {group}, {mask}"
        return LineChart(number, caption, title, "acceleration", self.accelerations, _drawn(curves), {})

    def _coverage_chart(self, group: str, number: str) -> LineChart:
        curves = {}
        for method, mask in product(self.methods, self.settings.masks):
            names = [_Condition(group, mask.kind, each).name for each in self.accelerations]
            curves[f"{self.names[method]}, {mask.kind}"] = [self._mean_coverage(method, name) for name in names]
        caption = (
            f"Coverage of 90 % intervals on {group} against the acceleration; dashed the range that counts as right."
        )
        title = f"Coverage of 90 % intervals: {group}"
        lines = {f"{each:.2f}": each for each in _RIGHT}
        return LineChart(number, caption, title, "acceleration", self.accelerations, _drawn(curves), lines)

    def _example(self, group: str, number: str) -> SideBySide | None:
        """Return the image with the median score of the last method, at the middle acceleration."""
        middle = self.accelerations[len(self.accelerations) // 2]
        name = _Condition(group, self.settings.masks[0].kind, middle).name
        shown = self.methods_on(name)
        if not shown:
            return None
        image = self.scores(shown[-1], name).median_image(OBJECT_PSNR)
        label = self.test_sets[name].image_name(image[1])
        caption = f"Image, magnified detail and error on {name}: {label}."
        return self.side_by_side(image, self.pictures(image, shown), number, caption, foot=(f"Shown: {label}.",))

    # Files

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each scan, pattern, acceleration and method."""
        for (name, condition), method in product(self.conditions.items(), self.methods):
            images = self.test_sets[name]
            for (_, index), evaluation in self.scores(method, name).evaluations.items():
                yield {
                    **condition._asdict(),
                    "realised_acceleration": images.sampling[index]["acceleration"],
                    "scan": images.image_name(index),
                    "method": self.names[method],
                    **evaluation["image"],
                    COVERAGE: None if math.isnan(evaluation[COVERAGE]) else evaluation[COVERAGE],
                    "seconds": evaluation["seconds"],
                }


def _drawn(curves: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return the curves that have a point."""
    return {name: values for name, values in curves.items() if not all(map(math.isnan, values))}


def _lettered(items: Any) -> Iterator[tuple[str, Any]]:
    return zip(ascii_lowercase, items, strict=False)
