"""Steps between a denoiser and the data, for data of any noise: VarNet's denoising form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fourfold.networks.data_consistency_step import data_consistency_step
from fourfold.networks.denoising_unet import DenoisingUNet
from fourfold.networks.initial_image import INITIAL_WEIGHT, regularised_least_squares_image, total_variation_image
from fourfold.networks.noise_schedule import NoiseSchedule
from fourfold.noise.calibration_noise import noise_floor
from fourfold.noise.frame_noise import noise_level
from fourfold.operators.sense_encoding import Encoding

__all__ = ["DenoisingSteps"]

# Of conjugate gradients, in each step.
_ITERATIONS = 4


class DenoisingSteps(nn.Module):
    """x ← argmin ‖Ax − y‖² + λₜ‖x − D(x', σₜ)‖² of the image x' before, with one denoiser D in all steps t.

    Zhang et al. 2022 (IEEE TPAMI 44:6360), differentiated from end to end as in Aggarwal et al. 2019 (IEEE TMI 38:394).
    Levels and weights follow from the noise of each frame (`fourfold.networks.noise_schedule`), which the singular
    values of its calibration k-space tell, or its outermost samples.

    Parameters
    ----------
    steps
        How many.
    channels, pools
        Of the denoiser.
    total_variation
        Weight of the total variation that the first image minimises; 0 begins with conjugate gradients.
    """

    def __init__(self, steps: int, channels: int, pools: int, total_variation: float) -> None:
        super().__init__()
        self.total_variation = total_variation
        self.denoiser = DenoisingUNet(channels, pools)
        self.schedule = NoiseSchedule(steps)

    def forward(self, kspace: Tensor, mask: Tensor, maps: Tensor, calibration: Tensor | None) -> Tensor:
        """Return the images; see `fourfold.networks.reconstructor.Reconstructor.forward`."""
        noise = _noise(kspace, mask, calibration)
        if _is_undersampled_along_x(mask):
            # Whichever axis it is, the denoiser sees aliases along the same one.
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
            better = self.denoiser(image[:, 0], level)[:, None]
            image = data_consistency_step(encoding, rhs, better, weight[:, None, None, None], _ITERATIONS)
        return image[:, 0]


@torch.no_grad()
def _noise(kspace: Tensor, mask: Tensor, calibration: Tensor | None) -> Tensor:
    """Return the standard deviation of each frame's noise, float32 (frame,).

    Signal that is left makes either estimate too large: of one coil, say, or of an image that is sharp to the edge of
    k-space. So the smaller one is taken.
    """
    outermost = noise_level(kspace, mask)
    if calibration is None:
        return outermost
    variances = [noise_floor(_without_margins(each)) for each in calibration]
    return torch.minimum(outermost, outermost.new_tensor(variances).sqrt())


def _without_margins(calibration: Tensor) -> Tensor:
    """Return k-space (coil, ky, kx) without the zeros that surround it in a batch of boxes of several sizes."""
    filled = calibration.any(dim=0)
    return calibration[:, filled.any(dim=1)][:, :, filled.any(dim=0)]


def _is_undersampled_along_x(mask: Tensor) -> bool:
    """Return whether whole columns of k-space were acquired, and not all of them."""
    return bool((mask == mask[:, :1]).all()) and not bool(mask.all())
