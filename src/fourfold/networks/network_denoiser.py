"""A denoising network as a `Denoiser`: for images of any leading shape, without gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["NetworkDenoiser"]


@dataclass(frozen=True)
class NetworkDenoiser:
    """A denoising network, called as a `fourfold.denoisers.denoiser.Denoiser`."""

    network: nn.Module
    """Maps images, complex64 (frame, y, x), and noise levels √E|n|², float32 (frame,), to denoised images."""
    weights: Mapping[str, Any] = field(default_factory=dict)
    """What a reconstruction's record says of its weights."""

    @torch.no_grad()
    def __call__(self, images: Tensor, noise_std: float) -> Tensor:
        """Return denoised images.

        Parameters
        ----------
        images
            complex64, (…, y, x).
        noise_std
            Standard deviation of real and imaginary part of the noise.
        """
        frames = images.reshape(-1, *images.shape[-2:])
        # Real and imaginary part have half of the complex variance each.
        levels = frames.real.new_full((len(frames),), math.sqrt(2) * noise_std)
        denoised: Tensor = self.network(frames, levels)
        return denoised.reshape(images.shape)
