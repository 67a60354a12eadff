"""The base of the methods that draw images from a denoiser's prior and the measured data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Generator

from fourfold.denoisers.checked import checked
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.denoiser_setting import DenoiserSetting, denoiser_details, new_denoiser
from fourfold.methods.first_image import first_image
from fourfold.methods.generative.posterior.measurement import SMALLEST_NOISE, measurement, relative_noise
from fourfold.methods.generative.posterior.member_run import MemberRun, Plan
from fourfold.methods.mean_image import mean_image
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination, SenseProblem
from fourfold.optimize.posterior_sampling import SamplingTask, Stage, falling_levels
from fourfold.regularisers.warm import for_one_solve
from fourfold.scan import Scan
from fourfold.weights.find import shipped

__all__ = ["GenerativeMethod"]

PRIOR = "brain-prior"
"""The weights of the denoiser that is the prior unless another is named."""
# Real numbers that a pixel of a member takes: those of a denoiser with 32 channels.
_NUMBERS = 400


class GenerativeMethod(CoilMapSettings, Method):
    """Draws images that explain the samples and are like those that a denoiser was trained on.

    The spread of the members is the uncertainty that samples, their noise and the prior leave, and their mean is the
    image. A subclass says how they are drawn.
    """

    family: ClassVar[Family] = "generative"
    cartesian_only: ClassVar[bool] = False
    slow: ClassVar[bool] = True
    display_order: ClassVar[int] = 80

    denoiser: DenoiserSetting = PRIOR
    """The prior: a denoiser that gives the mean of all images that a noisy one may show, weights of a trained
    one, by name or folder; any other that 'pnp' takes; or, from Python, a function (image, sigma) -> image."""
    members: PositiveInt = 8
    """Images to draw; their mean is the result."""
    seed: NonNegativeInt = 0
    """Seed of the first member; each further one adds one."""
    steps: PositiveInt = 40
    """Noise levels, one call of the denoiser each; they fall geometrically."""
    first_level: PositiveFloat = 0.3
    """The first noise level, relative to the brightness of the image."""
    last_level: PositiveFloat = 0.5
    """The last noise level, relative to the noise of the samples."""
    noise_std: PositiveFloat | Literal["auto"] = "auto"
    """Noise of the samples, as the standard deviation of their real part relative to the brightness of the image; auto
    takes it from the noise scan, or estimates it from the calibration lines and the outermost samples."""
    time_budget: PositiveFloat | None = None
    """Seconds that the members of a frame may take; at least one is drawn. none for no such limit."""
    coil_map_sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the drawn images themselves, of which
    the standard deviation always is, since the noise of the measured samples belongs to it."""
    gpu_memory: PositiveFloat = 4.0
    """On a GPU: gigabytes that members drawn together may take. A CPU is as fast with one member after the other."""

    @classmethod
    def ready(cls) -> bool:
        """Return whether the prior ships with fourfold."""
        return PRIOR in shipped()

    @abstractmethod
    def stages(self, task: SamplingTask) -> Iterator[Stage]:
        """Yield the images of a group of members at each noise level."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, "coil maps")
        scan, map_notes = self.with_coil_maps(scan, scan, self.coil_map_sets)
        problem = SenseProblem.of(scan, self.coil_map_sets, self.coil_map_threshold)
        noise = relative_noise(problem, self.noise_std)
        measured = measurement(problem, noise)
        start = first_image(problem)
        levels = self.levels(noise)

        denoiser = new_denoiser(self.denoiser, problem.rhs.device, problem.support)

        def stages(generators: Sequence[Generator]) -> Iterator[Stage]:
            return self.stages(SamplingTask(measured, checked(for_one_solve(denoiser)), levels, start, generators))

        samples = scan.coils * int(scan.mask.sum())
        run = MemberRun(self._plan(problem, len(levels)), measured, samples, stages, progress)
        run.run()
        details = {"noise_std": noise, "noise_levels": levels, **run.details, **denoiser_details(denoiser)}
        return self._solution(problem, run, details, (*map_notes, *problem.notes, *run.notes))

    def levels(self, noise_std: float) -> list[float]:
        """Return the noise levels for samples with noise of `noise_std`, relative to the brightness of the image."""
        last = self.last_level * max(noise_std, SMALLEST_NOISE)
        return falling_levels(max(self.first_level, last), last, self.steps)

    @property
    def ensemble_size(self) -> int:
        """How many members are drawn."""
        return len(self.seeds())

    def seeds(self) -> Sequence[int]:
        """Return the seed of each member."""
        return range(self.seed, self.seed + self.members)

    def _plan(self, problem: SenseProblem, levels: int) -> Plan:
        """Return which members are drawn, and how many at once: on a CPU one, so that it is the same to the bit."""
        bytes_of_one = 4 * _NUMBERS * problem.rhs[0].numel()
        on_cpu = problem.rhs.device.type == "cpu"
        together = 1 if on_cpu else max(1, int(self.gpu_memory * 1e9 / bytes_of_one))
        return Plan(self.seeds(), together, levels, self.time_budget)

    def _solution(
        self, problem: SenseProblem, run: MemberRun, details: dict[str, Any], notes: tuple[str, ...]
    ) -> Solution:
        """Return the mean of the members, with their images and spread where there are several."""
        own = torch.stack([problem.image(x[None])[0] for x in run.images])
        rss = self.coil_combination == "rss"
        images = own
        if rss:
            images = torch.stack([problem.image(x[None], "rss")[0] for x in run.images])
        several = len(own) > 1
        mean, mean_of_own = (mean_image(each) if several else each[0] for each in (images, own))
        return Solution(
            mean,
            run.levels_done,
            problem.scale,
            notes,
            details,
            run.interrupted,
            std=own.abs().std(dim=0) if several else None,
            members=images if several else None,
            before_data_consistency=mean_of_own if rss else None,
        )
