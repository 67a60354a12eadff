"""Several methods on the same undersampled scan, scored against the fully sampled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError, check_type
from fourfold.methods.method import Method, Progress
from fourfold.methods.registry import find_method, quick_methods
from fourfold.methods.series import why_no_series
from fourfold.methods.workers import Workers, check_workers
from fourfold.metrics import METRICS, Metric, check_magnitude, find_metric
from fourfold.sampling import undersample
from fourfold.scan import Reconstruction, Sampling, Scan, check_scan, on_grid_of
from fourfold.studies.comparison import Comparison, Entry
from fourfold.studies.ensemble import ensemble_scores
from fourfold.studies.judge import Judge, distinct_names, with_warnings
from fourfold.studies.reference import REFERENCES, Reference, image_shape, reference_image
from fourfold.studies.std_check import check_std

__all__ = ["Comparison", "Entry", "compare", "series_left_out"]


def compare(
    scan: Scan,
    methods: Sequence[Method | str] | None = None,
    sampling: Sampling | None = None,
    metrics: Sequence[str] | None = None,
    reference: Tensor | Reconstruction | Reference | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    trust: bool | None = None,
    seed: int = 0,
) -> Comparison:
    """Undersample a scan, reconstruct it with several methods, and score the images.

    Parameters
    ----------
    scan
        Fully sampled, or undersampled as it was acquired.
    methods
        Methods, or their names for the default settings; when None all registered ones but those that take minutes
        (`Method.slow`) or lack weights (`Method.ready`), those for series only where frames differ in time, those
        for partial Fourier only where one side of k-space is missing. One
        that the data refuses goes to ``failures`` with its sentence, and the others go on.
    sampling
        The samples to keep. When None, a fully sampled scan keeps every fourth line at random with 8 % of them at
        the centre (seed 0), and an undersampled one keeps all that it has.
    metrics
        Names in `fourfold.metrics.METRICS`; when None all that suit the reference but those that are scored by name
        only (`Metric.by_name_only`), the others being listed in ``omitted``.
    reference
        float32 or float64 magnitude image (frame, y, x) in the reconstructions' units; or an image, such as
        `load_image` reads, in the same units, which is turned to the scan's axes where the place of both is known; or
        how to make it from fully sampled data: ``rss`` or ``matched``, see
        `fourfold.studies.reference.reference_image`. When None, ``rss`` for a fully sampled scan, and no reference and
        no scores for an undersampled one. No method sees it.
    progress
        Called with the done fraction of the whole and a few words.
    workers
        On a CPU: frames that are reconstructed side by side, as for a `Method`.
    trust
        True computes how far to believe each image (`fourfold.confidence`). When None, methods are ranked by held-back
        samples where there is no reference, which takes three more reconstructions of each. False does neither.
    seed
        Of the samples that are held back, and of everything else that a trust draws.

    Raises
    ------
    InputError
        For less than one worker, an unknown method, metric or reference, a sampling or reference that does not fit the
        scan, and a metric requested by name that does not suit the reference.
    """
    check_scan(scan)
    check_workers(workers)
    truth, truth_name = _reference(scan, reference)
    suitable, omitted = _metrics(metrics, truth)
    undersampled = _undersampled(scan, sampling)
    chosen = _methods(methods, undersampled)
    entries: list[Entry] = []
    failures = list(series_left_out(undersampled) if methods is None else ())
    judge = Judge(undersampled, trust is True, trust is None and truth is None, seed)
    for index, (method, name) in enumerate(zip(chosen, distinct_names(chosen), strict=True)):
        report = _part(progress, index, len(chosen), method.name)
        try:
            reconstruction = method(undersampled, report, workers)
        except InputError as refusal:
            failures.append((method.name, str(refusal)))
        else:
            if reconstruction.record.interrupted:
                raise KeyboardInterrupt
            entries.append(judge.judged(_entry(method, reconstruction, truth, suitable), method, name, report))
    entries = with_warnings(entries)
    return Comparison(truth, truth_name, undersampled, tuple(entries), suitable, tuple(failures), omitted)


def series_left_out(scan: Scan) -> tuple[tuple[str, str], ...]:
    """Return the name of each method for series that does not suit the frames, with the reason; none of one frame."""
    if scan.frames == 1:
        return ()
    series = {name: kind for name, kind in quick_methods().items() if kind.scope == "series"}
    reasons = {name: why_no_series(scan, kind.series_along) for name, kind in series.items()}
    return tuple((name, f"{why}.") for name, why in reasons.items() if why)


def _methods(methods: Sequence[Method | str] | None, scan: Scan) -> list[Method]:
    if methods is None:
        methods = list(quick_methods(scan))
    _check_list("methods", methods, (Method, str), "['grappa', 'tv']")
    if not methods:
        raise InputError("No method was given to compare; name at least one, or none at all for all of them.")
    return [find_method(method)() if isinstance(method, str) else method for method in methods]


def _check_list(name: str, values: Any, kind: tuple[type, ...], example: str) -> None:
    """Refuse what is no list of this kind; a text would be taken for a list of its letters."""
    check_type(f"The list of {name}", values, (list, tuple), f"give a list such as {example}")
    for value in values:
        check_type(f"An entry of the list of {name}", value, kind, f"give a list such as {example}")


def _reference(scan: Scan, reference: Tensor | Reconstruction | Reference | None) -> tuple[Tensor | None, str]:
    """Return the reference and what it is in words."""
    if isinstance(reference, Reconstruction):
        reference = on_grid_of(reference, scan.geometry, image_shape(scan)).magnitude
    if isinstance(reference, Tensor):
        check_magnitude(reference, "The reference")
        if tuple(reference.shape) != image_shape(scan):
            raise InputError(
                f"The reference has shape {tuple(reference.shape)} but this scan's images have {image_shape(scan)}; "
                "cut it to the same field of view."
            )
        return reference.to(scan.kspace.device, torch.float32), "given image"
    if reference is None and not scan.fully_sampled:
        return None, "none, the data is undersampled as acquired"
    if reference is not None:
        check_type("The reference", reference, (Tensor, str), "give 'rss', 'matched', or magnitudes as a torch tensor")
    kind: Reference = "rss" if reference is None else reference
    return reference_image(scan, kind), REFERENCES[kind]


def _metrics(
    names: Sequence[str] | None, truth: Tensor | None
) -> tuple[tuple[Metric, ...], tuple[tuple[str, str], ...]]:
    """Return the metrics that suit the reference, and the names and refusals of the others."""
    if names is not None:
        _check_list("metrics", names, (str,), "['psnr']")
    default = [name for name, metric in METRICS.items() if not metric.by_name_only]
    candidates = [find_metric(name) for name in (default if names is None else names)]
    if truth is None:
        return (), ()
    refusals = {metric.name: metric.refusal(truth) for metric in candidates}
    omitted = tuple((name, refusal) for name, refusal in refusals.items() if refusal is not None)
    suitable = tuple(metric for metric in candidates if refusals[metric.name] is None)
    if omitted and (names is not None or not suitable):
        raise InputError(omitted[0][1])
    return suitable, omitted


def _undersampled(scan: Scan, sampling: Sampling | None) -> Scan:
    if sampling is not None:
        return scan.with_sampling(sampling)
    return undersample(scan, "random", 4.0, centre=0.08, seed=0) if scan.fully_sampled else scan


def _part(progress: Progress | None, index: int, total: int, name: str) -> Progress | None:
    """Return a progress that reports one of `total` equal parts of the whole."""
    if progress is None:
        return None
    return lambda fraction, words: progress((index + fraction) / total, f"{name}: {words}")


def _entry(method: Method, reconstruction: Reconstruction, truth: Tensor | None, metrics: Sequence[Metric]) -> Entry:
    settings = method.model_dump(mode="json", exclude_defaults=True)
    if truth is None:
        return Entry(reconstruction, {}, {}, settings)
    image = reconstruction.magnitude
    scores = {metric.name: metric.evaluate(image, truth) for metric in metrics}
    members = reconstruction.members
    return Entry(
        reconstruction,
        {name: total for name, (total, _) in scores.items()},
        {name: frames for name, (_, frames) in scores.items()},
        settings,
        None if members is None or len(members) == 1 else ensemble_scores(members, truth, metrics),
        check_std(reconstruction, truth),
    )
