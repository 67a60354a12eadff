"""Perceptual loss: the distance of two images as a network that knows photographs responds to them."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor
from torch.nn.functional import mse_loss, relu

from fourfold.losses.loss import Loss, magnitude, peaks
from fourfold.losses.vgg_features import VggFeatures

__all__ = ["Perceptual"]

_Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Perceptual(Loss):
    """Weighted mean squared errors of VGG-16's responses (Ghodrati et al. 2019, Eqs. 6–7).

    Those of the first convolution of blocks 1, 2 and 3, after ReLU, for magnitude images whose reference has the
    maximum 1, in units of 255.
    """

    kind: Literal["perceptual"] = "perceptual"
    """Name in settings."""
    layers: tuple[_Share, _Share, _Share] = (0.65, 0.3, 0.05)
    """Weights of the three convolutions. The paper weights the first most; its numbers are not in the text at hand."""

    _features: VggFeatures | None = PrivateAttr(default=None)

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return 4

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the weighted sum of the responses' mean squared errors."""
        image, reference = magnitude(image), magnitude(reference)
        peak = peaks(reference)
        with torch.no_grad():
            expected = self._responses(reference / peak)
        distances = [
            share * mse_loss(relu(found), relu(truth))
            for share, found, truth in zip(self.layers, self._responses(image / peak), expected, strict=True)
        ]
        return torch.stack(distances).sum()

    def _responses(self, images: Tensor) -> list[Tensor]:
        if self._features is None:
            self._features = VggFeatures(scale=255.0)
        self._features.to(images.device, images.dtype)
        responses: list[Tensor] = self._features(images[:, None].expand(-1, 3, -1, -1))
        return responses
