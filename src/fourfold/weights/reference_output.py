"""A fixed question to a network, and its answer: whether it computes here what it computed where it was trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.networks.build import Reconstructor
from fourfold.operators.fourier import fft
from fourfold.scan import centre_slice
from fourfold.simulation.simulate import phantom

__all__ = ["answer", "check_answer"]

_SHAPE, _LINES = (64, 48), 10
_SAMPLES = 8
# Of the largest number: other processors add up in another order, half precision is not meant.
_TOLERANCE = 1e-3


@torch.no_grad()
def answer(network: Reconstructor) -> tuple[float, ...]:
    """Return eight pixels, real and imaginary part, of what a network in evaluation mode makes of a phantom.

    The phantom has a smooth phase and one coil, of which every third line and ten in the centre are known.
    """
    image = network(*_question())[0]
    pixels = torch.view_as_real(image.flatten()[:: image.numel() // _SAMPLES][:_SAMPLES]).flatten()
    return tuple(float(f"{value:.6g}") for value in pixels.tolist())


def check_answer(network: Reconstructor, expected: Sequence[float], name: str) -> None:
    """Raise InputError where the network's answer is not the `expected` one of the weights called `name`."""
    found = torch.tensor(answer(network))
    wanted = torch.tensor(expected)
    if found.shape != wanted.shape or float((found - wanted).abs().max()) > _TOLERANCE * float(wanted.abs().max()):
        raise InputError(
            f"The weights '{name}' load, but the network does not answer a fixed question as it did when they were "
            "made; this version of fourfold or torch computes something else: report it with 'fourfold --version'."
        )


def _question() -> tuple[Tensor, Tensor]:
    """Return k-space (1, 1, ky, kx) and mask (1, ky, kx)."""
    ny, nx = _SHAPE
    along = torch.linspace(-math.pi / 2, math.pi / 2, ny)[:, None]
    image = torch.polar(phantom(_SHAPE), along.expand(ny, nx))
    columns = torch.arange(nx) % 3 == 0
    columns[centre_slice(nx, _LINES)] = True
    mask = columns.expand(1, ny, nx)
    return torch.where(mask[:, None], fft(image)[None, None], 0), mask
