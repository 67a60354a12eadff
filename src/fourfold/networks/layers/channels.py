"""Converts complex images to two real channels and back, without a copy.

Real and imaginary part are adjacent in memory. As two channels this is torch's channels-last layout, in which
convolutions of few channels are several times faster on CPUs. The networks keep this layout throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["as_channels", "as_complex", "channels_last", "normalised_layout"]


def as_channels(images: Tensor) -> Tensor:
    """Return complex images (frame, y, x) as real and imaginary part, (frame, 2, y, x), channels last in memory."""
    return torch.view_as_real(images.resolve_conj().contiguous()).permute(0, 3, 1, 2)


def as_complex(channels: Tensor) -> Tensor:
    """Return real (frame, 2, y, x) as complex images (frame, y, x), in single precision at least."""
    parts = channels.permute(0, 2, 3, 1).contiguous()
    return torch.view_as_complex(parts.to(torch.promote_types(parts.dtype, torch.float32)))


def channels_last(x: Tensor) -> Tensor:
    """Return real (frame, channel, y, x) with the channels last in memory.

    Unlike torch's conversion, it also sets the strides of single-channel images, whose two layouts are the same in
    memory, so that subsequent convolutions keep the layout.
    """
    frames, channels, ny, nx = x.shape
    return x.permute(0, 2, 3, 1).flatten().view(frames, ny, nx, channels).permute(0, 3, 1, 2)


def normalised_layout(x: Tensor) -> Tensor:
    """Return `x` in the layout in which convolutions with instance norm between them are fastest.

    That is channels last on a CPU, with the norm of `normalised_leaky_relu_`. The norm on a GPU supports the contiguous
    layout only, and would copy every image.
    """
    return channels_last(x) if x.device.type == "cpu" else x.contiguous()
