"""What intervals are learned from: images with their standard deviation beside the truth, one for each slice."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from fourfold.errors import InputError
from fourfold.intervals.predicted_quality import QUALITIES, predicted_qualities
from fourfold.intervals.scans import LearningScans
from fourfold.methods.method import Method, Progress
from fourfold.methods.side_by_side import solve_side_by_side
from fourfold.methods.workers import Workers, choose_workers
from fourfold.metrics import find_metric
from fourfold.metrics.object_pixels import object_pixels
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.scan import Reconstruction

__all__ = ["Observation", "observe", "observe_all"]


@dataclass(frozen=True, eq=False)
class Observation:
    """One reconstructed slice beside its reference.

    Attributes
    ----------
    subject, name
        Whom it shows; file and slice.
    image, std, reference
        float32, (y, x): magnitude, its standard deviation, and the truth.
    predicted, quality
        By the metric's name: the quality that the members predict, and that against the reference; empty without
        members.
    record
        How the image was made, as `fourfold.scan.Record.summary`.
    coils
        Number of coils.
    """

    subject: str
    name: str
    image: Tensor
    std: Tensor
    reference: Tensor
    predicted: dict[str, float]
    quality: dict[str, float]
    record: dict[str, Any]
    coils: int

    @property
    def object(self) -> Tensor:
        """bool, (y, x): where the reference exceeds a tenth of its maximum."""
        return object_pixels(self.reference, float(self.reference.max()))


def observe(subject: str, name: str, made: Reconstruction, reference: Tensor, coils: int) -> Observation:
    """Return what a reconstruction of one frame tells beside its `reference`, float32 (frame, y, x).

    Raises
    ------
    InputError
        For a method that gives no standard deviation.
    """
    if made.std is None:
        raise InputError(
            f"The method '{made.record.method}' gives no standard deviation, with these settings, from which intervals "
            "could be made; choose one such as 'diffusion' with several members."
        )
    predicted = predicted_qualities(made, 0)
    truth, image = reference.cpu().float(), made.magnitude.cpu()
    quality = {each: find_metric(each).evaluate(image, truth)[0] for each in QUALITIES} if predicted else {}
    return Observation(
        subject, name, image[0], made.std[0].cpu(), truth[0], predicted, quality, made.record.summary(), coils
    )


def observe_all(
    method: Method,
    scans: LearningScans,
    folder: Path,
    progress: Progress = lambda *_: None,
    workers: Workers = "auto",
    device: str = "cpu",
) -> list[Observation]:
    """Reconstruct all scans with a method and return them beside their references.

    Every reconstruction is kept in `folder` as soon as it exists; a later call with the same data and settings takes it
    from there.

    Parameters
    ----------
    method
        A method that gives a standard deviation.
    scans
        The scans.
    folder
        Of finished reconstructions.
    progress
        Called with the done fraction and a few words.
    workers
        On a CPU: reconstructions side by side.
    device
        Where to compute.

    Raises
    ------
    InputError
        For a method without standard deviation or that refuses a scan.
    KeyboardInterrupt
        When the user ends it; finished reconstructions are kept.
    """
    cache = ResultCache(folder)

    def solve(index: int, report: Progress) -> Observation:
        return _observation(method, scans, index, cache, report, device)

    number = 1
    if device == "cpu":
        number = choose_workers(workers, len(scans.chosen), method.frame_memory(scans[scans.chosen[0]].scan))
    processes = method.workers_are_processes
    work = solve_side_by_side(solve, scans.chosen, len(scans.chosen), number, progress, processes=processes)
    with closing(work) as results:
        return list(results)


def _observation(
    method: Method, scans: LearningScans, index: int, cache: ResultCache, progress: Progress, device: str
) -> Observation:
    test = scans.read(index)
    name = scans.image_name(index)
    key = CacheKey(name, method.name, {"settings": method.model_dump(mode="json"), "data": fingerprint(test.scan)})
    if cache.holds(key):
        made = cache.reconstruction(key)
    else:
        made = method(test.scan.to(device), lambda fraction, words: progress(fraction, f"{name}: {words}"))
        if made.record.interrupted:
            raise KeyboardInterrupt
        cache.keep(key, {}, made)
    progress(1.0, name)
    return observe(scans.subject(index), name, made, test.reference, test.scan.coils)
