"""The base of all methods that minimise ½‖A x − y‖² + weight · R(x), A being the encoding with coil maps."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.errors import InputError
from fourfold.kspace.time_average import time_average
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination, SenseProblem
from fourfold.methods.tuning.shrinkage import shrinkage_note
from fourfold.methods.tuning.weight import Solve, WeightChoice, choose_weight, try_weight
from fourfold.noise.outer_kspace_noise import noise_std_of_scan
from fourfold.optimize.minimum import Minimum
from fourfold.scan import Scan

__all__ = ["DEFAULT_CONTROL", "IterationCallback", "ModelBasedMethod", "SolverControl", "Weight"]

Weight: TypeAlias = NonNegativeFloat | Literal["auto"]
"""A number, or auto: chosen from the data."""

IterationCallback: TypeAlias = Callable[[int, Tensor], None]
"""Called with the iteration (from 1) and the current solution."""


@dataclass(frozen=True)
class SolverControl:
    """Where a solver starts, and what it calls after every iteration."""

    start: Tensor | None = None
    """First guess (frame, set, y, x); None for the solver's own."""
    callback: IterationCallback | None = None
    """Called after every iteration."""


DEFAULT_CONTROL = SolverControl()

# From this part of the image's brightness on, a sample's noise leaves methods for series little to go on: of two series
# with more, low rank + sparse was 2 dB above zero-filled frames and 2 dB below.
_MUCH_NOISE = 0.1
# To choose a weight, images need not be as exact as the one that is shown.
_TRIAL_TOLERANCE = 2.0


class ModelBasedMethod(CoilMapSettings, Method):
    """Minimises ½‖A x − y‖² + weight · R(x), A being the encoding with coil maps; a subclass minimises.

    The data are brought to a scale that is computed from them, so that one weight serves every scanner.
    """

    family: ClassVar[Family] = "classical"
    cartesian_only: ClassVar[bool] = False

    weight_setting: ClassVar[str] = "weight"
    """The setting that the search for a weight chooses; of a method with a denoiser this is a noise level."""

    initial_weight: ClassVar[float]
    """Where the search for a weight starts, and where it stays if the data do not determine it."""
    holds_out_lines: ClassVar[bool] = True
    """Whether whole lines are held out in the search for a weight; single samples otherwise."""
    repeats_trials: ClassVar[bool] = True
    """Whether samples are held out more often where there are few of them: not by methods that take long."""

    phase_sensitive: ClassVar[bool] = True
    """Whether the value of the regulariser depends on the phase of the image."""

    noise_share: ClassVar[float | None] = None
    """Of series: an automatic weight is this part of the noise's standard deviation, and at least `initial_weight`."""

    coil_map_sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the solution itself, less noisy."""

    iterations: PositiveInt = 200
    """At most so many iterations."""
    tolerance: NonNegativeFloat = 2e-4
    """Stop when an iteration changes the image by less than this part of it."""

    gpu_memory: PositiveFloat = 4.0
    """On a GPU: gigabytes that frames solved together may take. A CPU is as fast with one frame after the other."""

    def frames_at_once(self, scan: Scan) -> int:
        """Return how many frames fit into `gpu_memory` on a GPU; one on a CPU."""
        if scan.kspace.device.type == "cpu":
            return 1
        # Maps, their conjugates and copies with the image's phase, k-space twice, and the solver's images.
        arrays = 8 * scan.coils + 40
        return max(1, int(self.gpu_memory * 1e9 / (8 * arrays * math.prod(scan.shape))))

    @abstractmethod
    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the solution (frame, set, y, x) for one weight.

        Parameters
        ----------
        problem
            The data term.
        weight
            Weight of R.
        control
            Where to start and what to call after every iteration.
        """

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame or several at once, or the series where that is the `scope`."""
        progress(0.0, "coil maps")
        calibrated = time_average(scan) if self.scope == "series" else scan
        scan, map_notes = self.with_coil_maps(scan, calibrated, self.coil_map_sets)
        problem = SenseProblem.of(scan, self.coil_map_sets, self.coil_map_threshold, calibrated, self.phase_sensitive)
        weight, choice = self.choose_weight(problem, progress)

        def report(iteration: int, _: Tensor) -> None:
            progress(iteration / self.iterations, f"iteration {iteration}")

        minimum = self.minimise(problem, weight, SolverControl(callback=report))
        choice_details = {} if choice is None else {self.weight_setting: choice.summary(self.weight_setting)}
        shrinkage = 1.0 if choice is None else choice.shrinkage
        is_rss = self.coil_combination == "rss"
        return Solution(
            problem.image(minimum.x, self.coil_combination, shrinkage),
            minimum.iterations,
            problem.scale,
            (*map_notes, *problem.notes, *self._noise_notes(problem), *shrinkage_note(shrinkage)),
            {**minimum.details, **choice_details},
            before_data_consistency=problem.image(minimum.x, "maps", shrinkage) if is_rss else None,
        )

    def _noise_notes(self, problem: SenseProblem) -> tuple[str, ...]:
        """Return what to say of a series with much noise."""
        noise = 0.0 if self.noise_share is None else _relative_noise(problem)
        if noise < _MUCH_NOISE:
            return ()
        return (
            f"The noise of a sample is {100 * noise:.0f} % of the image's brightness: with so much of it a series can "
            "be worse than zero-filled frames; compare it with them.",
        )

    def weight_search_method(self) -> ModelBasedMethod:
        """Return the method with which weights are tried: itself, or a faster one whose weight means the same."""
        return self

    def choose_weight(self, problem: SenseProblem, progress: Progress) -> tuple[float, WeightChoice | None]:
        """Return the weight, and how it was chosen unless it was given."""
        requested: Weight = getattr(self, self.weight_setting)
        if requested != "auto":
            return requested, None
        if problem.scan.trajectory is not None and not self.holds_out_lines:
            # Held-out shots would mislead the search, and samples within a shot are too similar to predict one another.
            return self.initial_weight, WeightChoice(self.initial_weight, {}, 0, 0, 1.0)

        def solve(part: SenseProblem, weight: float, start: Tensor | None, iterations: int) -> Minimum:
            progress(0.0, f"trying the weight {weight:.2g}")
            at_most = min(iterations, self.iterations)
            quick = self.weight_search_method().model_copy(
                update={"iterations": at_most, "tolerance": _TRIAL_TOLERANCE * self.tolerance}
            )
            return quick.minimise(part, weight, SolverControl(start))

        if self.noise_share is not None:
            choice = self._follow_noise(_relative_noise(problem), self.noise_share, problem, solve)
            return choice.weight, choice
        choice = choose_weight(
            problem, solve, self.initial_weight, self.holds_out_lines, repeats_trials=self.repeats_trials
        )
        return choice.weight, choice

    def _follow_noise(self, noise: float, share: float, problem: SenseProblem, solve: Solve) -> WeightChoice:
        """Return the weight of a series, and with much noise the shrinkage of its image."""
        weight = max(self.initial_weight, share * noise)
        if noise >= _MUCH_NOISE:
            # Frames of a single line beside the centre have none to hold out.
            with suppress(InputError):
                return try_weight(problem, solve, weight)
        return WeightChoice(weight, {}, 0, 0, 1.0)


def _relative_noise(problem: SenseProblem) -> float:
    """Return the noise's standard deviation in the image's units; 0 with a trajectory, whose densities mix it."""
    return 0.0 if problem.scan.trajectory is not None else noise_std_of_scan(problem.scan) / problem.scale
