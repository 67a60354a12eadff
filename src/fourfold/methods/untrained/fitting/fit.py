"""The one loop that fits untrained networks to measured samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from fourfold.methods.untrained.fitting.compilation import compilation_errors
from fourfold.methods.untrained.fitting.early_stopping import CHECK_EVERY, EarlyStopping, FitCheck
from fourfold.methods.untrained.fitting.orthogonal_momentum import OrthogonalMomentum
from fourfold.methods.untrained.fitting.sample_loss import SampleLoss
from fourfold.networks.layers.precision import Precision, computing, wide_convolutions
from fourfold.networks.untrained.members import Members

__all__ = ["Fit", "FitCallback", "Optimiser", "Schedule", "fit"]

Optimiser: TypeAlias = Literal["muon", "adam"]

# Iterations in which the learning rate rises from zero: normalisation has no scale to go by in the very first steps.
_RAMP = 20
# Adam's learning rate for the weights that orthogonalised momentum leaves out.
_LINEAR_RATE = 0.03


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to fit."""

    iterations: int
    """At most so many."""
    refit_iterations: int = 0
    """Iterations with all samples after that."""
    optimiser: Optimiser = "muon"
    """``muon``: orthogonalised momentum for the convolutions, Adam for everything else; ``adam``: Adam for all."""
    learning_rate: float = 0.05
    """Size of a step."""
    image_averaging: float = 0.97
    """Share of the old mean in the running mean of the images; 0 takes the last ones."""
    tolerance: float = 1e-3
    """A member improves when its held-out error falls by this part of it."""
    precision: Precision = "auto"
    """What the network computes with."""
    compile: bool = False
    """Whether the network is compiled first: its first step then takes up to a minute, the others much less."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The images of all members."""

    images: Tensor
    """complex64, (member, image, y, x): of each member's chosen iteration, or after the refit from there."""
    chosen: tuple[int, ...]
    """That iteration: with the least error on the held-out samples, the last one where none are held out."""
    iterations: int
    """Done in all."""
    curve: tuple[FitCheck, ...]
    """The checks, every ten iterations."""
    interrupted: bool
    """Whether the user ended the fit."""


FitCallback: TypeAlias = Callable[[FitCheck, Tensor, float], None]
"""Called with a check, the running mean of the images (member, image, y, x), and the seconds since the start."""


def fit(
    network: Members,
    fitted: SampleLoss,
    held_out: SampleLoss | None,
    schedule: Schedule,
    penalty: Callable[[Tensor], Tensor] | None = None,
    all_samples: SampleLoss | None = None,
    callback: FitCallback = lambda *_: None,
) -> Fit:
    """Fit the members' weights so that their images explain the fitted samples.

    Each member's running mean of its images is checked every ten iterations against the held-out samples
    (`EarlyStopping`). The fit ends when no member has improved for a hundred iterations. From the weights of the
    chosen iteration a short refit then uses all samples.

    Parameters
    ----------
    network
        Gives real and imaginary parts of its images: (member, 2 · image, y, x), real ones first.
    fitted, held_out
        The samples to fit and those to judge by; without the latter the last iteration is taken.
    schedule
        How long and how fast.
    penalty
        x ↦ ∇R(x) for images (member, image, y, x), added to the loss's gradient.
    all_samples
        For the refit.
    callback
        Called after every check; a KeyboardInterrupt, raised there or anywhere, ends the fit with the best images so
        far if there are any.

    Raises
    ------
    CompilationError
        In the first step, where the compiler fails on the network.
    """
    state = _State(network, fitted, schedule, penalty)
    stopping = EarlyStopping(network, held_out, schedule.tolerance)
    start, interrupted = time.perf_counter(), False
    iterations = 0
    refitted: Tensor | None = None

    def check() -> FitCheck:
        return stopping.check(state.iteration, state.relative_loss, state.mean)

    try:
        while iterations < schedule.iterations and not stopping.settled(iterations):
            state.step()
            iterations += 1
            if iterations % CHECK_EVERY == 0:
                callback(check(), state.mean, time.perf_counter() - start)
        if not stopping.checks or stopping.checks[-1].iteration < iterations:
            check()
        if all_samples is not None and schedule.refit_iterations:
            stopping.restore_weights()
            state.restart(all_samples)
            while state.averaged < schedule.refit_iterations:
                state.step()
            iterations += state.averaged
            # The mean of a few iterations from a fresh start is no better than the chosen images.
            refitted = state.mean if state.averaged > _RAMP else None
    except KeyboardInterrupt:
        if not stopping.checks:
            raise
        interrupted = True
    images = stopping.images if refitted is None else refitted
    assert images is not None
    return Fit(images, tuple(stopping.chosen), iterations, tuple(stopping.checks), interrupted)


class _State:
    """Network, optimisers, and the running mean of the images."""

    def __init__(
        self,
        network: Members,
        samples: SampleLoss,
        schedule: Schedule,
        penalty: Callable[[Tensor], Tensor] | None,
    ) -> None:
        # Channels last makes convolutions 1.2 to 1.6 times faster on CPUs, in bfloat16 twice as fast.
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network, self.samples = network, samples
        self.forward = torch.compile(network, dynamic=False) if schedule.compile else network
        self.schedule, self.penalty = schedule, penalty
        self.precision = wide_convolutions(schedule.precision, network.fixed_input.device)
        self.optimisers = _optimisers(network, schedule)
        self.rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.iteration = self.averaged = 0
        self.mean = samples.data_term.rhs.new_zeros(())
        self._loss = samples.energy

    @property
    def relative_loss(self) -> Tensor:
        """Loss of the last step over the energy of the samples, (member,)."""
        return self._loss / self.samples.energy

    def step(self) -> None:
        """Take one step and update the running mean."""
        compiling = self.schedule.compile and self.iteration == 0
        with compilation_errors() if compiling else nullcontext(), torch.enable_grad():
            self._step()

    def _step(self) -> None:
        self._set_rates()
        with computing(self.precision, self.network.fixed_input.device):
            parts = self.forward()
        images = torch.complex(*parts.chunk(2, dim=1))
        x = images.detach()
        self._loss, gradient = self.samples(x)
        if self.penalty is not None:
            gradient = gradient + self.penalty(x)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(images, gradient)
        for optimiser in self.optimisers:
            optimiser.step()
        self.iteration += 1
        self.averaged += 1
        # The mean of the first iterations is a plain one, so that the random start does not weigh on it.
        share = min(self.schedule.image_averaging, 1 - 1 / self.averaged)
        self.mean = x.clone() if self.averaged == 1 else self.mean.lerp_(x, 1 - share)

    def restart(self, samples: SampleLoss) -> None:
        """Fit other samples from now on, with fresh optimisers and a fresh mean."""
        self.samples, self.optimisers, self.averaged = samples, _optimisers(self.network, self.schedule), 0

    def _set_rates(self) -> None:
        ramp = min(1.0, (self.averaged + 1) / _RAMP)
        for optimiser, rates in zip(self.optimisers, self.rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = ramp * rate


def _optimisers(network: Members, schedule: Schedule) -> list[Optimizer]:
    """Return the optimisers of all weights."""
    if schedule.optimiser == "adam":
        return [Adam(network.parameters(), lr=schedule.learning_rate)]
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    convolutions.remove(network.combine)
    inner = {id(layer.weight) for layer in convolutions}
    others = [parameter for parameter in network.parameters() if id(parameter) not in inner]
    return [
        OrthogonalMomentum([layer.weight for layer in convolutions], network.members, lr=schedule.learning_rate),
        Adam(others, lr=_LINEAR_RATE),
    ]
