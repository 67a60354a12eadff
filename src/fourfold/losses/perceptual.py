"""Perceptual loss: the distance of two images in the features of a network trained on photographs."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor
from torch.nn.functional import mse_loss, relu

from fourfold.losses.loss import Loss, magnitude, peaks
from fourfold.losses.vgg_features import VggFeatures

__all__ = ["Perceptual"]

_LayerWeight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Perceptual(Loss):
    """Weighted mean squared errors of VGG-16 features (Ghodrati et al. 2019, Eqs. 6–7).

    The features are those of the first convolution of blocks 1, 2 and 3, after ReLU. Magnitude images are scaled so
    that the maximum of the reference is 1; features are divided by 255.
    """

    kind: Literal["perceptual"] = "perceptual"
    """Name in settings."""
    layers: tuple[_LayerWeight, _LayerWeight, _LayerWeight] = (0.65, 0.3, 0.05)
    """Weights of the three convolutions. In the paper the first one has the largest weight; the values are not
    given."""

    _features: VggFeatures | None = PrivateAttr(default=None)

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return 4

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the weighted sum of the features' mean squared errors."""
        image, reference = magnitude(image), magnitude(reference)
        peak = peaks(reference)
        with torch.no_grad():
            targets = self._layer_features(reference / peak)
        distances = [
            weight * mse_loss(relu(actual), relu(target))
            for weight, actual, target in zip(self.layers, self._layer_features(image / peak), targets, strict=True)
        ]
        return torch.stack(distances).sum()

    def _layer_features(self, images: Tensor) -> list[Tensor]:
        if self._features is None:
            self._features = VggFeatures(scale=255.0)
        self._features.to(images.device, images.dtype)
        features: list[Tensor] = self._features(images[:, None].expand(-1, 3, -1, -1))
        return features
