"""The measurement of a scan as samplers need it: with the noise level of its samples, and draws of their noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Generator, Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.errors import InputError
from fourfold.methods.sense_problem import SenseProblem
from fourfold.noise.sample_noise import sample_noise_std
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.optimize.posterior_sampling import Measurement

__all__ = ["SMALLEST_NOISE", "measurement", "relative_noise"]

SMALLEST_NOISE = 1e-3
"""Less noise than this part of the brightness counts as this much: the solver's errors are of that size."""
# Without density compensation the centre of k-space, where shots are dense, makes the system ill-conditioned.
_EFFORT = 3
# Fewest calibration samples along an axis whose singular values show the noise.
_FEWEST = 8


def relative_noise(problem: SenseProblem, noise_std: float | Literal["auto"]) -> float:
    """Return the standard deviation of the noise of a sample's real part, and imaginary part, in the image's unit.

    Parameters
    ----------
    problem
        The reconstruction problem of one frame.
    noise_std
        The value itself, or ``"auto"`` to estimate it (`fourfold.noise.sample_noise`).

    Raises
    ------
    InputError
        When it cannot be estimated.
    """
    if noise_std != "auto":
        return noise_std
    try:
        calibration = central_calibration(problem.scan, minimum=_FEWEST, size=None)[0]
    except InputError:
        calibration = None
    return sample_noise_std(problem.scan, calibration) / problem.scale


def measurement(problem: SenseProblem, noise_std: float) -> Measurement:
    """Return the measurement of one frame with white noise of `noise_std`, see `relative_noise`."""
    noise_std = max(noise_std, SMALLEST_NOISE)
    if problem.scan.trajectory is None:
        return Measurement(problem.data_term, noise_std, _NoiseImages(problem))
    problem, factor = _unweighted(problem)
    return Measurement(problem.data_term, factor * noise_std, _NoiseImages(problem), _EFFORT)


def _unweighted(problem: SenseProblem) -> tuple[SenseProblem, float]:
    """Return the problem of a scan with a trajectory without density compensation, and the factor of its samples.

    Weighted samples have noise of different levels, which a likelihood must not take for equal.
    """
    scan = problem.scan
    assert scan.trajectory is not None
    equal = torch.ones_like(scan.trajectory.points[:1, ..., 0])
    encoding = NonCartesianEncoding(replace(scan.trajectory, density=equal), scan.mask, problem.encoding.coil_maps)
    measured = encoding.weighted(scan.kspace) / problem.scale
    factor = float(encoding.weighted(torch.ones_like(scan.kspace[:, :1])).abs().max())
    return problem.with_samples(encoding, encoding.adjoint(measured), float(measured.abs().square().sum())), factor


class _NoiseImages:
    """Draws Aᴴ n (member, set, y, x) for white noise n of standard deviation 1 in the samples of all coils.

    The noise of a coil follows the coil: it has the order of the coils' energies and the phase of their samples. Such
    a rotation leaves white noise white, and another order of the coils or another phase of the receiver does not change
    the image.
    """

    def __init__(self, problem: SenseProblem) -> None:
        kspace = problem.scan.kspace[0]
        self._encoding, self._mask = problem.encoding, problem.scan.mask[0]
        self._order = torch.view_as_real(kspace).square().sum(dim=(1, 2, 3)).argsort(descending=True).argsort()
        angles = (kspace * kspace.abs()).sum(dim=(1, 2)).angle()
        self._phases = torch.polar(torch.ones_like(angles), angles)[:, None]

    def __call__(self, generators: Sequence[Generator]) -> Tensor:
        """Return one draw for each generator; their numbers are made on the CPU."""
        shape = len(self._order), int(self._mask.sum())
        drawn = [torch.randn(shape, dtype=torch.complex64, generator=generator) for generator in generators]
        white = torch.stack(drawn).mul_(math.sqrt(2)).to(self._phases.device)
        noise = white.new_zeros((len(drawn), shape[0], *self._mask.shape))
        noise[..., self._mask] = white[:, self._order] * self._phases
        return self._encoding.adjoint(noise)
