"""Priors whose denoiser and posterior are known exactly, and a small multi-coil scan of their images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.posterior_sampling import Measurement
from fourfold.sampling import regular
from fourfold.scan import Scan
from fourfold.simulation.random_coils import random_maps


def white(*shape: int, seed: int) -> Tensor:
    """Return complex noise of standard deviation 1 in each part."""
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed)) * math.sqrt(2)


def scan_of(image: Tensor, noise_std: float, *, coils: int = 4, acceleration: int = 4, seed: int = 0) -> Scan:
    """Return a scan of `image` (y, x), whose coil maps it holds: regular lines and four in the centre."""
    maps = random_maps(image.shape, coils, np.random.default_rng(1))[None, None]
    full = Encoding(torch.ones(1, *image.shape, dtype=torch.bool), maps).forward(image[None, None])
    kspace = full + noise_std * white(*full.shape, seed=seed)
    sampling = regular(image.shape, acceleration, lines=4 if acceleration > 1 else 0)
    return Scan(kspace, coil_maps=maps).with_sampling(sampling)


def normal_matrix(measured: Measurement) -> Tensor:
    """Return AᴴA (pixel, pixel) of a measurement with one set of maps."""
    pixels = measured.data.rhs[0].numel()
    columns = measured.data.normal(torch.eye(pixels, dtype=torch.complex64).view(pixels, *measured.data.rhs.shape[1:]))
    return columns.view(pixels, pixels).T


def as_matrix(measured: Measurement) -> Measurement:
    """Return the same measurement with AᴴA as a matrix, which is faster for many small images."""
    matrix = normal_matrix(measured).T.contiguous()
    return replace(measured, data=replace(measured.data, normal=lambda x: (x.flatten(1) @ matrix).view(x.shape)))


@dataclass(frozen=True, eq=False)
class GaussianPrior:
    """Stationary Gaussian images of power 1 / (1 + |k|²); each part of a pixel has the variance 0.1."""

    size: int = 16

    @cached_property
    def power(self) -> Tensor:
        """The variance of each part of each frequency of the orthonormal transform."""
        frequency = torch.fft.fftfreq(self.size) * self.size
        power = 1 / (1 + frequency[:, None].square() + frequency.square())
        return power * (0.1 / power.mean())

    def image(self, seed: int) -> Tensor:
        """Return an image (y, x)."""
        return torch.fft.ifft2(torch.fft.fft2(white(self.size, self.size, seed=seed)) * self.power.sqrt())

    def denoise(self, image: Tensor, sigma: float) -> Tensor:
        """Return the mean of the images that a noisy one may show."""
        return torch.fft.ifft2(torch.fft.fft2(image) * (self.power / (self.power + sigma**2)))

    def denoiser(self, problem: SenseProblem):
        """Return the denoiser of the images of a problem, which have its unit of intensity and its maps' phase."""

        def denoise(image: Tensor, sigma: float) -> Tensor:
            scale = problem.scale
            return problem.phase.conj() * self.denoise(problem.phase * image * scale, sigma * scale) / scale

        return denoise

    def precision(self) -> Tensor:
        """Return the inverse covariance (pixel, pixel) of each part."""
        pixels = self.size**2
        transform = torch.fft.fft2(torch.eye(pixels, dtype=torch.complex128).view(-1, self.size, self.size))
        transform = transform.view(pixels, pixels).T / self.size
        return transform.mH @ torch.diag(1 / self.power.flatten()).to(torch.complex128) @ transform


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """The posterior of the image of a scan with the prior, in the unit of its problem."""

    prior: GaussianPrior
    problem: SenseProblem
    measured: Measurement

    @cached_property
    def normal(self) -> Tensor:
        """AᴴA (pixel, pixel)."""
        return normal_matrix(self.measured).to(torch.complex128)

    @cached_property
    def covariance(self) -> Tensor:
        """Covariance (pixel, pixel) of each part."""
        scale = self.problem.scale
        phase = self.problem.phase.flatten().to(torch.complex128)
        prior = phase.conj()[:, None] * self.prior.precision() * phase * scale**2
        return torch.linalg.inv(self.normal / self.measured.noise_std**2 + prior)

    @property
    def mean(self) -> Tensor:
        """The mean (pixel,)."""
        return self.covariance @ self.measured.data.rhs.flatten().to(torch.complex128) / self.measured.noise_std**2

    @property
    def std(self) -> Tensor:
        """The standard deviation of each part (pixel,)."""
        return self.covariance.diagonal().real.sqrt()

    def std_ratio(self, members: Tensor, measured: bool | None = None) -> float:
        """Return the spread of members (member, pixel) over the exact one, where A measures, does not, or anywhere."""
        values, vectors = torch.linalg.eigh(self.normal)
        vectors = vectors if measured is None else vectors[:, (values > 1e-3) == measured]
        spread = torch.var(members @ vectors.conj(), dim=0).sum()
        exact = 2 * torch.einsum("in,ij,jn->", vectors.conj(), self.covariance, vectors).real
        return float((spread / exact).sqrt())

    def loss_of_mean(self, members: Tensor) -> float:
        """Return by how many dB the mean of very many members would be further from the truth than the exact mean."""
        squared = (members.mean(dim=0) - self.mean).abs().square().sum()
        by_chance = torch.var(members, dim=0).sum() / len(members)
        return 10 * math.log10(1 + float((squared - by_chance) / (2 * self.std.square().sum())))

    def coverage(self, members: Tensor) -> float:
        """Return the probability that the truth lies within 1.645 standard deviations of the members' mean."""
        normal = torch.distributions.Normal(self.mean.real, self.std)
        mean, reach = members.real.mean(dim=0), 1.645 * members.real.std(dim=0)
        return float((normal.cdf(mean + reach) - normal.cdf(mean - reach)).mean())


@dataclass(frozen=True, eq=False)
class MixturePrior:
    """Some fixed images, the modes, each with white noise of standard deviation `width` around it."""

    modes: Tensor
    """complex64, (mode, y, x)."""
    width: float

    def responsibilities(self, image: Tensor, sigma: float) -> Tensor:
        """Return the probability of each mode, (image, mode), given images (image, y, x) with noise."""
        distances = (image[:, None] - self.modes).abs().square().sum(dim=(-2, -1))
        return (-distances / (2 * (self.width**2 + sigma**2))).softmax(dim=1)

    def denoise(self, image: Tensor, sigma: float) -> Tensor:
        """Return the mean of the images (…, y, x) that noisy ones may show."""
        images = image.flatten(0, -3)
        share = self.width**2 / (self.width**2 + sigma**2)
        centres = torch.einsum("im,myx->iyx", self.responsibilities(images, sigma).to(images), self.modes)
        return (centres + share * (images - centres)).view(image.shape)
