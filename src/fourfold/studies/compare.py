"""Several methods on the same undersampled scan, scored against the fully sampled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError, check_type
from fourfold.methods.method import Method, Progress
from fourfold.methods.registry import find_method, quick_methods
from fourfold.metrics import PROTOCOLS, Protocol, check_magnitude, find_protocol
from fourfold.sampling import undersample
from fourfold.scan import Reconstruction, Sampling, Scan, check_scan
from fourfold.studies.comparison import Comparison, Entry
from fourfold.studies.ensemble import ensemble_scores
from fourfold.studies.reference import REFERENCES, Reference, image_shape, reference_image

__all__ = ["Comparison", "Entry", "compare"]


def compare(
    scan: Scan,
    methods: Sequence[Method | str] | None = None,
    sampling: Sampling | None = None,
    protocols: Sequence[str] | None = None,
    reference: Tensor | Reference | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Undersample a scan, reconstruct it with several methods, and score the images.

    Parameters
    ----------
    scan
        Fully sampled, or undersampled as it was acquired.
    methods
        Methods, or their names for the default settings; when None all registered ones but those that take minutes
        (`Method.slow`) or lack weights (`Method.ready`), those for series only where `scan` has several frames, those
        for partial Fourier only where one side of k-space is missing. One
        that the data refuses goes to ``failures`` with its sentence, and the others go on.
    sampling
        The samples to keep. When None, a fully sampled scan keeps every fourth line at random with 8 % of them at
        the centre (seed 0), and an undersampled one keeps all that it has.
    protocols
        Names in `fourfold.metrics.PROTOCOLS`; when None all that suit the reference, the others being listed in
        ``omitted``.
    reference
        float32 or float64 magnitude image (frame, y, x) in the reconstructions' units, or how to make it from fully
        sampled data: ``rss`` or ``matched``, see `fourfold.studies.reference.reference_image`. When None, ``rss``
        for a fully sampled scan, and no reference and no scores for an undersampled one. No method sees it.
    progress
        Called with the done fraction of the whole and a few words.

    Raises
    ------
    InputError
        For an unknown method, protocol or reference, a sampling or reference that does not fit the scan, and a
        protocol asked for by name that does not suit the reference.
    """
    check_scan(scan)
    truth, truth_name = _reference(scan, reference)
    suitable, omitted = _protocols(protocols, truth)
    undersampled = _undersampled(scan, sampling)
    chosen = _methods(methods, undersampled)
    entries: list[Entry] = []
    failures: list[tuple[str, str]] = []
    for index, method in enumerate(chosen):
        try:
            reconstruction = method(undersampled, _part(progress, index, len(chosen), method.name))
        except InputError as refusal:
            failures.append((method.name, str(refusal)))
        else:
            if reconstruction.record.interrupted:
                raise KeyboardInterrupt
            entries.append(_entry(method, reconstruction, truth, suitable))
    return Comparison(truth, truth_name, undersampled, tuple(entries), suitable, tuple(failures), omitted)


def _methods(asked: Sequence[Method | str] | None, scan: Scan) -> list[Method]:
    if asked is None:
        asked = list(quick_methods(scan))
    _check_list("methods", asked, (Method, str), "['grappa', 'tv']")
    if not asked:
        raise InputError("No method was given to compare; name at least one, or none at all for all of them.")
    return [find_method(method)() if isinstance(method, str) else method for method in asked]


def _check_list(name: str, values: Any, kind: tuple[type, ...], example: str) -> None:
    """Refuse what is no list of this kind; a text would be taken for a list of its letters."""
    check_type(f"The list of {name}", values, (list, tuple), f"give a list such as {example}")
    for value in values:
        check_type(f"An entry of the list of {name}", value, kind, f"give a list such as {example}")


def _reference(scan: Scan, asked: Tensor | Reference | None) -> tuple[Tensor | None, str]:
    """Return the reference and what it is in words."""
    if isinstance(asked, Tensor):
        check_magnitude(asked, "The reference")
        if tuple(asked.shape) != image_shape(scan):
            raise InputError(
                f"The reference has shape {tuple(asked.shape)} but this scan's images have {image_shape(scan)}; "
                "cut it to the same field of view."
            )
        return asked.to(scan.kspace.device, torch.float32), "given image"
    if asked is None and not scan.fully_sampled:
        return None, "none, the data is undersampled as acquired"
    if asked is not None:
        check_type("The reference", asked, (Tensor, str), "give 'rss', 'matched', or magnitudes as a torch tensor")
    kind: Reference = "rss" if asked is None else asked
    return reference_image(scan, kind), REFERENCES[kind]


def _protocols(
    asked: Sequence[str] | None, truth: Tensor | None
) -> tuple[tuple[Protocol, ...], tuple[tuple[str, str], ...]]:
    """Return the protocols that suit the reference, and the names and refusals of the others."""
    if asked is not None:
        _check_list("protocols", asked, (str,), "['psnr']")
    candidates = [find_protocol(name) for name in (PROTOCOLS if asked is None else asked)]
    if truth is None:
        return (), ()
    refusals = {protocol.name: protocol.refusal(truth) for protocol in candidates}
    omitted = tuple((name, refusal) for name, refusal in refusals.items() if refusal is not None)
    suitable = tuple(protocol for protocol in candidates if refusals[protocol.name] is None)
    if omitted and (asked is not None or not suitable):
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


def _entry(
    method: Method, reconstruction: Reconstruction, truth: Tensor | None, protocols: Sequence[Protocol]
) -> Entry:
    settings = method.model_dump(mode="json", exclude_defaults=True)
    if truth is None:
        return Entry(reconstruction, {}, {}, settings)
    image = reconstruction.magnitude
    scores = {protocol.name: protocol.evaluate(image, truth) for protocol in protocols}
    members = reconstruction.members
    return Entry(
        reconstruction,
        {name: total for name, (total, _) in scores.items()},
        {name: frames for name, (_, frames) in scores.items()},
        settings,
        None if members is None or len(members) == 1 else ensemble_scores(members, truth, protocols),
    )
