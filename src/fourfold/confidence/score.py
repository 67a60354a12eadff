"""Held-back scores of methods on all frames of a scan, and how sure it is that one is better than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fourfold.confidence.frames import Reporter, frames_of, piece_name, pieces_of, trial_of
from fourfold.confidence.held_back import FOLDS, HeldBack, decibels, hold_back
from fourfold.confidence.trial import on_full_grid
from fourfold.confidence.units import Units
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.method import Method, Progress
from fourfold.scan import Reconstruction, Scan

__all__ = ["Score", "score", "simpler_scores", "warnings", "worse_than"]

# A difference of this many dB, with this probability, is worth a warning.
_DIFFERENCE, _SURE = 0.3, 0.9


@dataclass(frozen=True, eq=False)
class Score:
    """The held-back score of a method over frames that were scored one by one."""

    method: str
    frames: tuple[HeldBack, ...]

    @property
    def decibels(self) -> float:
        """The error of the missing samples in dB of the image's energy, noise subtracted."""
        return decibels(sum(each.noise_free for each in self.frames) / sum(each.energy for each in self.frames))

    @property
    def error(self) -> float:
        """The error of the missing samples, noise included, in parts of the image's energy: it ranks methods."""
        return sum(each.error for each in self.frames) / sum(each.energy for each in self.frames)

    @property
    def resampled(self) -> Tensor:
        """Error energy for draws of the held-back lines or samples, float64 (draw,), alike for all methods."""
        return torch.stack([each.resampled for each in self.frames]).sum(dim=0)

    @classmethod
    def of(cls, method: str, frames: Sequence[HeldBack | None]) -> Score | None:
        """Return the score of a method by that of its frames; None where some frame has none."""
        known = tuple(each for each in frames if each is not None)
        return cls(method, known) if known and len(known) == len(frames) else None

    def of_zeros(self) -> Score:
        """Return the score that zeros have, which is that of the zero-filled image, at the same samples."""
        frames = [replace(each, error=each.zeros, resampled=each.zeros_resampled, members=None) for each in self.frames]
        return Score("zero-filled", tuple(frames))


def worse_than(score: Score, other: Score) -> tuple[float, float]:
    """Return by how many dB a score is worse than another one, and the probability that it is worse at all."""
    return score.decibels - other.decibels, float((score.resampled > other.resampled).double().mean())


def warnings(score: Score, others: Sequence[Score]) -> tuple[str, ...]:
    """Return a sentence for each of the simpler methods' scores that a method's score falls below."""
    sentences = []
    for other in others:
        difference, probability = worse_than(score, other)
        if difference >= _DIFFERENCE and probability >= _SURE:
            sentences.append(
                f"'{score.method}' predicts held-back {score.frames[0].units.noun} {difference:.1f} dB worse than "
                f"'{other.method}', which is simpler: do not trust its image, and take that method instead."
            )
    return tuple(sentences)


@torch.no_grad()
def score(
    method: Method,
    scan: Scan,
    *,
    reconstruction: Reconstruction | None = None,
    seed: int = 0,
    folds: int = FOLDS,
    progress: Progress | None = None,
) -> Score:
    """Return the held-back score of a method on a scan.

    Parameters
    ----------
    folds
        How many parts are held back, one at a time: fifths of the lines outside the centre, or tenths of the samples.
    method, scan, reconstruction, seed, progress
        As for `fourfold.confidence.trust`. Without a reconstruction of the full grid, the first image without held-back
        samples chooses the settings.

    Raises
    ------
    InputError
        Where nothing can be held back, coil maps cannot be estimated, or the data does not suit the method.
    """
    full, reporter = on_full_grid(scan), Reporter(progress)
    usable = reconstruction is not None and reconstruction.image.shape == (scan.frames, *scan.shape)
    pieces, frames = pieces_of(method, full), []
    for number, piece in enumerate(pieces):
        made = frames_of(reconstruction, piece) if usable and reconstruction is not None else None
        trial = trial_of(method, full, piece, seed, made)
        trial.progress = reporter.part(number / len(pieces), 1 / len(pieces), piece_name(pieces, number) + "held back")
        frames.append(hold_back(trial, Units.of(trial.scan), folds))
    return Score(method.name, tuple(frames))


def simpler_scores(
    method: Method, scan: Scan, own: Score, *, seed: int = 0, folds: int = FOLDS, progress: Progress | None = None
) -> tuple[Score, ...]:
    """Return the scores of the methods that a method must not fall below: zeros, and total variation.

    Classical methods are compared with zeros alone. Methods for series are too, since total variation knows no series.

    Parameters
    ----------
    own
        The method's own score, with the same seed and folds.
    method, scan, seed, folds, progress
        As for `score`.
    """
    if method.name == "zero-filled":
        return ()
    if method.family == "classical" or method.scope == "series":
        return (own.of_zeros(),)
    return own.of_zeros(), score(TotalVariation(), scan, seed=seed, folds=folds, progress=progress)
