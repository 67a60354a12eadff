"""The weight of a regulariser, chosen by cross-validation on held-out k-space samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, TypeAlias

from torch import Tensor

from fourfold.methods.sense_problem import SenseProblem
from fourfold.methods.tuning.shrinkage import shrinkage_factor
from fourfold.methods.tuning.trial import Trial
from fourfold.optimize.minimum import Minimum

__all__ = ["Solve", "WeightChoice", "choose_weight", "try_weight"]

Solve: TypeAlias = Callable[[SenseProblem, float, Tensor | None, int], Minimum]
"""Solves a problem for a weight, from a first guess, in at most so many iterations."""

# From candidate to candidate; the last two lie half as far from the best.
_STEP = 2.5
_MOST_STEPS = 6
# A larger weight must score better by this part of the score, a smaller one by more: between images that predict
# equally well the smoother one is safer, and where nothing can be predicted all do.
_GAIN_UP, _GAIN_DOWN = 2e-3, 1e-2
# The first candidate need not converge; but with 30 iterations total variation chose wrongly on a noisy knee.
_FIRST_ITERATIONS = 45
# Of fewer lines, held out in all trials together, the score says little: with three lines of a head of 128×128 at 4×
# total variation's weight was a thirtieth of the best one, and its image 5 dB worse.
# Methods whose trials take the whole image have half as many lines, and half as many trials, in the same time.
_HELD_OUT_PER_IMAGE, _MOST_IMAGES = 5, 3
# A candidate starts from its neighbour's image and gets this part of the iterations that the first one took.
_EFFORT = 1 / 4


@dataclass(frozen=True)
class WeightChoice:
    """The chosen weight and the scores behind it."""

    weight: float
    """The choice."""
    scores: dict[float, float]
    """Held-out error of every candidate, by weight, in the order in which they were tried."""
    iterations: int
    """Iterations of all candidates and trials together, each on the part of the image given by `share`."""
    trials: int
    """How often samples were held out, others every time; a score is the mean over the trials."""
    share: float
    """The part of the image that a trial works on."""
    shrinkage: float = 1.0
    """Factor of what the image adds to the measured samples (`fourfold.methods.tuning.shrinkage.shrinkage_factor`)."""

    def summary(self, setting: str = "weight") -> dict[str, Any]:
        """Return candidates, scores and choice as JSON types, the weight under the name of its `setting`."""
        return {
            setting: self.weight,
            "candidates": [{setting: weight, "score": score} for weight, score in self.scores.items()],
            "iterations": self.iterations,
            "trials": self.trials,
            "part_of_image": round(self.share, 4),
            "shrinkage": round(self.shrinkage, 4),
        }


def choose_weight(
    problem: SenseProblem,
    solve: Solve,
    first: float,
    whole_lines: bool = True,
    seed: int = 0,
    *,
    repeats_trials: bool = True,
) -> WeightChoice:
    """Return the weight whose image best predicts the held-out samples.

    The curve of the held-out error over the logarithm of the weight is walked downhill from the `first` weight, in
    steps of a factor 2.5; then half a step to either side of the best one, and a parabola through the best three gives
    the weight between them. Each candidate starts from the image of the nearest one.

    Parameters
    ----------
    problem
        The data term.
    solve
        The method.
    first
        Where to start, and to stay where other weights predict hardly better.
    whole_lines, seed
        What to hold out: as in `fourfold.sampling.hold_out.hold_out`.
    repeats_trials
        Whether samples are held out more often where there are few of them.

    Raises
    ------
    InputError
        When there are too few samples to hold any out.
    """
    trials = [Trial.of(problem, whole_lines, seed)]
    # Where a trial takes half the work, there is time for another one.
    wanted = _HELD_OUT_PER_IMAGE / trials[0].number if repeats_trials else 1.0
    images = min(_MOST_IMAGES, max(1.0, wanted))
    number = math.ceil(round(images / trials[0].share, 6))
    trials += [Trial.of(problem, whole_lines, seed + index) for index in range(1, number)]
    search = _Search([_Path(trial, solve) for trial in trials])
    weight = search.refine(search.downhill(first))
    return search.choice(weight, trials)


def try_weight(problem: SenseProblem, solve: Solve, weight: float, seed: int = 0) -> WeightChoice:
    """Return the held-out error of a given weight in one trial, and the shrinkage of its image.

    Parameters and errors as in `choose_weight`.
    """
    trial = Trial.of(problem, seed=seed)
    search = _Search([_Path(trial, solve)])
    search.score(weight)
    return search.choice(weight, [trial])


class _Path:
    """The images of one trial's candidates so far."""

    def __init__(self, trial: Trial, solve: Solve) -> None:
        self.iterations = 0
        self._trial, self._solve = trial, solve
        self._images: dict[float, Tensor] = {}
        self._effort: int | None = None

    def score(self, weight: float) -> float:
        """Return the held-out error for `weight`, from the nearest candidate's image."""
        nearest = min(self._images, key=lambda tried: abs(math.log(tried / weight)), default=None)
        start = None if nearest is None else self._images[nearest]
        minimum = self._solve(self._trial.kept, weight, start, self._effort or _FIRST_ITERATIONS)
        self.iterations += minimum.iterations
        self._effort = self._effort or math.ceil(_EFFORT * minimum.iterations)
        self._images[weight] = minimum.x
        return self._trial.score(minimum.x)

    def agreement(self, weight: float) -> float:
        """Return `Trial.agreement` of a candidate's image."""
        return self._trial.agreement(self._images[weight])


class _Search:
    """The candidates tried so far."""

    def __init__(self, paths: Sequence[_Path]) -> None:
        self.scores: dict[float, float] = {}
        self._paths = paths

    @property
    def iterations(self) -> int:
        """Iterations so far."""
        return sum(path.iterations for path in self._paths)

    def score(self, weight: float) -> float:
        """Return the held-out error for `weight`, the mean over all trials."""
        if weight not in self.scores:
            self.scores[weight] = mean(path.score(weight) for path in self._paths)
        return self.scores[weight]

    def choice(self, weight: float, trials: Sequence[Trial]) -> WeightChoice:
        """Return the choice of `weight`."""
        return WeightChoice(weight, self.scores, self.iterations, len(trials), trials[0].share, self._shrinkage(weight))

    def _shrinkage(self, weight: float) -> float:
        """Return the shrinkage of the image of `weight`: that of the nearest candidate."""
        nearest = min(self.scores, key=lambda tried: abs(math.log(tried / weight)))
        return shrinkage_factor(self.scores[nearest], mean(path.agreement(nearest) for path in self._paths))

    def downhill(self, weight: float) -> float:
        """Return the best weight on a ladder around `weight`."""
        for factor, gain in ((_STEP, _GAIN_UP), (1 / _STEP, _GAIN_DOWN)):
            best = weight
            for _ in range(_MOST_STEPS):
                if self.score(best * factor) > (1 - gain) * self.score(best):
                    break
                best *= factor
            if best != weight:
                return best
        return weight

    def refine(self, best: float) -> float:
        """Return the weight at the lowest point of a parabola through the best candidates around `best`."""
        half = math.sqrt(_STEP)
        middle = min((best, best * half, best / half), key=self.score)
        ordered = sorted(self.scores)
        place = ordered.index(middle)
        if place in (0, len(ordered) - 1):
            return middle
        below, above = ordered[place - 1], ordered[place + 1]
        return _lowest_point({weight: self.score(weight) for weight in (below, middle, above)})


def _lowest_point(scores: dict[float, float]) -> float:
    """Return where a parabola over the logarithm of three weights is lowest, the middle one being the best of them."""
    (left, left_score), (middle, middle_score), (right, right_score) = sorted(scores.items())
    before, after = math.log(middle / left), math.log(right / middle)
    rise, fall = (right_score - middle_score) / after, (left_score - middle_score) / before
    if rise + fall <= 0:
        return middle
    return middle * math.exp(0.5 * (fall * after - rise * before) / (rise + fall))
