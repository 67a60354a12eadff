"""Test sets of fully sampled scans, all undersampled in the same way."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor

from fourfold.errors import InputError
from fourfold.methods.method import Method
from fourfold.metrics import Metric
from fourfold.result_cache import CacheKey, fingerprint
from fourfold.sampling import SamplingOptions, undersample
from fourfold.scan import Reconstruction, Scan
from fourfold.studies.ensemble import EnsembleScores, ensemble_scores
from fourfold.studies.reference import Reference, reference_image
from fourfold.studies.test_set import Evaluation, TestSet

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


@dataclass(frozen=True)
class _Prepared:
    """A case that is read."""

    full: Scan
    scan: Scan
    reference: Tensor
    hash: str


class ScanSet(TestSet):
    """The cases of one data set.

    Parameters
    ----------
    name
        Of the data set.
    cases
        Its frames; refused where one does not suit the design.
    design
        How they are undersampled and scored.
    metrics
        The scores; those that do not suit a case are left out for it.
    device
        Where to compute.

    Attributes
    ----------
    simulated
        Whether the k-space of any case that was read was computed from an image.
    sampling
        Summary of the sampling of each case that was read.
    unsuitable
        Why metrics do not suit a case that was read, by the metric's name.
    """

    def __init__(
        self, name: str, cases: Sequence[Case], design: Design, metrics: Sequence[Metric], device: str
    ) -> None:
        self.name, self.cases, self.design, self.metrics, self.device = name, cases, design, metrics, device
        self.simulated = False
        self.sampling: dict[int, dict[str, Any]] = {}
        self.unsuitable: dict[int, dict[str, str]] = {}
        self._last: tuple[int, _Prepared] | None = None
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

    def scan(self, index: int) -> Scan:
        """Return the undersampled scan of a case."""
        return self._prepared(index).scan

    def reference(self, index: int) -> Tensor:
        """Return the reference of a case, float32 (frame, y, x)."""
        return self._prepared(index).reference

    def evaluate(self, reconstruction: Reconstruction, index: int) -> Evaluation:
        """Return the scores of image, image before data consistency, and members; and the seconds."""
        reference = self.reference(index)
        metrics = [metric for metric in self.metrics if metric.name not in self.unsuitable[index]]

        def scores(image: Tensor) -> dict[str, float]:
            return {metric.name: metric.evaluate(image, reference)[0] for metric in metrics}

        before = reconstruction.before_data_consistency
        members = None if reconstruction.members is None or len(reconstruction.members) == 1 else reconstruction.members
        return {
            "image": scores(reconstruction.magnitude),
            "before_data_consistency": {} if before is None else scores(before.abs()),
            "ensemble": None if members is None else dataclasses.asdict(ensemble_scores(members, reference, metrics)),
            "seconds": reconstruction.record.seconds,
        }

    def key(self, method: Method, index: int) -> CacheKey:
        """Return what identifies a method's reconstruction of a case."""
        inputs = {
            "method": method.name,
            "settings": method.model_dump(mode="json"),
            "sampling": self._prepared(index).scan.sampling_summary(),
            "reference": self.design.reference,
            "crop": self.design.crop,
            "metrics": [metric.name for metric in self.metrics],
            "data": self._prepared(index).hash,
        }
        return CacheKey(self.cases[index].label, method.name, inputs)

    def _prepared(self, index: int) -> _Prepared:
        """Return a case that is read; the last one is remembered, because all methods take it in turn."""
        if self._last is None or self._last[0] != index:
            full = self.design.load(self.cases[index]).to(self.device)
            reference = reference_image(full, self.design.reference)
            scan = self.design.undersample(full)
            refusals = {metric.name: metric.refusal(reference) for metric in self.metrics}
            self.unsuitable[index] = {name: refusal for name, refusal in refusals.items() if refusal is not None}
            self.sampling[index] = scan.sampling_summary()
            self.simulated |= full.source.simulated
            self._last = index, _Prepared(full, scan, reference, fingerprint(full))
        return self._last[1]


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
