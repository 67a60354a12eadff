"""The members of one frame, drawn in groups, and what is said of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Generator, Tensor

from fourfold.methods.method import Progress
from fourfold.optimize.conjugate_gradient_steps import inner_of_each
from fourfold.optimize.posterior_sampling import Measurement, Stage

__all__ = ["MemberRun", "Plan", "Trace"]

Trace: TypeAlias = list[dict[str, float]]
"""Noise level and residual of a member after each of its levels."""


@dataclass(frozen=True)
class Plan:
    """Which members are drawn."""

    seeds: Sequence[int]
    """The seed of each member."""
    together: int
    """How many are drawn at once."""
    levels: int
    """Noise levels of each member."""
    seconds: float | None
    """No further group begins that would not end within so many seconds."""


class MemberRun:
    """Draws the members, group by group, until an interruption or the end of the time.

    Parameters
    ----------
    plan
        Which members.
    measured
        The measurement that they explain.
    samples
        Number of measured samples, of all coils.
    stages
        Returns the stages of a group, given its generators.
    progress
        Called after every noise level.
    """

    def __init__(
        self,
        plan: Plan,
        measured: Measurement,
        samples: int,
        stages: Callable[[Sequence[Generator]], Iterator[Stage]],
        progress: Progress,
    ) -> None:
        self.plan, self.measured, self.progress = plan, measured, progress
        self._samples, self._stages = samples, stages
        self._images: list[Tensor] = []
        self._traces: list[Trace] = []
        self._unfinished: Tensor | None = None
        self.levels_done = 0
        self.interrupted = False

    @property
    def images(self) -> Tensor:
        """Each member's solution, complex64 (member, set, y, x)."""
        return torch.cat(self._images)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the record."""
        done, wanted = sum(map(len, self._images)), len(self.plan.seeds)
        if self.interrupted and self._unfinished is not None:
            return (
                f"The sampling was interrupted: the image is what the first members had reached after "
                f"{len(self._traces[0])} of {self.plan.levels} noise levels.",
            )
        if self.interrupted:
            return (f"The sampling was interrupted after {done} of {wanted} members.",)
        return () if done == wanted else (f"The time budget was spent after {done} of {wanted} members.",)

    @property
    def details(self) -> dict[str, Any]:
        """Each member's seed and its residual at every noise level, as JSON types."""
        named = zip(self.plan.seeds, self._traces, strict=False)
        return {"members": [{"seed": seed, "residuals": trace} for seed, trace in named]}

    def run(self) -> None:
        """Draw all members; an interruption leaves those that are finished, or what the first have reached."""
        begin, longest = time.perf_counter(), 0.0
        for first in range(0, len(self.plan.seeds), self.plan.together):
            seeds = self.plan.seeds[first : first + self.plan.together]
            start = time.perf_counter()
            if first and self.plan.seconds is not None and start - begin + longest > self.plan.seconds:
                return
            try:
                self._draw(seeds, first)
            except KeyboardInterrupt:
                self._interrupt()
                return
            longest = max(longest, time.perf_counter() - start)

    def _draw(self, seeds: Sequence[int], first: int) -> None:
        """Draw one group of members, which stand from `first` on among all."""
        traces: list[Trace] = [[] for _ in seeds]
        self._unfinished = None
        if not self._images:
            # What the first members have reached counts even where an interruption ends them early.
            self._traces = traces
        total, last = len(self.plan.seeds), first + len(seeds)
        who = f"member {first + 1}" + (f" to {last}" if last > first + 1 else "")
        stages = self._stages([torch.Generator().manual_seed(seed) for seed in seeds])
        for number, (level, x) in enumerate(stages, start=1):
            self._unfinished = x
            self.levels_done += len(x)
            residuals = self._residuals(x)
            for trace, residual in zip(traces, residuals, strict=True):
                trace.append({"noise_level": level, "residual": residual})
            part = (first + len(seeds) * number / self.plan.levels) / total
            self.progress(part, f"{who} of {total}, noise level {level:.2g}: residual {residuals[0]:.3g}")
        assert self._unfinished is not None
        if self._images:
            self._traces += traces
        self._images.append(self._unfinished)
        self._unfinished = None

    def _interrupt(self) -> None:
        """Keep what there is; without anything the interruption goes on."""
        if not self._images:
            if self._unfinished is None:
                raise KeyboardInterrupt
            self._images.append(self._unfinished)
        else:
            self._unfinished = None
        self.interrupted = True

    def _residuals(self, x: Tensor) -> list[float]:
        """Return ‖A x − y‖ of each member in units of the noise's expected norm: about 1 where it explains the data."""
        data = self.measured.data
        squared = data.energy + inner_of_each(x, data.normal(x) - 2 * data.rhs).flatten()
        expected = 2 * self._samples * self.measured.noise_std**2
        return [math.sqrt(max(0.0, value) / expected) for value in squared.tolist()]
