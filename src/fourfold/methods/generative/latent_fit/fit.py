"""Fits the latent variables, then the layers, then the weights of a generator, and keeps the best image."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fourfold.coils.low_resolution import low_resolution_phase
from fourfold.methods.method import Progress
from fourfold.methods.tuning.trial import Trial
from fourfold.networks.variational_autoencoder import VariationalAutoencoder
from fourfold.optimize.generator_fit import adam_images

__all__ = ["FitCheck", "FitPlan", "LatentFit", "StagePlan"]

# Steps from one check to the next, and checks without an improvement that end a stage.
_CHECK_EVERY, _PATIENCE = 10, 5
# Lines of the centre of k-space whose phase the images of the generator lack.
_PHASE_LINES = 16


@dataclass(frozen=True)
class StagePlan:
    """How long and how fast one kind of variables is fitted."""

    steps: int
    learning_rate: float


@dataclass(frozen=True)
class FitPlan:
    """The stages of a fit."""

    latent: StagePlan
    """The latent variables."""
    layers: StagePlan
    """The features of each layer."""
    weights: StagePlan
    """The weights."""
    latent_weight: float
    """Weight of ½ ‖z‖²."""
    radius: float
    """How far the features of a layer may go from where they began, relative to their norm."""
    seconds: float | None
    """The fit ends after so many."""


@dataclass(frozen=True)
class FitCheck:
    """One check of the fit."""

    stage: str
    """What is fitted: ``latent``, ``layer 1`` …, or ``weights``."""
    iteration: int
    """Steps of all stages so far."""
    held_out_error: float
    """‖A x − y‖² / ‖y‖² over the samples that the fit does not use."""


class LatentFit:
    """Minimises ½‖A G(z) − y‖² + ½ weight ‖z‖², at first over z; the image that best predicts held-out samples is kept.

    After z (Bora et al. 2017, arXiv:1703.03208) the features of each layer of the generator are free within a ball
    around those that the layer before gives (Daras et al. 2021, arXiv:2102.07364), and at last the weights of what
    follows.

    Parameters
    ----------
    network
        The autoencoder; it is not changed.
    trial
        The samples to fit, and those held out.
    start
        complex64, (set, y, x): the image whose latent variables are the first ones. It must not know the held-out
        samples.
    plan
        The stages.
    progress
        Called at every check.
    """

    def __init__(
        self, network: VariationalAutoencoder, trial: Trial, start: Tensor, plan: FitPlan, progress: Progress
    ) -> None:
        self.network = copy.deepcopy(network)
        self.trial, self.plan, self.progress = trial, plan, progress
        self.checks: list[FitCheck] = []
        self.chosen: FitCheck | None = None
        self.interrupted = self.out_of_time = False
        self._phase = low_resolution_phase(start, _PHASE_LINES)
        self._latent = self.network.encode(start * self._phase.conj())[0]
        self._size = (start.shape[-2], start.shape[-1])
        self._image: Tensor | None = None
        self._iterations = 0
        self._begin = time.perf_counter()

    @property
    def image(self) -> Tensor:
        """The best image, complex64 (1, set, y, x)."""
        assert self._image is not None
        return self._image

    @property
    def iterations(self) -> int:
        """Steps of all stages."""
        return self._iterations

    @property
    def details(self) -> dict[str, Any]:
        """The chosen check and all checks, as JSON types."""
        assert self.chosen is not None
        return {
            "chosen_stage": self.chosen.stage,
            "chosen_iteration": self.chosen.iteration,
            "curve": [vars(check) for check in self.checks],
        }

    def run(self) -> None:
        """Fit all stages, or those up to an interruption or the end of the time."""
        plan = self.plan
        try:
            self._fit("latent", plan.latent, 0, self._latent, [self._latent], ridge=plan.latent_weight)
            stage, features = 0, self._latent
            for stage in range(1, self._layers + 1):
                features = self.network.next_features(features, stage - 1)
                self._fit(f"layer {stage}", plan.layers, stage, features, [features], self._ball(features))
            self._fit("weights", plan.weights, stage, features, self.network.weights_from(stage))
        except KeyboardInterrupt:
            if self._image is None:
                raise
            self.interrupted = True

    def _fit(
        self,
        name: str,
        plan: StagePlan,
        stage: int,
        features: Tensor,
        variables: Sequence[Tensor],
        constrain: Callable[[], None] | None = None,
        ridge: float = 0.0,
    ) -> None:
        """Fit `variables` while `features` enter the generator at `stage`; leave them as they were at their best."""

        def generate() -> Tensor:
            return (self.network.decode(features, self._size, stage) * self._phase)[None]

        images = adam_images(
            generate,
            variables,
            self.trial.kept.data_term.gradient,
            steps=0 if self.out_of_time else plan.steps,
            learning_rate=plan.learning_rate,
            ridge=ridge,
            constrain=constrain,
        )
        least, since, best = float("inf"), 0, [variable.clone() for variable in variables]
        for step, image in enumerate(images):
            self._iterations += step > 0
            if step % _CHECK_EVERY:
                continue
            error = self._check(name, image)
            since = 0 if error < least else since + 1
            if error < least:
                least, best = error, [variable.detach().clone() for variable in variables]
            self.out_of_time = self.plan.seconds is not None and time.perf_counter() - self._begin > self.plan.seconds
            if since == _PATIENCE or self.out_of_time:
                break
        for variable, value in zip(variables, best, strict=True):
            variable.copy_(value)

    def _check(self, name: str, image: Tensor) -> float:
        """Take note of an image's error on the held-out samples, and keep the image if it is the best so far."""
        error = self.trial.score(image)
        check = FitCheck(name, self._iterations, error)
        self.checks.append(check)
        if self.chosen is None or error < self.chosen.held_out_error:
            self.chosen, self._image = check, image.clone()
        self.progress(self._iterations / self._most_iterations, f"{name}: held-out error {error:.4g}")
        return error

    @property
    def _layers(self) -> int:
        """Layers whose features are fitted: not the finest, which can make any image."""
        return self.network.stages - 2 if self.plan.layers.steps else 0

    @property
    def _most_iterations(self) -> int:
        plan = self.plan
        return max(1, plan.latent.steps + self._layers * plan.layers.steps + plan.weights.steps)

    def _ball(self, features: Tensor) -> Callable[[], None]:
        """Return what brings features back into the ball around their values now."""
        centre = features.clone()
        radius = self.plan.radius * float(centre.norm())

        def project() -> None:
            away = features - centre
            features.copy_(centre + away * min(1.0, radius / max(float(away.norm()), torch.finfo(away.dtype).tiny)))

        return project
