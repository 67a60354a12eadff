"""The denoising form of VarNet: a denoiser alternating with data consistency, for any noise level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fourfold.networks.data_consistency_step import data_consistency_step
from fourfold.networks.denoising_unet import DenoisingUNet
from fourfold.networks.initial_image import INITIAL_WEIGHT, regularised_least_squares_image, total_variation_image
from fourfold.networks.noise_schedule import NoiseSchedule
from fourfold.noise.calibration_noise import calibration_noise_variance
from fourfold.noise.outer_kspace_noise import outer_noise_std
from fourfold.operators.sense_encoding import Encoding

__all__ = ["DENOISING_STEP_ITERATIONS", "DenoisingSteps", "is_undersampled_along_x", "noise_std_of_frames"]

DENOISING_STEP_ITERATIONS = 4
"""Conjugate-gradient iterations of each step."""


class DenoisingSteps(nn.Module):
    """Steps x ← argmin ‖Ax − y‖² + λₜ‖x − D(x', σₜ)‖² from the previous image x', with one denoiser D for all steps t.

    Zhang et al. 2022 (IEEE TPAMI 44:6360), trained end to end as in Aggarwal et al. 2019 (IEEE TMI 38:394). Levels and
    weights follow from the noise of each frame (`fourfold.networks.noise_schedule`). It is estimated from the singular
    values of the calibration k-space, or from the outermost samples.

    Parameters
    ----------
    steps
        Number of steps.
    channels, pools
        Of the denoiser.
    total_variation
        Weight of the total-variation image that the steps start from; 0 starts from a least-squares image.
    """

    def __init__(self, steps: int, channels: int, pools: int, total_variation: float) -> None:
        super().__init__()
        self.total_variation = total_variation
        self.denoiser = DenoisingUNet(channels, pools)
        self.schedule = NoiseSchedule(steps)

    def forward(self, kspace: Tensor, mask: Tensor, maps: Tensor, calibration: Tensor | None) -> Tensor:
        """Return the images; see `fourfold.networks.reconstructor.Reconstructor.forward`."""
        noise = noise_std_of_frames(kspace, mask, calibration)
        if bool(is_undersampled_along_x(mask)):
            # The denoiser always gets aliasing along the same axis.
            return self._images(kspace.mT.contiguous(), mask.mT.contiguous(), maps.mT.contiguous(), noise).mT
        return self._images(kspace, mask, maps, noise)

    def _images(self, kspace: Tensor, mask: Tensor, maps: Tensor, noise: Tensor) -> Tensor:
        encoding = Encoding(mask, maps[:, None])
        rhs = encoding.adjoint(kspace)
        if self.total_variation:
            image = total_variation_image(encoding, rhs, self.total_variation)
        else:
            image = regularised_least_squares_image(encoding, rhs, rhs.real.new_tensor(INITIAL_WEIGHT))
        for level, weight in self.schedule(noise):
            denoised = self.denoiser(image[:, 0], level)[:, None]
            weight = weight[:, None, None, None]
            image = data_consistency_step(encoding, rhs, denoised, weight, DENOISING_STEP_ITERATIONS)
        return image[:, 0]


@torch.no_grad()
def noise_std_of_frames(kspace: Tensor, mask: Tensor, calibration: Tensor | None) -> Tensor:
    """Return the standard deviation of the complex noise of each frame, √E|n|², float32 (frame,).

    Remaining signal makes both estimates too large, for example with a single coil, or with signal up to the edge of
    k-space. The smaller one is returned.

    Parameters
    ----------
    kspace, mask, calibration
        As in `fourfold.networks.reconstructor.Reconstructor.forward`; the result is in the unit of the k-space.
    """
    outermost = outer_noise_std(kspace, mask)
    if calibration is None:
        return outermost
    variances = [calibration_noise_variance(_without_padding(each)) for each in calibration]
    return torch.minimum(outermost, outermost.new_tensor(variances).sqrt())


def _without_padding(calibration: Tensor) -> Tensor:
    """Return k-space (coil, ky, kx) without the zero padding of a batch with several sizes."""
    nonzero = calibration.any(dim=0)
    return calibration[:, nonzero.any(dim=1)][:, :, nonzero.any(dim=0)]


def is_undersampled_along_x(mask: Tensor) -> Tensor:
    """Return whether some columns of k-space were acquired completely and all others not at all, as a bool tensor."""
    return (mask == mask[:, :1]).all() & ~mask.all()
