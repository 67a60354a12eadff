"""A network's output for a fixed input: it shows whether a network computes the same here as where it was trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.networks.network import Network
from fourfold.operators.fourier import fft
from fourfold.scan import centre_slice
from fourfold.simulation.simulate import phantom

__all__ = ["check_reference_output", "reference_output"]

_SHAPE, _CALIBRATION_LINES = (64, 48), 10
_SAMPLES = 8
# Relative to the largest number: processors differ in the order of summation, not in half precision.
_TOLERANCE = 1e-3


@torch.no_grad()
def reference_output(network: Network) -> tuple[float, ...]:
    """Return eight pixels, real and imaginary parts alternating, of what a network makes of a phantom.

    The phantom has a smooth phase and one coil. Every third line and ten lines in the centre are acquired.

    Parameters
    ----------
    network
        In evaluation mode.
    """
    image = network.test_output(*_reference_input())[0]
    pixels = torch.view_as_real(image.flatten()[:: image.numel() // _SAMPLES][:_SAMPLES]).flatten()
    return tuple(float(f"{value:.6g}") for value in pixels.tolist())


def check_reference_output(network: Network, expected: Sequence[float], name: str) -> None:
    """Raise InputError where a network's reference output is not the `expected` one of the weights called `name`."""
    actual, target = torch.tensor(reference_output(network)), torch.tensor(expected)
    if actual.shape != target.shape or float((actual - target).abs().max()) > _TOLERANCE * float(target.abs().max()):
        raise InputError(
            f"The weights '{name}' load, but the network does not reproduce the reference output in their manifest; "
            "this version of fourfold or torch computes something else: report it with 'fourfold --version'."
        )


def _reference_input() -> tuple[Tensor, Tensor]:
    """Return k-space, complex64 (1, 1, ky, kx), and mask, bool (1, ky, kx)."""
    ny, nx = _SHAPE
    phase = torch.linspace(-math.pi / 2, math.pi / 2, ny)[:, None]
    image = torch.polar(phantom(_SHAPE), phase.expand(ny, nx))
    columns = torch.arange(nx) % 3 == 0
    columns[centre_slice(nx, _CALIBRATION_LINES)] = True
    mask = columns.expand(1, ny, nx)
    return torch.where(mask[:, None], fft(image)[None, None], 0), mask
