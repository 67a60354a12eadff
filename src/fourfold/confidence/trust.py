"""`trust`: how far to believe a method's image of a scan, without a reference."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fourfold.confidence.contradictions import contradictions
from fourfold.confidence.frames import Reporter, frames_of, full_grid_image, piece_name, pieces_of, trial_of
from fourfold.confidence.held_back import HeldBack
from fourfold.confidence.parts import HELD_BACK, PARTS, Measured, PartKind, Subject
from fourfold.confidence.result import Trust, TrustPart
from fourfold.confidence.score import Score, simpler_scores, warnings
from fourfold.confidence.trial import on_full_grid
from fourfold.errors import InputError, check_type, nearest
from fourfold.methods.method import Method, Progress
from fourfold.methods.registry import find_method
from fourfold.scan import Reconstruction, Scan, check_scan, crop_centre

__all__ = ["trust"]

# Of the progress: the image, then the parts, then the simpler method.
_IMAGE, _PARTS = 0.1, 0.75


@torch.no_grad()
def trust(
    method: Method | str,
    scan: Scan,
    parts: Sequence[str] | None = None,
    *,
    reconstruction: Reconstruction | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Trust:
    """Return how far to believe a method's image of a scan, by what the measured samples say of it.

    Frames are judged one after the other, which bounds the memory; a series that is reconstructed at once is judged at
    once. The settings that the method chose for the image of all samples are kept in all other reconstructions.

    Parameters
    ----------
    method
        The method with its settings, or its name for the default ones.
    scan
        The acquisition, undersampled and Cartesian for most parts.
    parts
        Names of the parts; all unless given. See ``docs/trust.md``.
    reconstruction
        The method's image of this scan, where it was made before; it is used where it has the scan's full grid.
    seed
        Of everything that is drawn: what is held back, probes, noise, rotations.
    progress
        Called with the done fraction and a few words. A KeyboardInterrupt that is raised there ends the work.

    Returns
    -------
    Trust
        Parts, warnings and the image. A part that the data or the method does not allow is listed with the reason.

    Raises
    ------
    InputError
        For an unknown part, and when the data does not suit the method.
    """
    check_scan(scan)
    check_type("The method", method, (Method, str), "give one with its settings, such as fourfold.TotalVariation()")
    method = find_method(method)() if isinstance(method, str) else method
    kinds = _kinds(parts)
    reporter = Reporter(progress)
    made = full_grid_image(method, scan, reconstruction, reporter.part(0, _IMAGE, "the image"))
    full = on_full_grid(scan)
    results: list[_Piece] = []
    pieces = pieces_of(method, full)
    for number, frames in enumerate(pieces):
        inner = reporter.inner(_IMAGE + _PARTS * number / len(pieces), _PARTS / len(pieces), piece_name(pieces, number))
        subject = Subject(trial_of(method, full, frames, seed, frames_of(made, frames)))
        results.append(_judge(subject, kinds, inner))
    own = Score.of(method.name, [piece.held_back for piece in results])
    start = time.perf_counter()
    report = reporter.part(_IMAGE + _PARTS, 1 - _IMAGE - _PARTS, "a simpler method")
    others = () if own is None else simpler_scores(method, scan, own, seed=seed, progress=report)
    comparing = time.perf_counter() - start
    order = [frame for frames in pieces for frame in frames]
    joined = tuple(_joined(kind, results, order, scan) for kind in kinds if all(kind.name in r.values for r in results))
    return Trust(
        _cut(made, scan),
        tuple(_compared(part, own, others, comparing) for part in joined),
        tuple((kind.name, why) for kind in kinds if (why := _why_missing(kind, results))),
        _all_warnings(results, own, others),
        seed,
        own,
    )


@dataclass(frozen=True, eq=False)
class _Piece:
    """The parts of one frame, or of one series."""

    values: dict[str, tuple[Measured, float, int]]
    """Of each part: what was measured, seconds and reconstructions."""
    missing: dict[str, str]
    """Of each part that could not be measured: why."""
    contradictions: tuple[str, ...]
    held_back: HeldBack | None


def _judge(subject: Subject, kinds: Sequence[PartKind], reporter: Reporter) -> _Piece:
    """Return the parts of one frame or series."""
    values: dict[str, tuple[Measured, float, int]] = {}
    missing: dict[str, str] = {}
    trial, held = subject.trial, None
    for number, kind in enumerate(kinds):
        trial.progress = reporter.part(number / len(kinds), 1 / len(kinds), kind.name)
        start, before = time.perf_counter(), trial.reconstructions
        try:
            measured = kind.measure(subject)
        except InputError as refusal:
            missing[kind.name] = str(refusal)
        else:
            values[kind.name] = measured, time.perf_counter() - start, trial.reconstructions - before
    if HELD_BACK in values:
        held = subject.held_back
    return _Piece(values, missing, contradictions(trial.scan), held)


def _joined(kind: PartKind, results: Sequence[_Piece], order: Sequence[int], scan: Scan) -> TrustPart:
    """Return one part of all frames."""
    measured = [piece.values[kind.name][0] for piece in results]
    maps = [each.map for each in measured if each.map is not None]
    size = scan.geometry.image_size
    joined: Tensor | None = None
    if maps:
        joined = torch.cat(maps)[sorted(range(len(order)), key=order.__getitem__)]
        joined = crop_centre(joined, size) if size else joined
    return TrustPart(
        kind.name,
        kind.value(sum(each.amount for each in measured), sum(each.whole for each in measured)),
        kind.unit,
        measured[0].assumption,
        sum(piece.values[kind.name][1] for piece in results),
        sum(piece.values[kind.name][2] for piece in results),
        tuple(kind.value(each.amount, each.whole) for each in measured),
        joined,
        tuple(each.details for each in measured),
    )


def _compared(part: TrustPart, own: Score | None, others: Sequence[Score], seconds: float) -> TrustPart:
    """Return the held-back part with the scores of simpler methods, any other part as it is."""
    if part.name != HELD_BACK or own is None:
        return part
    facts: dict[str, Any] = {other.method: round(other.decibels, 4) for other in others}
    details = tuple({**each, "simpler_methods_db": facts} for each in part.details)
    return dataclasses.replace(part, seconds=part.seconds + seconds, details=details)


def _why_missing(kind: PartKind, results: Sequence[_Piece]) -> str:
    """Return why a part is missing: the reason of the first frame that has none; empty where it is there."""
    return next((piece.missing[kind.name] for piece in results if kind.name in piece.missing), "")


def _all_warnings(results: Sequence[_Piece], own: Score | None, others: Sequence[Score]) -> tuple[str, ...]:
    found = [sentence for piece in results for sentence in piece.contradictions]
    if own is not None:
        found += warnings(own, others)
    return tuple(dict.fromkeys(found))


def _cut(made: Reconstruction, scan: Scan) -> Reconstruction:
    """Return the reconstruction cut to the size that the scanner shows."""
    size = scan.geometry.image_size
    if size is None or tuple(made.image.shape[-2:]) == tuple(size):
        return made
    cut = {
        name: crop_centre(array, size)
        for name in ("image", "std", "members", "before_data_consistency")
        if (array := getattr(made, name)) is not None
    }
    return dataclasses.replace(made, geometry=scan.geometry.part(0, len(made.image)), **cut)


def _kinds(names: Sequence[str] | None) -> list[PartKind]:
    if names is None:
        return list(PARTS)
    check_type("The list of parts", names, (list, tuple), "give a list such as ['held-back error']")
    known = {kind.name: kind for kind in PARTS}
    for name in names:
        if name not in known:
            raise InputError(f"There is no part '{name}'; known are {', '.join(known)}.{nearest(str(name), known)}")
    return [kind for kind in PARTS if kind.name in names]
