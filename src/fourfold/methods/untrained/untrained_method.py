"""The base of all untrained methods: settings, the ensemble of fits, and the image of all members."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.errors import InputError
from fourfold.kspace.readout_oversampling import crop_readout, oversampling
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.mean_image import mean_image
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.model_based import Weight
from fourfold.methods.sense_problem import CoilCombination, SenseProblem
from fourfold.methods.untrained.fitting.compilation import CompilationError, Compiled, can_compile
from fourfold.methods.untrained.fitting.early_stopping import FitCheck
from fourfold.methods.untrained.fitting.fit import Fit, Optimiser, Schedule, fit
from fourfold.methods.untrained.fitting.sample_loss import SampleLoss
from fourfold.methods.untrained.fitting.targets import CoilImagesTarget, FitTarget, ImageTarget, VirtualCoils
from fourfold.methods.untrained.fitting.time_budget import BudgetTooSmallError, TimeBudget
from fourfold.networks.layers.precision import Precision
from fourfold.networks.untrained.members import Members
from fourfold.optimize.minimise import SMOOTHING
from fourfold.optimize.near import minimise_near
from fourfold.optimize.nonlinear_cg import Smoothed
from fourfold.regularisers.regulariser import AnyRegulariser
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.sampling.hold_out import hold_out
from fourfold.scan import Scan

__all__ = ["CoilMapMethod", "UntrainedMethod"]

# Part of the weight that 'tv' chooses: the network is a prior too.
_SHARE = 0.4
# Compiling takes 20 to 40 s. A fit of so many numbers kept times iterations gains as much; a time budget must allow it.
_LONG_FIT, _LONG_BUDGET = 1.5e10, 100.0

CoilMapMethod: TypeAlias = Literal["auto", "espirit", "nlinv", "walsh", "none"]


class UntrainedMethod(CoilMapSettings, Method):
    """Minimises ½‖A G(C) − y‖² + weight · scale · TV(G(C)) over the weights C of a network; a subclass says which.

    Each member of the ensemble has a random start and held-out samples of its own, which say when to stop. The
    members are averaged, an image near their mean is solved for that explains what was measured, which is put back, and
    coils are combined (Darestani & Heckel 2021, IEEE TCI 7:724, Section IV, where samples are put back only).
    """

    family: ClassVar[Family] = "untrained"
    slow: ClassVar[bool] = True
    workers_are_processes: ClassVar[bool] = False

    members: PositiveInt = 4
    """Networks with different random starts, whose images are averaged; with a time budget at most so many."""
    seed: NonNegativeInt = 0
    """Seed of the first member; each further one adds one."""
    coil_map_method: CoilMapMethod = "auto"  # type: ignore[assignment]  # one choice more
    """How to estimate the coil maps that multiply the network's image, as other methods do; none: an image for each
    coil instead, without any maps."""
    coil_map_sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the solution itself, less noisy."""
    virtual_coils: VirtualCoils = "auto"
    """Virtual coils to fit; auto: without coil maps as many as hold 99.9 % of the measured energy, with them all, as
    fewer would save next to nothing. What was measured is put back in all coils either way."""
    readout_oversampling: Literal["crop", "keep"] = "crop"
    """crop: what a fully sampled readout holds outside the image that the scanner shows is cut off before the fit;
    keep: it is fitted too."""
    weight: Weight = "auto"
    """Weight of total variation beside the samples, larger is smoother; 0 leaves all to the network; auto takes what
    the method 'tv' chooses for the data for the last step, and 0.4 of it for the fit."""
    proximity_weight: NonNegativeFloat | None = 0.01
    """Weight of the distance to the mean of the members in the last step, which solves for an image that explains the
    samples, with total variation; none: samples are put back into each member and nothing more, as published."""
    huber: PositiveFloat | None = None
    """Errors above this, relative to the samples' root mean square, count by their modulus (Huber); none: squares."""
    held_out_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the samples outside the centre that each member does not use, and that say when to stop; 0: no early
    stopping."""
    iterations: PositiveInt = 1200
    """At most so many iterations for each member."""
    refit_iterations: NonNegativeInt = 100
    """Iterations after that from the chosen one, with all samples, those held out included."""
    tolerance: NonNegativeFloat = 1e-3
    """Stop when the error of the held-out samples has not fallen by this part of it for a hundred iterations."""
    time_budget: PositiveFloat | None = None
    """Seconds that the fit of all members may take, which decides how many there are; each is fitted whole. A budget
    that is too small for one is refused after a few iterations; none for no such limit."""
    optimiser: Optimiser = "muon"
    """muon: orthogonalised momentum, which fits detail sooner; adam: as published."""
    learning_rate: PositiveFloat = 0.05
    """Learning rate."""
    image_averaging: Annotated[float, Field(ge=0, lt=1)] = 0.97
    """Share of the old mean in the running mean of the images over the iterations; 0 takes the last image."""
    precision: Precision = "auto"
    """Numbers that the network computes with: auto takes bfloat16 where the hardware has it, and float32 elsewhere."""
    compile: Compiled = "auto"
    """Compile the network, which takes 20 to 40 seconds once; a CPU is then 1.5 to 1.8 times as fast. auto does so on a
    CPU where the fit is long enough to gain by it and a C++ compiler is installed."""
    gpu_memory: PositiveFloat = 4.0
    """On a GPU: gigabytes that members fitted together may take. A CPU is as fast with one member after the other."""

    @abstractmethod
    def network(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> Members:
        """Return the networks, one for each seed, that make `outputs` real images of `size`."""

    def frame_memory(self, scan: Scan) -> int:
        """Return roughly how many bytes a frame takes: beside the data what one network keeps for its gradient."""
        one = self.network([self.seed], 2, scan.shape)
        # Measured: 0.5 to 1.1 of the estimate is taken, and a fit of all coils' images has more outputs.
        return super().frame_memory(scan) + 2 * torch.float32.itemsize * one.numbers_kept

    @property
    def ensemble_size(self) -> int:
        """How many fits are wanted."""
        return self.members

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, "coil maps")
        scan, cut = self._cut(scan)
        target, map_notes = self._target(scan)
        problem = target.problem
        variation = TotalVariation(weight=self.weight)
        weight, choice = variation.choose_weight(problem, progress)
        # With the whole weight the fit makes the image of 'tv', and all members the same.
        share = 1.0 if choice is None else _SHARE
        ensemble = _Ensemble(self, problem, share * weight, progress)
        ensemble.fit()
        images = torch.stack([target.image(x, self.coil_combination) for x in ensemble.images])
        image, before_data_consistency = self._result(
            target, ensemble.images, variation.new_regulariser(problem), weight
        )
        return Solution(
            image,
            ensemble.iterations,
            problem.scale,
            (*cut, *map_notes, *target.notes, *ensemble.notes),
            {**ensemble.details, **({} if choice is None else {"weight": choice.summary()})},
            ensemble.interrupted,
            std=images.abs().std(dim=0) if len(images) > 1 else None,
            members=images,
            before_data_consistency=before_data_consistency,
        )

    def _result(
        self, target: FitTarget, solutions: Sequence[Tensor], regulariser: AnyRegulariser, weight: float
    ) -> tuple[Tensor, Tensor | None]:
        """Return the image of all members (y, x), and before data consistency where that changed it."""

        def combined(solutions: Sequence[Tensor], combination: CoilCombination) -> Tensor:
            return mean_image(torch.stack([target.image(x, combination) for x in solutions]))

        changed = self.proximity_weight is not None or self.coil_combination == "rss"
        before = combined(solutions, "maps") if changed else None
        if self.proximity_weight is not None:
            problem, mean = target.problem, torch.stack(list(solutions)).mean(dim=0)
            solutions = [
                minimise_near(problem.data_term, mean, self.proximity_weight, regulariser, weight, problem.support)
            ]
        return combined(solutions, self.coil_combination), before

    def _cut(self, scan: Scan) -> tuple[Scan, tuple[str, ...]]:
        """Return the scan without its readout oversampling unless that is to be fitted too, and what to know of it."""
        factor = oversampling(scan)
        if self.readout_oversampling == "keep" or factor == 1:
            return scan, ()
        return crop_readout(scan), (f"The readout's oversampling, {factor:.3g}×, was cut off before the fit.",)

    def _target(self, scan: Scan) -> tuple[FitTarget, tuple[str, ...]]:
        """Return what the networks are fitted to, and notes for the record."""
        if self.coil_map_method != "none":
            scan, map_notes = self.with_coil_maps(scan, scan, self.coil_map_sets)
            return ImageTarget(
                SenseProblem.of(scan, self.coil_map_sets, self.coil_map_threshold), self.virtual_coils
            ), map_notes
        if self.coil_map_sets != "auto" or self.coil_map_threshold != "auto":
            raise InputError(
                f"With coil_map_method 'none' no coil maps are used, but coil_map_sets {self.coil_map_sets} and "
                f"coil_map_threshold {self.coil_map_threshold} were given for them: leave these out."
            )
        return CoilImagesTarget(scan, self.virtual_coils), ()


class _Ensemble:
    """Fits the members, one after the other or several together."""

    def __init__(self, method: UntrainedMethod, problem: SenseProblem, weight: float, progress: Progress) -> None:
        self.method, self.problem, self.progress = method, problem, progress
        self.fits: list[Fit] = []
        self.seeds: list[int] = []
        self.interrupted = False
        self.parameters = 0
        self.compiled = False
        self.compiler_failed = ""
        """What the compiler says where it has failed on the network."""
        self.budget = TimeBudget(method.time_budget, method.iterations + method.refit_iterations)
        self._outputs = 2 * problem.rhs.shape[0] * problem.rhs.shape[1]
        self._kspace = problem.scan.kspace / problem.scale
        variation = Smoothed(TotalVariationPenalty(self._support()).analysis(), SMOOTHING)
        self._penalty = (lambda x: variation.gradient(x[None])[0].mul_(weight)) if weight > 0 else None

    @property
    def images(self) -> list[Tensor]:
        """Each member's solution (frame, set, y, x)."""
        return [images.view(self.problem.rhs.shape) for group in self.fits for images in group.images]

    @property
    def iterations(self) -> int:
        """Iterations of all members."""
        return sum(group.iterations * len(group.chosen) for group in self.fits)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the record."""
        done, wanted = len(self.images), self.method.members
        failed = (
            (f"The network was fitted without compilation, which had failed: {self.compiler_failed}",)
            if self.compiler_failed
            else ()
        )
        if self.interrupted:
            return (
                *failed,
                f"The fit was interrupted: the image is what {done} of {wanted} members had reached after "
                f"{self.iterations} iterations.",
            )
        if done < wanted:
            return *failed, f"The time budget of {self.method.time_budget:g} s allowed {done} of {wanted} members."
        return failed

    @property
    def details(self) -> dict[str, Any]:
        """Parameters, and each member's curve, as JSON types."""
        members = [
            {
                "chosen_iteration": group.chosen[index],
                "iterations": group.iterations,
                "curve": [
                    {
                        "iteration": check.iteration,
                        "loss": check.loss[index],
                        "held_out_error": None if check.held_out is None else check.held_out[index],
                    }
                    for check in group.curve
                ],
            }
            for group in self.fits
            for index in range(len(group.chosen))
        ]
        named = [{"seed": seed, **member} for seed, member in zip(self.seeds, members, strict=True)]
        return {"parameters": self.parameters, "compiled": self.compiled, "members": named}

    def fit(self) -> None:
        """Fit the members that the time budget allows; an interruption leaves those that have an image."""
        seed, last = self.method.seed, self.method.seed + self.method.members
        together = self._together()
        while seed < last and not self.interrupted and self.budget.allows_another():
            seeds = range(seed, min(seed + together, last))
            try:
                group = self._fit(seeds)
            except KeyboardInterrupt:
                if not self.fits:
                    raise
                self.interrupted = True
                return
            except BudgetTooSmallError as too_small:
                if together == 1:
                    raise self._refusal(too_small.needed) from None
                together //= 2
                continue
            except CompilationError as failure:
                self._go_on_without_compiling(failure)
                continue
            self.budget.end_fit()
            self.fits.append(group)
            self.seeds += seeds
            self.interrupted = group.interrupted
            seed += len(seeds)

    def _go_on_without_compiling(self, failure: CompilationError) -> None:
        """Remember that the compiler fails on this network; raise InputError where it must be compiled."""
        if self.method.compile == "always":
            raise InputError(
                f"The compiler fails on this network ({failure}); leave out compile 'always', or repair the compiler."
            ) from failure
        self.compiler_failed = str(failure)

    def _refusal(self, needed: float) -> InputError:
        method = self.method
        return InputError(
            f"The time budget is {method.time_budget:g} s but the fit of one member, {self.budget.iterations} "
            f"iterations, takes about {needed:.0f} s here; give a time budget of {1.2 * needed:.0f} s, fewer "
            f"iterations or channels, or take the method 'tv'."
        )

    def _fit(self, seeds: Sequence[int]) -> Fit:
        method, scan = self.method, self.problem.scan
        held = self._held_out(seeds)
        acquired = scan.mask.expand_as(held)
        network = method.network(seeds, self._outputs, scan.shape).to(scan.kspace.device)
        self.parameters, self.compiled = network.parameters_of_each(), self._compiles(network)
        data = self._kspace, self.problem.encoding.coil_maps
        return fit(
            network,
            SampleLoss(acquired & ~held, *data, huber=method.huber),
            SampleLoss(held, *data) if method.held_out_fraction else None,
            Schedule(
                iterations=method.iterations,
                refit_iterations=method.refit_iterations,
                optimiser=method.optimiser,
                learning_rate=method.learning_rate,
                image_averaging=method.image_averaging,
                tolerance=method.tolerance,
                precision=method.precision,
                compile=self.compiled,
            ),
            self._penalty,
            SampleLoss(acquired, *data, huber=method.huber) if method.held_out_fraction else None,
            lambda check, _, seconds: self._report(seeds, check, seconds),
        )

    def _compiles(self, network: Members) -> bool:
        """Return whether to compile: by each member's work, so that a member is the same alone and beside others."""
        method = self.method
        if method.compile == "never" or self.compiler_failed:
            return False
        numbers = network.numbers_kept * (method.iterations + method.refit_iterations)
        long = numbers > _LONG_FIT and (method.time_budget is None or method.time_budget > _LONG_BUDGET)
        if method.compile == "auto" and not (long and network.fixed_input.device.type == "cpu"):
            return False
        possible = can_compile()
        if method.compile == "always" and not possible:
            raise InputError(
                "The network cannot be compiled here, because a C++ compiler or Python's header files are missing: "
                "install them or leave out compile 'always'."
            )
        return possible

    def _held_out(self, seeds: Sequence[int]) -> Tensor:
        """Return the samples that each member does not use, bool (member, ky, kx): others for every seed."""
        mask, share = self.problem.scan.mask, self.method.held_out_fraction
        if share == 0:
            return torch.zeros_like(mask).repeat(len(seeds), 1, 1)
        return torch.cat([hold_out(mask, share, seed=seed) for seed in seeds])

    def _support(self) -> Tensor:
        """Return bool (1, image, y, x): the pixels that the coil maps cover."""
        frames, sets, *size = self.problem.rhs.shape
        return self.problem.support.expand(frames, sets, *size).reshape(1, -1, *size)

    def _together(self) -> int:
        """Return how many members are fitted together."""
        device = self.problem.rhs.device
        if device.type == "cpu":
            return 1
        one = self.method.network([0], self._outputs, self.problem.scan.shape)
        return min(self.method.members, max(1, int(self.method.gpu_memory * 1e9 / (4 * one.numbers_kept))))

    def _report(self, seeds: Sequence[int], check: FitCheck, seconds: float) -> None:
        """Report the progress of the fit, and have its time judged."""
        self.budget.observe(check.iteration, seconds)
        total = self.method.members
        before, part = len(self.seeds), check.iteration / self.method.iterations
        left = seconds * ((total - before) / len(seeds) / part - 1)
        done = (before + part * len(seeds)) / total
        if self.method.time_budget is not None:
            left = max(0.0, min(left, self.method.time_budget - self.budget.spent))
            done = max(done, min(1.0, self.budget.spent / self.method.time_budget))
        which = f"member {before + 1}" + (f" to {before + len(seeds)}" if len(seeds) > 1 else "")
        held = "" if check.held_out is None else f", held-out error {_mean(check.held_out):.2g}"
        self.progress(
            done,
            f"{which} of {total}, iteration {check.iteration}: loss {_mean(check.loss):.2g}{held}, {left:.0f} s left",
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
