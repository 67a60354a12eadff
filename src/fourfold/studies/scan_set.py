"""Test sets of fully sampled scans, all undersampled in the same way."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from fourfold.errors import InputError
from fourfold.metrics import Metric
from fourfold.result_cache import fingerprint
from fourfold.sampling import SamplingOptions, undersample
from fourfold.scan import Scan
from fourfold.studies.ensemble import EnsembleScores
from fourfold.studies.reference import Reference, reference_image
from fourfold.studies.test_set import Evaluation, TestImage, TestSet

__all__ = ["Case", "CaseIndex", "Design", "Kind", "ScanSet", "ensemble_of", "score_of", "scored_images"]

Kind: TypeAlias = Literal["image", "before_data_consistency", "gain", "best member", "mean member"]
"""Scores of the method's image; of the image before data consistency; their difference; the best score of a single
member; the mean score of the members."""

CaseIndex: TypeAlias = tuple[str, int]
"""Name of a data set and number of a case in it."""


@dataclass(frozen=True)
class Case:
    """One fully sampled frame of the user's data.

    Attributes
    ----------
    dataset
        Name of the data set that it belongs to.
    name
        File and frame.
    load
        Reads the scan, which has one frame.
    """

    dataset: str
    name: str
    load: Callable[[], Scan]

    @property
    def label(self) -> str:
        """Data set, file and frame."""
        return f"{self.dataset}: {self.name}"


@dataclass(frozen=True)
class Design:
    """How scans are undersampled and scored.

    Attributes
    ----------
    pattern, acceleration, seed, options
        As `fourfold.sampling.undersample` takes them; the same for every scan.
    reference
        How the references are computed.
    crop
        Size (ny, nx) to which images are cut about their centre before they are scored and shown; None leaves them.
    """

    pattern: str = "random"
    acceleration: float = 4.0
    seed: int = 0
    options: SamplingOptions = field(default_factory=SamplingOptions)
    reference: Reference = "rss"
    crop: tuple[int, int] | None = None

    def load(self, case: Case) -> Scan:
        """Return the fully sampled scan of a case, its images cut; InputError where it does not suit."""
        scan = case.load()
        if scan.trajectory is not None:
            raise InputError(
                f"'{case.name}' is non-Cartesian ({scan.trajectory.kind}); this study needs Cartesian data."
            )
        if not scan.fully_sampled:
            raise InputError(
                f"'{case.name}' is undersampled already ({scan.acceleration:.2f}×), and a study scores against fully "
                f"sampled data: leave it out, or reconstruct it with: fourfold recon {scan.source.path or 'FILE'}"
            )
        if self.crop is None:
            return scan
        size = scan.geometry.image_size or scan.shape
        if any(not 1 <= part <= whole for part, whole in zip(self.crop, size, strict=True)):
            raise InputError(
                f"The images of '{scan.source.path or scan.source.label}' are {size[0]}×{size[1]} and cannot be cut to "
                f"{self.crop[0]}×{self.crop[1]}: give a smaller crop."
            )
        return scan.replace(geometry=dataclasses.replace(scan.geometry, image_size=self.crop))

    def undersample(self, scan: Scan) -> Scan:
        """Return the scan as the methods see it."""
        return undersample(scan, self.pattern, self.acceleration, seed=self.seed, **self.options)


class ScanSet(TestSet):
    """The cases of one data set; the other parameters are a test set's.

    Parameters
    ----------
    cases
        Its frames; refused where one does not suit the design.
    design
        How they are undersampled and scored.
    device
        Where to compute.

    Attributes
    ----------
    simulated
        Whether the k-space of any case that was read was computed from an image.
    sampling
        Summary of the sampling of each case that was read.
    """

    def __init__(
        self, name: str, cases: Sequence[Case], design: Design, metrics: Sequence[Metric], device: str
    ) -> None:
        super().__init__(name, metrics)
        self.cases, self.design, self.device = cases, design, device
        self.simulated = False
        self.sampling: dict[int, dict[str, Any]] = {}
        for case in cases:
            design.load(case)

    def __len__(self) -> int:
        return len(self.cases)

    def image_name(self, index: int) -> str:
        """Return file and frame."""
        return self.cases[index].name

    def subject(self, index: int) -> str:
        """Return file and frame: whom they show is not known."""
        return self.cases[index].name

    def cache_name(self, index: int) -> str:
        """Return data set, file and frame."""
        return self.cases[index].label

    def read(self, index: int) -> TestImage:
        """Read a case, undersample it, and note which metrics do not suit it."""
        full = self.design.load(self.cases[index]).to(self.device)
        reference = reference_image(full, self.design.reference)
        scan = self.design.undersample(full)
        refusals = {metric.name: metric.refusal(reference) for metric in self.metrics}
        self.unsuitable[index] = {name: refusal for name, refusal in refusals.items() if refusal is not None}
        self.sampling[index] = scan.sampling_summary()
        self.simulated |= full.source.simulated
        inputs = {
            "sampling": self.sampling[index],
            "reference": self.design.reference,
            "crop": self.design.crop,
            "data": fingerprint(full),
        }
        return TestImage(scan, reference, inputs)


def ensemble_of(evaluation: Evaluation) -> EnsembleScores | None:
    """Return the scores of the members, or None for a single one."""
    scores = evaluation["ensemble"]
    return None if scores is None else EnsembleScores(**scores)


def score_of(evaluation: Evaluation, metric: Metric, kind: Kind = "image") -> float:
    """Return a score, NaN where there is none."""
    image = float(evaluation["image"].get(metric.name, math.nan))
    before = float(evaluation["before_data_consistency"].get(metric.name, math.nan))
    if kind in ("image", "before_data_consistency", "gain"):
        return {"image": image, "before_data_consistency": before, "gain": image - before}[kind]
    ensemble = ensemble_of(evaluation)
    if ensemble is None or metric.name not in ensemble.single:
        return math.nan
    single = ensemble.single[metric.name]
    return single[ensemble.best(metric)] if kind == "best member" else statistics.mean(single)


def scored_images(evaluation: Evaluation) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield the name and the scores of every image of one reconstruction."""
    yield "image", evaluation["image"]
    if evaluation["before_data_consistency"]:
        yield "without data consistency", evaluation["before_data_consistency"]
    for name, what in (("mean of first", "averaged"), ("member", "single")):
        scores = (evaluation["ensemble"] or {}).get(what, {})
        for number in range(len(next(iter(scores.values()), ()))):
            yield f"{name} {number + 1}", {name: values[number] for name, values in scores.items()}
