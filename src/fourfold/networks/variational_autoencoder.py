"""A variational autoencoder of complex images, whose latent variables lie on a coarse grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad, pixel_shuffle, pixel_unshuffle

from fourfold.errors import InputError
from fourfold.networks.layers.channels import as_channels, as_complex, normalised_layout
from fourfold.networks.layers.instance_norm import SLOPE
from fourfold.networks.layers.seeded import conv, draw_weights, transposed_conv
from fourfold.networks.network import Network
from fourfold.networks.objectives.objective import Objective
from fourfold.networks.objectives.variational import Variational
from fourfold.networks.untrained.sizes import Channels, Seed
from fourfold.operators.fourier import ifft

__all__ = ["VariationalAutoencoder"]

Levels: TypeAlias = Annotated[int, Field(gt=0, le=6)]

# Beyond this a single example, unlike all others, would end a training by an infinite divergence.
_LARGEST_LOG_VARIANCE = 10.0
# Fewest cells along an axis: in fewer the zeros around the image weigh more than the image.
_FEWEST_CELLS = 4
# From torch's default bound of weights, 1/√n, to √(6 / n(1 + a²)), which preserves the variance through a leaky ReLU.
_VARIANCE_FACTOR = math.sqrt(6 / (1 + SLOPE**2))


class _Block(nn.Module):
    """Two 3×3 convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(leaky_relu(x, SLOPE))
        added: Tensor = self.second(leaky_relu(inner, SLOPE))
        return x + added


class VariationalAutoencoder(Network):
    """An encoder to latent variables on a coarse grid, and a decoder from these to complex images.

    A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114). Each cell of the grid has `latent_channels`
    numbers. Both parts are convolutional, so that images may have any size: they are zero-padded to whole cells. There
    is no normalisation layer, so that far parts of an image do not matter. Images are in the unit of bright tissue, and
    without the phase of their low-resolution image (`fourfold.networks.objectives.variational`). The default settings
    have 1,224,136 parameters in the decoder and 2,667,656 in all.

    Parameters
    ----------
    channels
        Channels at half the resolution of the image; each further level has as many more.
    latent_channels
        Numbers in each cell.
    levels
        How often the image is halved: a cell has 2**levels pixels along each axis.
    seed
        Seed of the initial weights.
    """

    name: ClassVar[str] = "vae"

    def __init__(
        self, channels: Channels = 64, latent_channels: Channels = 32, levels: Levels = 3, seed: Seed = 0
    ) -> None:
        super().__init__()
        self.latent_channels = latent_channels
        self.cell = 2**levels
        widths = [channels * (level + 1) for level in range(levels)]
        # Real and imaginary part of the four pixels that make one at half the resolution.
        fine = 8
        down: list[nn.Module] = [conv(fine, widths[0]), _Block(widths[0])]
        for width, next_width in pairwise(widths):
            down += [conv(width, next_width, stride=2), _Block(next_width)]
        self.encoder = nn.Sequential(*down, conv(widths[-1], 2 * latent_channels))
        widths.reverse()
        stages = [nn.Sequential(conv(latent_channels, widths[0]), _Block(widths[0]))]
        for width, next_width in pairwise(widths):
            stages.append(nn.Sequential(transposed_conv(width, next_width), _Block(next_width)))
        self.decoder = nn.ModuleList([*stages, conv(widths[-1], fine)])
        draw_weights(self, seed)
        self._keep_variance()

    @torch.no_grad()
    def _keep_variance(self) -> None:
        """Scale the initial weights so that the variance is preserved from layer to layer; blocks add little."""
        added = {id(block.second) for block in self.modules() if isinstance(block, _Block)}
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and id(layer) not in added:
                layer.weight.mul_(_VARIANCE_FACTOR)

    @classmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:  # noqa: ARG003  # part of the interface
        """Return the variational bound."""
        return (Variational,)

    def test_output(self, kspace: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002  # part of the interface
        """Return what encoder and decoder make of the zero-filled image over its largest pixel."""
        images = ifft(kspace)[:, 0]
        return self.forward(images / images.abs().amax(dim=(1, 2), keepdim=True))

    def forward(self, images: Tensor) -> Tensor:
        """Return images (frame, y, x) as the decoder makes them of their mean latent variables."""
        return self.decode(self.encode(images)[0], (images.shape[-2], images.shape[-1]))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the logarithm of the variance of images' latent variables.

        Parameters
        ----------
        images
            complex64, (frame, y, x), in the unit of bright tissue.

        Returns
        -------
        tuple of Tensor
            Each float32, (frame, latent channel, row of cells, column of cells).
        """
        size = (images.shape[-2], images.shape[-1])
        (top, bottom), (left, right) = (self._margins(side) for side in size)
        x = pixel_unshuffle(pad(as_channels(images), (left, right, top, bottom)), 2)
        mean, log_variance = self.encoder(normalised_layout(x)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-_LARGEST_LOG_VARIANCE, _LARGEST_LOG_VARIANCE)

    def decode(self, latent: Tensor, size: tuple[int, int], first_stage: int = 0) -> Tensor:
        """Return the images, complex64 (frame, y, x) of `size`, of latent variables.

        Parameters
        ----------
        latent
            float32, (frame, latent channel, row, column); for a later stage what the stage before it gives
            (`next_features`).
        size
            Pixels along y and x.
        first_stage
            The stage that takes `latent`, from 0.
        """
        x = normalised_layout(latent)
        for stage in self.decoder[first_stage:]:
            x = stage(x)
        image = as_complex(pixel_shuffle(x, 2))
        (top, _), (left, _) = (self._margins(side) for side in size)
        return image[:, top : top + size[0], left : left + size[1]]

    @property
    def stages(self) -> int:
        """Stages of the decoder; all but the last end with features that can be fitted."""
        return len(self.decoder)

    def next_features(self, features: Tensor, stage: int) -> Tensor:
        """Return the features, float32 (frame, channel, row, column), that a stage makes of those before it."""
        following: Tensor = self.decoder[stage](normalised_layout(features))
        return following

    def weights_from(self, stage: int) -> list[nn.Parameter]:
        """Return the weights of the decoder's stages from `stage` on."""
        return list(self.decoder[stage:].parameters())

    def require_size(self, size: tuple[int, int]) -> None:
        """Raise InputError for images (y, x) that are too small for the grid of the latent variables."""
        fewest = _FEWEST_CELLS * self.cell
        if min(size) < fewest:
            raise InputError(
                f"The image is {size[0]}×{size[1]} pixels; the latent grid of this network has cells of "
                f"{self.cell}×{self.cell} and needs {fewest} pixels along each axis: choose another method ('tv')."
            )

    def _margins(self, size: int) -> tuple[int, int]:
        """Return the pixels that are added before and after an axis to make whole cells."""
        missing = -size % self.cell
        return missing // 2, missing - missing // 2
