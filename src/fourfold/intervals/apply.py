"""Gives a reconstruction intervals and bounds of its quality, by a calibration of its method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from fourfold.errors import InputError, check_type
from fourfold.intervals.calibration import Calibration, find_calibration
from fourfold.intervals.identity import deciding_settings, weights_of
from fourfold.intervals.predicted_quality import predicted_qualities
from fourfold.intervals.widths import relative_widths
from fourfold.metrics import find_metric
from fourfold.scan import Reconstruction, Record

__all__ = ["bounds_in_words", "check_settings", "with_interval"]


def with_interval(made: Reconstruction, calibration: Calibration | str) -> Reconstruction:
    """Return a reconstruction with the interval of each pixel, and in its record what is stated of them.

    The interval is image ± factor · width, where the width is the standard deviation, its variance averaged over 3×3
    pixels. It does not go below zero. Where the calibration has bounds of quality and the reconstruction members, the
    record's details hold the bound of each frame.

    Parameters
    ----------
    made
        A reconstruction with a standard deviation, as a method made it.
    calibration
        A calibration, the name of a shipped one, or a file that ``fourfold calibrate`` wrote.

    Raises
    ------
    InputError
        For a reconstruction without standard deviation, and for a calibration that is none, or of another method, other
        weights or other settings.
    """
    check_type("The image", made, Reconstruction, "reconstruct a scan with a method")
    check_type("The calibration", calibration, (Calibration, str), "give its name or file")
    known = find_calibration(calibration) if isinstance(calibration, str) else calibration
    if made.std is None:
        raise InputError(
            f"The image made by '{made.record.method}' has no standard deviation, from which intervals are made; "
            "choose a method such as 'diffusion' with several members."
        )
    check_settings(known, made.record.method, made.record.settings)
    _check_weights(known, weights_of(made.record.details))
    half = known.factor * relative_widths(made.std)
    interval = torch.stack([(made.magnitude - half).clamp_min(0), made.magnitude + half])
    return dataclasses.replace(made, interval=interval, record=_record(made, known))


def check_settings(calibration: Calibration, method: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError where a calibration is of another method or of other settings; weights are not looked at."""
    name = calibration.name
    if method != calibration.method:
        raise InputError(
            f"The intervals '{name}' were learned for the method '{calibration.method}' and the image is made by "
            f"'{method}'; choose that method, or learn intervals for this one with 'fourfold calibrate'."
        )
    own = deciding_settings(settings, calibration.weights)
    for setting in {**own, **calibration.settings}:
        if own.get(setting) != calibration.settings.get(setting):
            raise InputError(
                f"The intervals '{name}' were learned with {setting} = {calibration.settings.get(setting)} and the "
                f"image is made with {setting} = {own.get(setting)}; choose the former, or learn intervals anew with "
                "'fourfold calibrate'."
            )


def _check_weights(calibration: Calibration, weights: Mapping[str, str]) -> None:
    learned = calibration.weights
    if weights.get("sha256") != learned.get("sha256"):
        raise InputError(
            f"The intervals '{calibration.name}' were learned with the weights '{learned.get('name', 'none')}' and the "
            f"image is made with '{weights.get('name', 'none')}' of another content; choose those, or learn intervals "
            "anew with 'fourfold calibrate'."
        )


def _record(made: Reconstruction, calibration: Calibration) -> Record:
    """Return the record with the statement, the bounds of each frame, and notes on what differs."""
    record = made.record
    shared = {
        "intervals": {
            "name": calibration.name,
            "coverage": calibration.coverage,
            "confidence": calibration.confidence,
            "bound_confidence": {name: bound.confidence for name, bound in calibration.bounds.items()},
            "factor": calibration.factor,
            "subjects": len(calibration.scans.subjects),
        }
    }
    bounds = [_bounds(made, frame, calibration) for frame in range(len(made.image))]
    each = [{**shared, **({"at_least": bound} if bound else {})} for bound in bounds]
    alike = each[0] if len(each) == 1 else shared
    by_frame = tuple(
        dataclasses.replace(frame, details={**frame.details, **own})
        for frame, own in zip(record.by_frame, each, strict=False)  # none of a single frame or a series
    )
    notes = (*record.notes, calibration.statement, *_warnings(record, calibration))
    return dataclasses.replace(record, notes=notes, details={**record.details, **alike}, by_frame=by_frame)


def _bounds(made: Reconstruction, frame: int, calibration: Calibration) -> dict[str, float]:
    """Return the lower bounds of one frame's quality by the metric's name; empty without members or bounds."""
    if not calibration.bounds:
        return {}
    predicted = predicted_qualities(made, frame)
    return {name: predicted[name] - bound.shift for name, bound in calibration.bounds.items() if name in predicted}


def bounds_in_words(record: Record) -> list[str]:
    """Return a sentence for each lower bound of quality that a record holds: its value, or its range over frames."""
    details = [frame.details for frame in record.by_frame] or [record.details]
    known = [each["at_least"] for each in details if "at_least" in each]
    sentences = []
    for name in dict.fromkeys(name for each in known for name in each):
        values, metric = [each[name] for each in known if name in each], find_metric(name)
        low, high = (f"{value:.{metric.decimals}f}" for value in (min(values), max(values)))
        words = f"{low} in this frame" if len(values) == 1 else f"{low} to {high} in its {len(values)} frames"
        sentences.append(f"{metric.title}: at least {words}, with the confidence of the intervals' file.")
    return sentences


def _warnings(record: Record, calibration: Calibration) -> Iterator[str]:
    """Yield what of this scan is not as in those that the calibration was learned from."""
    scans, sampling = calibration.scans, record.sampling
    acceleration, kind = sampling.get("acceleration"), sampling.get("kind")
    low, high = scans.acceleration
    differing = []
    if acceleration is not None and not 0.95 * low <= acceleration <= 1.05 * high:
        learned = f"{low:.3g}×" if low == high else f"{low:.3g}× to {high:.3g}×"
        differing.append(f"the acceleration is {acceleration:.3g}× and was {learned}")
    if kind not in scans.patterns:
        own = "as acquired" if kind == "acquired" else kind
        differing.append(f"the sampling is {own} and was {' or '.join(scans.patterns)}")
    if scans.simulated and not record.source.get("simulated", False):
        differing.append("this scan was measured and those were simulated")
    if differing:
        yield (
            f"What is said of the intervals does not hold strictly, as this scan is unlike those they were learned "
            f"from: {'; '.join(differing)}."
        )
