"""The study of Darestani & Heckel (2021, ISMRM 29) on data of one's own: ConvDecoder among its rivals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from torch import Tensor

from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.methods.registry import methods
from fourfold.metrics import Metric, find_metric
from fourfold.sampling import SamplingOptions, undersample
from fourfold.scan import Reconstruction, Scan
from fourfold.studies.ensemble import EnsembleScores, ensemble_scores
from fourfold.studies.finished import Finished, Piece, fingerprint
from fourfold.studies.reference import Reference, reference_image
from fourfold.studies.study import Case, Result, Study

__all__ = ["METRICS", "SUBJECT", "Design", "study", "study_methods"]

SUBJECT = "convdecoder"

METRICS = ("vif", "ms-ssim", "fastmri-ssim", "psnr")
"""The scores of the study, in its order."""


def study_methods() -> list[type[Method]]:
    """Return total variation, the trained networks whose weights ship, and the untrained networks of the study."""
    known = methods()
    trained = [kind for kind in known.values() if kind.family == "trained" and kind.ready()]
    return [known["tv"], *trained, known["deep-decoder"], known["dip"], known[SUBJECT]]


@dataclass(frozen=True)
class Design:
    """How the study is done.

    Attributes
    ----------
    methods
        With their settings, in the order of the tables.
    pattern, acceleration, seed, options
        As `fourfold.sampling.undersample` takes them; the same for every scan.
    reference
        How the references are made.
    crop
        Size (ny, nx) to which images are cut about their centre before they are scored and shown; None leaves them.
    """

    methods: tuple[Method, ...]
    pattern: str = "random"
    acceleration: float = 4.0
    seed: int = 0
    options: SamplingOptions = field(default_factory=SamplingOptions)
    reference: Reference = "rss"
    crop: tuple[int, int] | None = None

    def prepare(self, scan: Scan) -> Scan:
        """Return a scan whose images are cut; raises InputError where they are smaller than that."""
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


def study(
    cases: Sequence[Case], design: Design, finished: Finished, device: str = "cpu", progress: Progress = lambda *_: None
) -> Study:
    """Undersample, reconstruct and score every case with every method of the design.

    Each reconstruction is kept when it is done, and taken over by a later call in which the data, the sampling, the
    settings and fourfold's version are the same: interrupted work goes on where it stopped.

    Parameters
    ----------
    cases
        Fully sampled frames.
    design
        Methods, sampling, reference.
    finished
        Where reconstructions are kept.
    device
        Where to compute.
    progress
        Called with the done fraction of the whole and a few words.

    Raises
    ------
    InputError
        Without a case; for one that is not fully sampled or smaller than the crop, before any work is done.
    KeyboardInterrupt
        When the user ends it; what is finished stays.
    """
    if not cases:
        raise InputError("There is no scan to study; give at least one fully sampled file.")
    cases = [dataclasses.replace(case, load=partial(_load, case, design)) for case in cases]
    for case in cases:
        case.load()
    work = _Work(design, finished, len(cases) * len(design.methods), device, progress)
    for case in cases:
        work.do(case)
    metrics = tuple(each for each in map(find_metric, METRICS) if each.name in work.suiting)
    return Study(
        tuple(cases),
        design.methods,
        metrics,
        tuple(work.results),
        tuple(work.failures),
        tuple(work.omitted),
        work.sampling,
        design.reference,
        work.simulated,
        finished,
    )


def _load(case: Case, design: Design) -> Scan:
    """Return the fully sampled scan of a case, prepared."""
    scan = case.load()
    if scan.trajectory is not None:
        raise InputError(f"'{case.name}' is non-Cartesian ({scan.trajectory.kind}); this study needs Cartesian data.")
    if not scan.fully_sampled:
        raise InputError(
            f"'{case.name}' is undersampled already ({scan.acceleration:.2f}×), and a study scores against fully "
            f"sampled data: leave it out, or reconstruct it with: fourfold recon {scan.source.path or 'FILE'}"
        )
    return design.prepare(scan)


class _Work:
    """Goes through the cases, and collects what comes of it."""

    def __init__(self, design: Design, finished: Finished, total: int, device: str, progress: Progress) -> None:
        self.design, self.finished, self.total, self.device, self.progress = design, finished, total, device, progress
        self.done = 0
        self.results: list[Result] = []
        self.failures: list[tuple[str, str, str]] = []
        self.omitted: list[tuple[str, str]] = []
        self.sampling: dict[str, dict[str, Any]] = {}
        self.suiting: set[str] = set()
        self.simulated = False

    def do(self, case: Case) -> None:
        """Reconstruct and score one case with all methods."""
        full = case.load().to(self.device)
        reference = reference_image(full, self.design.reference)
        metrics = self._metrics(case, reference)
        scan = self.design.undersample(full)
        self.simulated |= full.source.simulated
        self.sampling[case.label] = scan.sampling_summary()
        data = fingerprint(full)
        for method in self.design.methods:
            piece = Piece(case.label, method.name, self._agreed(method, scan, data))
            try:
                scores = self.finished.scores(piece) or self._make(piece, method, scan, reference, metrics)
            except InputError as refusal:
                self.failures.append((case.label, method.name, str(refusal)))
            else:
                self.results.append(_result(case, method, scores, piece))
            self.done += 1
            self.progress(self.done / self.total, f"{case.label}, {method.name}")

    def _make(
        self, piece: Piece, method: Method, scan: Scan, reference: Tensor, metrics: Sequence[Metric]
    ) -> dict[str, Any]:
        """Reconstruct, score and keep one piece; return its scores."""
        made = method(scan, lambda part, words: self._tell(part, f"{piece.scan}, {method.name}: {words}"))
        if made.record.interrupted:
            raise KeyboardInterrupt
        scores = _scores(made, reference, metrics)
        self.finished.keep(piece, made, scores)
        return scores

    def _tell(self, part: float, words: str) -> None:
        self.progress((self.done + part) / self.total, words)

    def _agreed(self, method: Method, scan: Scan, data: str) -> dict[str, Any]:
        return {
            "fourfold": version("fourfold"),
            "method": method.name,
            "settings": method.model_dump(mode="json"),
            "sampling": scan.sampling_summary(),
            "reference": self.design.reference,
            "crop": self.design.crop,
            "metrics": METRICS,
            "data": data,
        }

    def _metrics(self, case: Case, reference: Tensor) -> list[Metric]:
        """Return the metrics that suit a reference, and note why others do not."""
        suiting = []
        for metric in map(find_metric, METRICS):
            refusal = metric.refusal(reference)
            if refusal is None:
                suiting.append(metric)
                self.suiting.add(metric.name)
            else:
                self.omitted.append((case.label, refusal))
        return suiting


def _scores(made: Reconstruction, reference: Tensor, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return the scores of image, estimate and members, and the seconds, JSON types."""

    def of(image: Tensor) -> dict[str, float]:
        return {metric.name: metric.evaluate(image, reference)[0] for metric in metrics}

    return {
        "image": of(made.magnitude),
        "estimate": {} if made.before_data_consistency is None else of(made.before_data_consistency.abs()),
        "ensemble": None
        if made.members is None or len(made.members) == 1
        else dataclasses.asdict(ensemble_scores(made.members, reference, metrics)),
        "seconds": made.record.seconds,
    }


def _result(case: Case, method: Method, scores: dict[str, Any], piece: Piece) -> Result:
    ensemble = scores["ensemble"]
    return Result(
        case,
        method,
        scores["image"],
        scores["estimate"],
        None if ensemble is None else EnsembleScores(**ensemble),
        scores["seconds"],
        piece,
    )
