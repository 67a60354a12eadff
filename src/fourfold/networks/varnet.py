"""VarNet: an unrolled network with a U-Net as the regulariser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.networks.data_consistency_step import data_consistency_step
from fourfold.networks.denoising_steps import DenoisingSteps
from fourfold.networks.initial_image import INITIAL_WEIGHT, regularised_least_squares_image, total_variation_image
from fourfold.networks.layers.seeded import draw_weights
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.networks.objectives.denoising import Denoising
from fourfold.networks.objectives.end_to_end import EndToEnd
from fourfold.networks.objectives.objective import Objective
from fourfold.networks.reconstructor import Reconstructor
from fourfold.networks.sensitivity import Grid, SensitivityNetwork
from fourfold.networks.untrained.sizes import Channels, Count, Pools, Seed
from fourfold.operators.fourier import fft, ifft
from fourfold.operators.sense_encoding import Encoding

__all__ = ["Form", "VarNet"]

Form = Literal["kspace", "image", "proximal", "denoising"]

# Forms that solve a least-squares problem in every step, and start from such an image.
_LEAST_SQUARES_FORMS: tuple[Form, ...] = ("proximal", "denoising")

ITERATIONS = 6
"""Conjugate-gradient iterations of a step of the proximal form."""
# Initial weight of the regularised image in a proximal step. With smaller weights the first steps undo the
# total-variation regularisation of the initial image.
_INITIAL_STEP_WEIGHT = 0.5


class VarNet(Reconstructor):
    """Gradient steps on ½‖Ax − y‖² with learned sizes η, minus the output of a U-Net.

    The image-space form (Hammernik et al. 2018, MRM 79:3055) is x ← x − η Aᴴ(Ax − y) − U(x). The k-space form
    (Sriram et al. 2020, arXiv:2004.06688) is k ← k − η M(k − y) − F S U(Sᴴ F⁻¹ k). Since k differs from y only by
    encoded images, two images v and w represent it exactly,

        k = y − F S v + M F S (v − w),    v ← v + u,    w ← (1 − η) w + u,    u = U(Sᴴ F⁻¹ k),

    and Sᴴ F⁻¹ k = Aᴴy − Σ|S|² v + AᴴA (v − w). Both forms therefore apply the normal operator once per step. It
    transforms along the undersampled axes only and does not store k-space of all coils.

    The proximal form (Aggarwal et al. 2019, IEEE TMI 38:394) is x ← argmin ‖Ax − y‖² + λ‖x − (x' − U(x'))‖² from the
    previous image x', with a learned λ. The denoising form is the same with one U-Net for all steps, conditioned on the
    noise level (`fourfold.networks.denoising_steps`).

    With 12 cascades of 18 channels and sensitivity estimation of 8 channels it has 29,936,966 parameters, fastMRI's
    count; with 8 cascades of 18 channels 20,119,610.

    Parameters
    ----------
    cascades
        Number of steps.
    channels, pools
        Of each regularising U-Net; of the single one of the denoising form.
    sensitivity_channels, sensitivity_pools, sensitivity_grid
        Of the network that estimates coil maps, see `fourfold.networks.sensitivity.SensitivityNetwork`. With 0 channels
        there is none, and maps must be given.
    form
        ``"kspace"``, ``"image"``, ``"proximal"`` or ``"denoising"``.
    total_variation
        Weight of the total-variation image that the proximal and the denoising form start from; 0 starts from a
        least-squares image.
    seed
        Seed of the initial weights.

    Raises
    ------
    InputError
        For a form that does not start from a total-variation image.
    """

    name: ClassVar[str] = "varnet"

    def __init__(
        self,
        cascades: Count = 12,
        channels: Channels = 18,
        pools: Pools = 4,
        sensitivity_channels: Channels | Literal[0] = 8,
        sensitivity_pools: Pools = 4,
        sensitivity_grid: Grid = "full",
        form: Form = "kspace",
        total_variation: NonNegativeFloat = 0.0,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if total_variation and form not in _LEAST_SQUARES_FORMS:
            raise InputError(
                f"The VarNet's form is '{form}', which starts from the zero-filled image, and total_variation is "
                f"{total_variation:g}; leave it out, or choose the form 'proximal' or 'denoising'."
            )
        self.form = form
        self.total_variation = total_variation
        self.sensitivity = (
            SensitivityNetwork(sensitivity_channels, sensitivity_pools, sensitivity_grid)
            if sensitivity_channels
            else None
        )
        if form == "denoising":
            self.denoising = DenoisingSteps(cascades, channels, pools, total_variation)
            unets = [self.denoising.denoiser.unet]
        else:
            regularisers = [NormalisedUNet(channels, pools, mean=form != "proximal") for _ in range(cascades)]
            self.regularisers = nn.ModuleList(regularisers)
            self.steps = nn.Parameter(self._initial_steps(cascades))
            unets = [each.unet for each in regularisers]
        draw_weights(self, seed)
        if form == "denoising":
            unets[0].keep_variance()
        if form in _LEAST_SQUARES_FORMS:
            # A zero last layer leaves the initial image unchanged at the start of the training.
            for parameter in (each for unet in unets for each in unet.last.parameters()):
                nn.init.zeros_(parameter)

    def _initial_steps(self, cascades: int) -> Tensor:
        """Return η of each step; for the proximal form ln λ of the initial image and of each step."""
        if self.form != "proximal":
            return torch.ones(cascades)
        return torch.tensor(
            [*([] if self.total_variation else [INITIAL_WEIGHT]), *[_INITIAL_STEP_WEIGHT] * cascades]
        ).log()

    @classmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:
        """Return end to end, and for the denoising form its denoiser alone."""
        return (EndToEnd, Denoising) if settings["form"] == "denoising" else (EndToEnd,)

    @classmethod
    def learns_phase(cls, settings: Mapping[str, Any]) -> bool:
        """Return whether the form is not ``"kspace"``."""
        return bool(settings["form"] != "kspace")

    @property
    def denoiser(self) -> nn.Module | None:
        """The U-Net of the denoising form; None for the other forms."""
        return self.denoising.denoiser if self.form == "denoising" else None

    @property
    def estimates_maps(self) -> bool:
        """Whether a sensitivity network estimates coil maps when none are given."""
        return self.sensitivity is not None

    def forward(
        self, kspace: Tensor, mask: Tensor, maps: Tensor | None = None, calibration: Tensor | None = None
    ) -> Tensor:
        """Return the reconstructed images; see `fourfold.networks.reconstructor.Reconstructor.forward`.

        In the k-space form, their modulus is the root-sum-of-squares of the coil images of k, as published. Their phase
        is that of the combined image and has no gradient.
        """
        maps = self._maps(kspace, calibration) if maps is None else maps
        if self.form == "denoising":
            image: Tensor = self.denoising(kspace, mask, maps, calibration)
            return image
        encoding = Encoding(mask, maps[:, None])
        if self.form == "image":
            return self._in_image(encoding, kspace)
        if self.form == "proximal":
            return self._proximal(encoding, kspace)
        return self._in_kspace(encoding, kspace, mask, maps)

    def coil_maps(self, calibration: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return coil maps of the sensitivity network; see `Reconstructor.coil_maps`."""
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
            image = total_variation_image(encoding, rhs, self.total_variation)
        else:
            image = regularised_least_squares_image(encoding, rhs, weights.pop(0))
        for weight, regulariser in zip(weights, self.regularisers, strict=True):
            regularised = image - regulariser(image[:, 0])[:, None]
            image = data_consistency_step(encoding, rhs, regularised, weight, ITERATIONS)
        return image[:, 0]

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
    """Return √Σ|F⁻¹(y + M F S difference) − S v|², computed coil by coil, with a gradient of 0 where it is 0."""
    energy = kspace.real.new_zeros(kspace.shape[0], *kspace.shape[2:])
    for coil in range(kspace.shape[1]):
        coil_maps = maps[:, coil]
        added = torch.where(mask, fft(coil_maps * difference[:, 0]), 0)
        coil_image = ifft(kspace[:, coil] + added) - coil_maps * v[:, 0]
        energy = energy + torch.view_as_real(coil_image).square().sum(dim=-1)
    return energy.clamp_min(torch.finfo(energy.dtype).tiny).sqrt()
