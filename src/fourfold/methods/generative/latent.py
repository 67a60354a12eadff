"""Compressed sensing with a generative model: an image in or near the range of a trained generator."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.errors import InputError
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.first_image import first_image
from fourfold.methods.generative.latent_fit.fit import FitPlan, LatentFit, StagePlan
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination, SenseProblem
from fourfold.methods.tuning.trial import Trial
from fourfold.networks.variational_autoencoder import VariationalAutoencoder
from fourfold.optimize.near import minimise_near
from fourfold.scan import Scan
from fourfold.weights.find import choose_weights
from fourfold.weights.load_network import load_network
from fourfold.weights.manifest import Manifest
from fourfold.weights.out_of_distribution import training_subject_notes

__all__ = ["Latent"]

# Weights of the distance to the generator's image that the last step tries; with 0 it does not count.
_PROXIMITY = (0.0, 0.003, 0.01, 0.03, 0.1)
# Up to this acceleration the samples say more than the generator can show.
_LOW_ACCELERATION = 4.1
# Real numbers that a pixel of an image takes in the network and its gradient: measured with 64 channels.
_NUMBERS = 400


class Latent(CoilMapSettings, Method):
    """Finds an image of a trained generator that explains the samples: argmin ‖A G(z) − y‖² (Bora 2017).

    arXiv:1703.03208. The generator is the decoder of a variational autoencoder, and the fit begins with what its
    encoder makes of the image of total variation. Then the features of each layer are free within a ball (Daras 2021,
    arXiv:2102.07364), and at last the weights. Held-out samples choose the image. One near it is solved for that
    explains all samples, with total variation.
    """

    name: ClassVar[str] = "latent"
    title: ClassVar[str] = "Latent prior (CSGM)"
    family: ClassVar[Family] = "generative"
    cartesian_only: ClassVar[bool] = False
    slow: ClassVar[bool] = True
    display_order: ClassVar[int] = 84

    weights: str = "auto"
    """Weights of a network 'vae': a name that `fourfold weights list` shows, a folder, or hf://owner/name[@revision];
    auto takes the first that ship."""
    seed: NonNegativeInt = 0
    """Which samples are held out."""
    held_out_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of the samples outside the centre that the fit does not use, and that choose its image."""
    latent_steps: NonNegativeInt = 200
    """Steps of Adam for the latent variables."""
    latent_rate: PositiveFloat = 0.02
    """Learning rate of the latent variables."""
    latent_weight: NonNegativeFloat = 0.01
    """Weight of half the squared norm of the latent variables beside half that of the samples' errors."""
    layer_steps: NonNegativeInt = 30
    """Steps for the features of each layer after that, but the finest; 0 leaves the layers out."""
    layer_rate: PositiveFloat = 0.003
    """Learning rate of the features."""
    ball_radius: PositiveFloat = 0.3
    """How far the features of a layer may go, relative to their norm."""
    weight_steps: NonNegativeInt = 50
    """Steps for the weights of the last layers after that; 0 leaves the weights as they are."""
    weight_rate: PositiveFloat = 1e-4
    """Learning rate of the weights."""
    proximity_weight: NonNegativeFloat | Literal["auto"] = "auto"
    """Weight of the distance to the generator's image in the last step; auto takes the one whose image predicts the
    held-out samples best."""
    weight: NonNegativeFloat = 0.003
    """Weight of total variation in the last step, relative to the brightness of the image."""
    time_budget: PositiveFloat | None = None
    """Seconds that the fit of a frame may take before its last step; none for no such limit."""
    coil_map_sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the solution itself, less noisy."""

    @classmethod
    def ready(cls) -> bool:
        """Return whether weights of an autoencoder ship with fourfold."""
        return choose_weights(VariationalAutoencoder.name) is not None

    @cached_property
    def loaded(self) -> tuple[VariationalAutoencoder, Manifest]:
        """The network, on the CPU, and the manifest of its weights; read once."""
        kind = VariationalAutoencoder.name
        weights = choose_weights(kind) if self.weights == "auto" else self.weights
        if weights is None:
            raise InputError(
                f"No weights of a network '{kind}' ship with this fourfold; train some with 'fourfold train' and the "
                f"preset '{kind}', and give their folder as weights."
            )
        network, manifest = load_network(weights, kind)
        assert isinstance(network, VariationalAutoencoder)
        return network, manifest

    def frame_memory(self, scan: Scan) -> int:
        """Return roughly how many bytes a frame takes: beside the data what the network keeps for its gradient."""
        return super().frame_memory(scan) + 4 * _NUMBERS * scan.kspace[0, 0].numel()

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        network, manifest = self.loaded
        network.require_size(scan.shape)
        progress(0.0, "coil maps")
        scan, map_notes = self.with_coil_maps(scan, scan, self.coil_map_sets)
        problem = SenseProblem.of(scan, self.coil_map_sets, self.coil_map_threshold)
        trial = Trial.of(problem, whole_lines=False, seed=self.seed, share=self.held_out_fraction)
        fit = LatentFit(
            network.to(problem.rhs.device), trial, first_image(trial.kept), self._plan(), _first(0.9, progress)
        )
        fit.run()
        progress(0.9, "data consistency")
        x, proximity = self._last_step(problem, trial, fit.image)
        distance = float((x - fit.image).norm() / x.norm())
        rss = self.coil_combination == "rss"
        return Solution(
            problem.image(x, self.coil_combination)[0],
            fit.iterations,
            problem.scale,
            (
                *map_notes,
                *problem.notes,
                *training_subject_notes(scan, manifest.training_data),
                *self._notes(scan, fit, manifest),
            ),
            {
                **fit.details,
                "proximity_weight": proximity,
                "distance_from_range": distance,
                "range_psnr": _range_psnr(manifest),
                "weights": manifest.summary(),
            },
            fit.interrupted,
            before_data_consistency=problem.image(x)[0] if rss else None,
        )

    def _plan(self) -> FitPlan:
        return FitPlan(
            StagePlan(self.latent_steps, self.latent_rate),
            StagePlan(self.layer_steps, self.layer_rate),
            StagePlan(self.weight_steps, self.weight_rate),
            self.latent_weight,
            self.ball_radius,
            self.time_budget,
        )

    def _last_step(self, problem: SenseProblem, trial: Trial, near: Tensor) -> tuple[Tensor, float]:
        """Return the image near the generator's that explains all samples, and the weight of the distance."""

        def solved(part: SenseProblem, proximity: float) -> Tensor:
            regulariser = TotalVariation().new_regulariser(part)
            return minimise_near(part.data_term, near, proximity, regulariser, self.weight, part.support)

        if self.proximity_weight != "auto":
            return solved(problem, self.proximity_weight), self.proximity_weight
        chosen = min(_PROXIMITY, key=lambda tried: trial.score(solved(trial.kept, tried)))
        return solved(problem, chosen), chosen

    def _notes(self, scan: Scan, fit: LatentFit, manifest: Manifest) -> tuple[str, ...]:
        """Return what the reader must know of the fit."""
        notes = []
        acceleration = scan.sampling.acceleration
        if acceleration <= _LOW_ACCELERATION:
            psnr = _range_psnr(manifest)
            best = "" if psnr is None else f": its images come no closer than about {psnr:.0f} dB to those left out"
            notes.append(
                f"At an acceleration of {acceleration:.3g} total variation ('tv') is expected to be better than a "
                f"generator{best}."
            )
        if fit.interrupted:
            notes.append(f"The fit was interrupted after {fit.iterations} steps: the image is the best until then.")
        if fit.out_of_time:
            notes.append(f"The time budget of {self.time_budget:g} s ended the fit after {fit.iterations} steps.")
        return tuple(notes)


def _range_psnr(manifest: Manifest) -> float | None:
    """Return the PSNR in dB of the generator's nearest images to fully sampled ones left out of its training."""
    measured: Any = manifest.measurements.get("range_psnr")
    return None if measured is None else float(measured)


def _first(part: float, progress: Progress) -> Progress:
    """Return the progress of the first part of the work."""
    return lambda fraction, words: progress(part * min(1.0, fraction), words)
