"""Simulated scans whose noise-free samples are known."""

from dataclasses import dataclass

import pytest
import torch

from fourfold.operators.fourier import fft
from fourfold.sampling import make_sampling
from fourfold.scan import Sampling, Scan
from fourfold.simulation.sample import sample_image
from fourfold.simulation.simulate import loop_maps, smooth_phase

SHAPE = (80, 64)
NOISE = 0.03


@dataclass(frozen=True)
class Known:
    """An undersampled scan with what a real one does not tell."""

    scan: Scan
    truth: torch.Tensor
    """The noise-free k-space (coil, ky, kx)."""
    noise: float
    """The variance of a sample's complex noise."""


def known(kind: str = "random", acceleration: float = 2.5, coils: int = 4, noise: float = NOISE, **options) -> Known:
    """Return a head at low resolution with simulated coils and white noise, relative to the mean energy of a sample."""
    magnitude = torch.nn.functional.avg_pool2d(sample_image()[None], 3)[0, :, 1:65]
    maps = loop_maps(SHAPE, coils=coils)[0, 0] if coils > 1 else torch.ones(1, *SHAPE, dtype=torch.complex64)
    truth = fft(maps * smooth_phase(SHAPE) * magnitude)
    truth = truth / truth.abs().square().mean().sqrt()
    drawn = torch.randn(truth.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(5))
    everywhere = Sampling(torch.ones(1, *SHAPE, dtype=torch.bool))
    scan = Scan((truth + noise * drawn)[None], sampling=everywhere)
    lines = {} if kind == "poisson-disc" else {"lines": 14}
    sampling = make_sampling(kind, SHAPE, acceleration, **{**lines, **options})
    noise_scan = noise * torch.randn(coils, 4000, dtype=torch.complex64, generator=torch.Generator().manual_seed(6))
    return Known(scan.replace(noise=noise_scan).with_sampling(sampling), truth, noise**2)


@pytest.fixture(scope="session")
def head() -> Known:
    """Return a head with four coils and random lines at 2.5×."""
    return known()
