"""Generative methods beside deepinv's DiffPIR and DPS: one prior, one scan, image quality and time.

A raw head at a low resolution, so that methods with a thousand calls of the denoiser end too. All have the same prior
(`brain-prior`), coil maps, intensity scale and noise level. The reference is the fully sampled scan, combined with the
same coil maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import CASES, DATA
from benchmarks.harness import Contender, Task, compare_contenders
from fourfold.coils.calibration import estimate_maps
from fourfold.methods.denoiser_setting import new_denoiser
from fourfold.methods.generative.posterior.measurement import relative_noise
from fourfold.methods.registry import find_method
from fourfold.methods.sense_problem import SenseProblem
from fourfold.metrics.psnr import psnr
from fourfold.operators.fourier import ifft
from fourfold.sampling import undersample
from fourfold.scan import Scan, crop_centre

__all__ = ["tasks"]

SIZE = (128, 128)
PRIOR = "brain-prior"
LINES = 16
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "diffusion, mean of 8": ("diffusion", {"members": 8}),
    "diffusion, 1 member": ("diffusion", {"members": 1}),
    "diffusion, point": ("diffusion", {"point": True}),
    "langevin, mean of 8": ("langevin", {"members": 8}),
    "jalal2021, 1 member": ("jalal2021", {"members": 1}),
    "varnet": ("varnet", {}),
    "tv": ("tv", {}),
}


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield one task for each acceleration, where the data is at hand, with the medium size."""
    if "medium" not in sizes or not DATA.is_dir():
        return
    for acceleration in (4,) if quick else (4, 8):
        ours = list(OURS)[-2:] if quick else list(OURS)
        contenders = [Contender(title, partial(method, title, acceleration)) for title in ours]
        steps = {"DiffPIR": 2, "DPS": 2} if quick else {"DiffPIR": 100, "DPS": 1000}
        contenders += [
            Contender(f"deepinv {name}, 1 sample", partial(peer, name, acceleration, number), requires="deepinv")
            for name, number in steps.items()
        ]
        name = f"generative, 8×{SIZE[0]}×{SIZE[1]}, random lines {acceleration}×"
        yield Task(
            name,
            partial(compare_contenders, name, contenders, quick=quick, repeats=0, figures=partial(score, acceleration)),
        )


def scans(acceleration: int) -> tuple[Scan, Scan]:
    """Return the full and the undersampled scan, with coil maps from the latter's calibration lines."""
    full = CASES[0].full()
    full = full.replace(kspace=crop_centre(full.kspace, SIZE).contiguous(), sampling=None)
    scan = undersample(full, "random", acceleration, lines=LINES, seed=0)
    maps = estimate_maps(scan)
    return full.replace(coil_maps=maps), scan.replace(coil_maps=maps)


def score(acceleration: int, image: Tensor) -> dict[str, Any]:
    """Return the PSNR of a magnitude image (y, x) against the fully sampled scan, combined with the same maps."""
    full, _ = scans(acceleration)
    assert full.coil_maps is not None
    reference = (full.coil_maps[0, 0].conj() * ifft(full.kspace[0])).sum(dim=0).abs()
    return {"PSNR dB": float(psnr(image, reference, reference.max()))}


def method(title: str, acceleration: int) -> Callable[[], Tensor]:
    """Prepare one of fourfold's methods."""
    name, settings = OURS[title]
    _, scan = scans(acceleration)
    chosen = find_method(name)(coil_combination="maps", **settings)
    return lambda: chosen(scan).magnitude[0]


def peer(name: str, acceleration: int, steps: int) -> Callable[[], Tensor]:
    """Prepare one of deepinv's samplers with its default settings."""
    import deepinv

    _, scan = scans(acceleration)
    problem = SenseProblem.of(scan, 1)
    noise_std = relative_noise(problem, "auto")
    assert scan.coil_maps is not None
    physics = deepinv.physics.MultiCoilMRI(mask=scan.mask.float()[None], coil_maps=scan.coil_maps[:, 0], img_size=SIZE)
    # deepinv's samplers keep images between 0 and 1: real and imaginary parts, which lie between −1 and 1, are halved
    # and raised by one half.
    measured = to_channels(scan.kspace / (2 * problem.scale)) + physics.A(torch.full((1, 2, *SIZE), 0.5))
    physics.noise_model = deepinv.physics.GaussianNoise(sigma=noise_std / 2)
    prior = ShiftedPrior(PRIOR)
    fidelity = deepinv.optim.data_fidelity.L2()
    sampler = (
        deepinv.sampling.DiffPIR(prior, fidelity, sigma=noise_std / 2, max_iter=steps)
        if name == "DiffPIR"
        else deepinv.sampling.DPS(prior, num_steps=steps, dtype=torch.float32)
    )

    def work() -> Tensor:
        sample = sampler(measured, physics, seed=1)
        image = to_complex(2 * (sample.float() - 0.5))[0]
        return (image * problem.scale).abs().detach()

    return work


class ShiftedPrior(nn.Module):
    """The prior in deepinv's form: images (frame, real or imaginary part, y, x), between 0 and 1."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.network = new_denoiser(weights, torch.device("cpu"), torch.ones(SIZE, dtype=torch.bool)).network

    def forward(self, images: Tensor, sigma: Tensor | float, *_: Any, **__: Any) -> Tensor:
        """Return denoised images."""
        image = to_complex(2 * (images.float() - 0.5))
        level = 2 * math.sqrt(2) * torch.as_tensor(sigma, dtype=torch.float32).reshape(-1).expand(len(image))
        return (to_channels(self.network(image, level)) / 2 + 0.5).to(images.dtype)


def to_channels(values: Tensor) -> Tensor:
    """Return complex (frame, …) as real (frame, part, …)."""
    return torch.view_as_real(values).movedim(-1, 1).contiguous()


def to_complex(values: Tensor) -> Tensor:
    """Return real (frame, part, …) as complex (frame, …)."""
    return torch.view_as_complex(values.movedim(1, -1).contiguous())
