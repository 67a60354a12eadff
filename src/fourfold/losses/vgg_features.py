"""The first five convolutions of VGG-16, whose features the perceptual loss compares."""

from __future__ import annotations

from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

__all__ = ["VggFeatures"]

_FILE = "vgg16_conv1_1_to_conv3_1_fp16.safetensors"
_MEANS = (123.68, 116.779, 103.939)
_CONVOLUTIONS = {"0": (3, 64), "2": (64, 64), "5": (64, 128), "7": (128, 128), "10": (128, 256)}


class VggFeatures(nn.Module):
    """conv1_1 to conv3_1 of VGG-16, trained on ImageNet (Simonyan & Zisserman 2014, arXiv:1409.1556); not trainable.

    555,328 weights by the Visual Geometry Group, University of Oxford, CC BY 4.0. They ship in half precision, which
    changes the distance of two images by about 10⁻⁵.

    Parameters
    ----------
    scale
        Divisor of all features, which are of order 10² to 10³; exact, because every layer is homogeneous.
    """

    means: Tensor

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.features = nn.ModuleDict(
            {name: nn.Conv2d(inputs, outputs, 3, padding=1) for name, (inputs, outputs) in _CONVOLUTIONS.items()}
        )
        weights = load((files("fourfold") / "data" / _FILE).read_bytes())
        biases = {name: value.float() / scale for name, value in weights.items() if name.endswith("bias")}
        self.load_state_dict(weights | biases)
        self.register_buffer("means", torch.tensor(_MEANS)[:, None, None], persistent=False)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of conv1_1, conv2_1 and conv3_1 before ReLU.

        Parameters
        ----------
        images
            Real, (frame, 3, y, x), RGB from 0 to 1.
        """
        x = (255 * images - self.means) / self.scale
        first = self.features["0"](x)
        second = self.features["5"](max_pool2d(relu(self.features["2"](relu(first))), 2))
        third = self.features["10"](max_pool2d(relu(self.features["7"](relu(second))), 2))
        return [first, second, third]
