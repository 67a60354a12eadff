"""VarNet: unrolled gradient steps with a U-Net as the regulariser."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.networks.consistent_step import consistent_step
from fourfold.networks.homogeneous_unet import HomogeneousUNet
from fourfold.networks.interface import Reconstructor
from fourfold.networks.layers import draw_weights
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.networks.sensitivity import Grid, SensitivityNetwork
from fourfold.optimize.data_term import DataTerm
from fourfold.optimize.minimise import minimise
from fourfold.optimize.total_variation import TotalVariationPenalty
from fourfold.physics.encoding import Encoding
from fourfold.physics.fourier import fft, ifft

__all__ = ["Form", "Regulariser", "VarNet"]

Form = Literal["kspace", "image", "proximal"]
Regulariser = Literal["normalised", "homogeneous"]

# Of a proximal step, and of the first image before all steps.
ITERATIONS, FIRST_ITERATIONS = 6, 10
# Total variation is within a few hundredths of a decibel of its end then.
_SMOOTHING_ITERATIONS = 30
# What the weight of the regularised image in a proximal step begins with, and that of zeros in the first image. Small
# weights would undo in the first steps what total variation did.
_WEIGHT, _FIRST_WEIGHT = 0.5, 0.05


class VarNet(Reconstructor):
    """Gradient steps on ½‖Ax − y‖² with learned sizes η, minus what a U-Net makes of the image.

    The image-space form (Hammernik et al. 2018, MRM 79:3055) is x ← x − η Aᴴ(Ax − y) − U(x). The k-space form
    (Sriram et al. 2020, arXiv:2004.06688) is k ← k − η M(k − y) − F S U(Sᴴ F⁻¹ k). Since k differs from y by images
    seen through the coils alone, two images v and w hold it whole,

        k = y − F S v + M F S (v − w),    v ← v + u,    w ← (1 − η) w + u,    u = U(Sᴴ F⁻¹ k),

    and Sᴴ F⁻¹ k = Aᴴy − Σ|S|² v + AᴴA (v − w). Either form thus takes one normal operator a step, which transforms
    along the undersampled axes alone and keeps no k-space of all coils.

    With 12 cascades of 18 channels and sensitivity estimation of 8 channels it has 29,936,966 parameters, fastMRI's
    count; with 8 cascades of 18 channels 20,119,610.

    Parameters
    ----------
    cascades
        Number of steps.
    channels, pools
        Of each regularising U-Net.
    sensitivity_channels, sensitivity_pools, sensitivity_grid
        Of the network that estimates coil maps, see `fourfold.networks.sensitivity.SensitivityNetwork`; without
        channels there is none, and maps must be given.
    form
        ``"kspace"``, ``"image"`` or ``"proximal"``.
    regulariser
        ``"normalised"``, as published: `fourfold.networks.normalised_unet.NormalisedUNet`; or ``"homogeneous"``:
        `fourfold.networks.homogeneous_unet.HomogeneousUNet`, without norm and bias.
    total_variation
        Weight of the total variation that the first image of the proximal form minimises; 0 begins with conjugate
        gradients.
    seed
        Of the initial weights.
    """

    def __init__(
        self,
        cascades: PositiveInt = 12,
        channels: PositiveInt = 18,
        pools: PositiveInt = 4,
        sensitivity_channels: NonNegativeInt = 8,
        sensitivity_pools: PositiveInt = 4,
        sensitivity_grid: Grid = "full",
        form: Form = "kspace",
        regulariser: Regulariser = "normalised",
        total_variation: NonNegativeFloat = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.form = form
        self.sensitivity = (
            SensitivityNetwork(sensitivity_channels, sensitivity_pools, sensitivity_grid)
            if sensitivity_channels
            else None
        )
        proximal = form == "proximal"
        homogeneous = regulariser == "homogeneous"
        regularisers = [
            HomogeneousUNet(channels, pools) if homogeneous else NormalisedUNet(channels, pools, mean=not proximal)
            for _ in range(cascades)
        ]
        self.regularisers = nn.ModuleList(regularisers)
        # η of each step, or ln λ of each step, before them that of the first image.
        self.total_variation = total_variation
        weights = ([] if total_variation else [_FIRST_WEIGHT]) + [_WEIGHT] * cascades
        self.steps = nn.Parameter(torch.tensor(weights).log() if proximal else torch.ones(cascades))
        draw_weights(self, seed)
        for each in regularisers:
            if homogeneous:
                each.unet.keep_variance()
            if proximal:
                for parameter in each.unet.last.parameters():
                    nn.init.zeros_(parameter)

    @property
    def estimates_maps(self) -> bool:
        """Whether there is a sensitivity network, which makes coil maps where none are given."""
        return self.sensitivity is not None

    def forward(
        self, kspace: Tensor, mask: Tensor, maps: Tensor | None = None, calibration: Tensor | None = None
    ) -> Tensor:
        """Return the reconstructed images; see `fourfold.networks.interface.Reconstructor.forward`.

        In the k-space form their modulus is the root-sum-of-squares of the coil images of k, as published, and their
        phase, which is not differentiated, that of the combined image.
        """
        maps = self._maps(kspace, calibration) if maps is None else maps
        encoding = Encoding(mask, maps[:, None])
        if self.form == "image":
            return self._in_image(encoding, kspace)
        if self.form == "proximal":
            return self._proximal(encoding, kspace)
        return self._in_kspace(encoding, kspace, mask, maps)

    def coil_maps(self, calibration: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return coil maps by the sensitivity network; see `fourfold.networks.interface.Reconstructor.coil_maps`."""
        if self.sensitivity is None:
            return super().coil_maps(calibration, shape)
        maps: Tensor = self.sensitivity(calibration, shape)
        return maps

    def _maps(self, kspace: Tensor, calibration: Tensor | None) -> Tensor:
        if kspace.shape[1] == 1:
            return torch.ones_like(kspace[:1])
        if self.sensitivity is None or calibration is None:
            missing = "no calibration lines" if self.sensitivity else "the network has no sensitivity estimation"
            raise InputError(f"The k-space has {kspace.shape[1]} coils and {missing}; give coil maps.")
        ny, nx = kspace.shape[-2:]
        return self.coil_maps(calibration, (ny, nx))

    def _in_image(self, encoding: Encoding, kspace: Tensor) -> Tensor:
        start = encoding.adjoint(kspace)
        image = start
        for step, regulariser in zip(self.steps, self.regularisers, strict=True):
            gradient = encoding.normal(image) - start
            image = image - step * gradient - regulariser(image[:, 0])[:, None]
        return image[:, 0]

    def _proximal(self, encoding: Encoding, kspace: Tensor) -> Tensor:
        rhs = encoding.adjoint(kspace)
        weights = list(self.steps.exp())
        if self.total_variation:
            image = self._smooth_image(encoding, rhs)
        else:
            image = consistent_step(encoding, rhs, torch.zeros_like(rhs), weights.pop(0), FIRST_ITERATIONS)
        for weight, regulariser in zip(weights, self.regularisers, strict=True):
            better = image - regulariser(image[:, 0])[:, None]
            image = consistent_step(encoding, rhs, better, weight, ITERATIONS)
        return image[:, 0]

    @torch.no_grad()
    def _smooth_image(self, encoding: Encoding, rhs: Tensor) -> Tensor:
        """Return the image of total variation, which is not differentiated: it learns nothing."""
        support = encoding.coil_maps.any(dim=2)
        return minimise(
            DataTerm(encoding.normal, rhs, 0.0),
            TotalVariationPenalty(support),
            self.total_variation,
            iterations=_SMOOTHING_ITERATIONS,
            support=support,
        ).x

    def _in_kspace(self, encoding: Encoding, kspace: Tensor, mask: Tensor, maps: Tensor) -> Tensor:
        start = encoding.adjoint(kspace)
        power = maps.abs().square().sum(dim=1, keepdim=True)
        v = w = torch.zeros_like(start)
        image = start
        for step, regulariser in zip(self.steps, self.regularisers, strict=True):
            update = regulariser(image[:, 0])[:, None]
            v, w = v + update, (1 - step) * w + update
            image = start - power * v + encoding.normal(v - w)
        return _root_sum_of_squares(kspace, mask, maps, v, v - w) * torch.sgn(image[:, 0].detach())


def _root_sum_of_squares(kspace: Tensor, mask: Tensor, maps: Tensor, v: Tensor, difference: Tensor) -> Tensor:
    """Return √Σ|F⁻¹(y + M F S difference) − S v|², coil by coil, with a gradient of 0 where it is 0."""
    energy = kspace.real.new_zeros(kspace.shape[0], *kspace.shape[2:])
    for coil in range(kspace.shape[1]):
        coil_maps = maps[:, coil]
        added = torch.where(mask, fft(coil_maps * difference[:, 0]), 0)
        coil_image = ifft(kspace[:, coil] + added) - coil_maps * v[:, 0]
        energy = energy + torch.view_as_real(coil_image).square().sum(dim=-1)
    return energy.clamp_min(torch.finfo(energy.dtype).tiny).sqrt()
