"""The choice of the method for a scan by held-back samples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from fourfold.confidence.frames import Reporter
from fourfold.confidence.score import Score, score
from fourfold.confidence.units import Units
from fourfold.errors import InputError
from fourfold.methods.choose import choose_by_rule
from fourfold.methods.method import Method, Progress
from fourfold.methods.registry import find_method
from fourfold.scan import Scan, check_scan

__all__ = ["CANDIDATES", "MethodChoice", "choose_method"]

CANDIDATES = ("zero-filled", "grappa", "tv", "wavelet", "varnet")
"""Methods that take seconds for a frame and were the best, or close to it, on some measured scan."""
CANDIDATES_OF_LARGE = ("zero-filled", "grappa", "tv")
"""Those that are tried on a large frame."""
_LARGE = 3_000_000
"""Samples of all coils from which on a frame is large."""
# Candidates that are less than this many dB worse than the best are tried a second time; the first takes this share.
_CLOSE, _FIRST = 1.0, 0.6


@dataclass(frozen=True)
class MethodChoice:
    """The method that was chosen for a scan, and why.

    Attributes
    ----------
    method
        With its default settings.
    reason
        In a few words.
    scores
        The held-back error of every candidate in dB of the image's energy, the best first; empty where the data or the
        request left no candidates to try.
    refused
        The name of each candidate that the data does not suit, with the sentence that says why.
    frame
        The frame that the candidates were tried on.
    seconds
        What the choice took.
    """

    method: Method
    reason: str
    scores: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    frame: int = 0
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Return the choice as JSON types."""
        return {
            "method": self.method.name,
            "reason": self.reason,
            "held_back_error_db": {name: round(value, 3) for name, value in self.scores.items()},
            "refused": dict(self.refused),
            "frame": self.frame,
            "seconds": round(self.seconds, 2),
        }


@torch.no_grad()
def choose_method(scan: Scan, *, quick: bool = False, seed: int = 0, progress: Progress | None = None) -> MethodChoice:
    """Return the method that predicts held-back samples best, among those that suit the data and take seconds.

    Candidates are zero-filled, GRAPPA, total variation, wavelet and VarNet where its weights ship; of a frame with more
    than 3 million samples the first three. Each is reconstructed without a fifth of the lines outside the centre, or a
    tenth of the samples of other patterns, on the middle frame; those within 1 dB of the best a second time. Zeros are
    a candidate, so that no method is chosen that predicts worse than zero-filling does.

    Parameters
    ----------
    scan
        The acquisition.
    quick
        Choose by rule instead (`fourfold.methods.choose`), without any reconstruction. The same is done where nothing
        can be held back: of fully sampled data, trajectories, and with hardly a line outside the centre.
    seed
        Of the draw of held-back samples.
    progress
        Called with the done fraction and a few words.
    """
    check_scan(scan)
    start = time.perf_counter()
    by_rule, reason = choose_by_rule(scan)
    frame = scan.frames // 2
    part = scan.frame(frame)
    if quick or not _can_hold_back(part):
        return MethodChoice(by_rule, reason, frame=frame, seconds=time.perf_counter() - start)
    scores, refused = _scores(part, seed, Reporter(progress))
    if len(scores) == 1:
        # Without a second candidate there is nothing to choose from.
        return MethodChoice(by_rule, reason, refused=refused, frame=frame, seconds=time.perf_counter() - start)
    ordered = {each.method: each.decibels for each in sorted(scores, key=lambda each: each.error)}
    best = next(iter(ordered))
    errors = ", ".join(f"{name} {value:.1f}" for name, value in ordered.items())
    noun = scores[0].frames[0].units.noun
    words = f"it predicts held-back {noun} best; errors in dB of the image's energy: {errors}"
    return MethodChoice(find_method(best)(), words, ordered, refused, frame, time.perf_counter() - start)


def _can_hold_back(scan: Scan) -> bool:
    if scan.fully_sampled:
        return False
    try:
        Units.of(scan)
    except InputError:
        return False
    return True


def _scores(scan: Scan, seed: int, reporter: Reporter) -> tuple[list[Score], dict[str, str]]:
    """Return the scores of the candidates on one frame, and the sentences of those that the data does not suit.

    Those within 1 dB of the best get a second draw of held-back samples.
    """
    names = CANDIDATES if scan.kspace.numel() <= _LARGE else CANDIDATES_OF_LARGE
    kinds = [find_method(name) for name in names]
    methods = [kind() for kind in kinds if kind.ready() and kind.suits(scan)]
    scores: dict[str, Score] = {}
    refused: dict[str, str] = {}
    for number, method in enumerate(methods):
        report = reporter.part(_FIRST * number / len(methods), _FIRST / len(methods), f"trying {method.name}")
        try:
            scores[method.name] = score(method, scan, seed=seed, folds=1, progress=report)
        except InputError as refusal:
            refused[method.name] = str(refusal)
    best = min(each.decibels for each in scores.values())
    close = [each for each in methods if each.name in scores and scores[each.name].decibels < best + _CLOSE]
    if len(close) > 1:
        for number, method in enumerate(close):
            share = (1 - _FIRST) / len(close)
            report = reporter.part(_FIRST + share * number, share, f"trying {method.name} again")
            again = score(method, scan, seed=seed + 1, folds=1, progress=report)
            scores[method.name] = Score(method.name, scores[method.name].frames + again.frames)
    return list(scores.values()), refused
