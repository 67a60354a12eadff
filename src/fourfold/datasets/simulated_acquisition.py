"""Simulates a fully sampled acquisition of an image: random phase, coils and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.settings import Simulation
from fourfold.datasets.tissue_phase import tissue_phase
from fourfold.operators.fourier import fft
from fourfold.simulation.random_coils import random_maps
from fourfold.simulation.simulate import in_object, smooth_phase

__all__ = ["Simulated", "simulate_acquisition"]


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated, fully sampled acquisition."""

    kspace: Tensor
    """complex64, (coil, ky, kx), with noise."""
    image: Tensor
    """complex64, (y, x): the noise-free image."""
    maps: Tensor
    """complex64, (coil, y, x): the true coil maps, of unit root-sum-of-squares."""


def simulate_acquisition(image: Tensor, coils: int, settings: Simulation, streams: RandomStreams) -> Simulated:
    """Return a random acquisition of an image, float32 or complex64 (y, x), which must not be zero everywhere."""
    ny, nx = image.shape
    image = image.to(torch.complex64)
    if settings.phase:
        seed = int(streams.numpy_generator("phase").integers(2**62))
        image = image * torch.polar(torch.ones(ny, nx), settings.phase * smooth_phase((ny, nx), seed))
    if settings.tissue_phase:
        phase = tissue_phase(image, settings.tissue_phase, streams.numpy_generator("tissue phase"))
        image = image * torch.polar(torch.ones(ny, nx), phase)
    maps = random_maps((ny, nx), coils, streams.numpy_generator("coils"))
    kspace = fft(maps * image)
    if settings.snr is not None:
        deviation = float(image.abs()[in_object(image)].mean()) / streams.log_uniform("snr", settings.snr)
        noise = torch.randn(kspace.shape, dtype=torch.complex64, generator=streams.torch_generator("noise"))
        # torch's complex normal numbers have variance one, one half in each part.
        kspace.add_(noise, alpha=deviation * math.sqrt(2))
    return Simulated(kspace, image, maps)
