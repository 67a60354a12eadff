"""Image and coil maps estimated together (NLINV), for scans without calibration lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from fourfold.coils.joint_model import JointModel, require_neighbours
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.methods.method import Progress
from fourfold.noise.outer_kspace_noise import noise_std_of_scan
from fourfold.operators.fourier import fft
from fourfold.operators.linear_operator import norm
from fourfold.optimize.gauss_newton import gauss_newton
from fourfold.scan import Scan, centre_slice

__all__ = ["JointEstimate", "NewtonSteps", "estimate_jointly"]

NewtonSteps = PositiveInt | Literal["auto"]

# The penalty's weight from step to step.
_RATIO = 0.5
_MOST_STEPS = 14
_PATIENCE = 3
_HELD_OUT = 0.05
# Samples around the centre that are never held out: they determine the image's contrast.
_KEPT_CENTRE = 8
# With all samples a later step is best than without the held-out ones: the last one within 5 % of the least error. No
# step predicts the noise of the held-out samples: without it, within 25 %.
_SLACK, _SLACK_WITHOUT_NOISE = 1.05, 1.25
_NOISE_EXCESS = 1.1
# Held-out samples that are predicted no better than this mean that aliasing stayed, or they are noise.
_FAILED = 0.6
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, eq=False)
class JointEstimate:
    """Image and coil maps of one frame.

    Attributes
    ----------
    image
        complex64, (y, x), in the units of the measured data: ρ times the maps' root-sum-of-squares.
    maps
        complex64, (1, 1, coil, y, x), as `Scan.coil_maps` has them, of unit root-sum-of-squares.
    steps, iterations
        Newton steps, and conjugate-gradient iterations of all steps.
    scale
        The unit of intensity.
    errors
        Of automatic steps: relative error of the prediction of held-out samples after each step.
    noise
        Of automatic steps: the part of this error that is the samples' own noise.
    """

    image: Tensor
    maps: Tensor
    steps: int
    iterations: int
    scale: float
    errors: tuple[float, ...] = ()
    noise: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        if not self.errors or min(self.errors) < _FAILED:
            return ()
        if self.noise >= _FAILED:
            return (
                f"Away from the centre of k-space the samples are mostly noise ({100 * min(self.noise, 1.0):.0f} %): "
                "details weaker than it are lost, in the image and in the coil maps.",
            )
        return (
            f"Image and coil maps, estimated together, miss held-out samples by {100 * min(self.errors):.0f} %: "
            "aliasing stays. Acquire some lines next to one another at the centre of k-space.",
        )


@torch.no_grad()
def estimate_jointly(scan: Scan, steps: NewtonSteps = "auto", progress: Progress = lambda *_: None) -> JointEstimate:
    """Return the image and the coil maps of a scan of one frame.

    Parameters
    ----------
    scan
        The acquisition, of several coils.
    steps
        Newton steps; auto holds out 5 % of the samples, single ones outside the centre, and takes the number of steps
        that predicts them best; the last of these steps uses all samples.
    progress
        Called after every step.

    Raises
    ------
    InputError
        For a single coil, or a pattern without neighbouring samples.
    """
    if scan.coils == 1:
        raise InputError(
            "The scan has a single coil, which has no map to estimate; choose the method 'tv' or 'wavelet'."
        )
    require_neighbours(scan.mask[0])
    scale = intensity_scale(scan)
    kspace, mask = scan.kspace[0] / scale, scan.mask[0]
    model = JointModel(kspace, mask)
    x, done = model.start(), 0
    iterations, errors, noise = 0, list[float](), 0.0
    if steps == "auto":
        held = _held_out(mask)
        tried, iterations, errors = _try_steps(kspace, mask, held, progress)
        noise = noise_std_of_scan(scan) / scale * math.sqrt(scan.coils * int(held.sum()))
        noise /= max(norm(kspace[:, held]), _TINY)
        wanted = _last_good_step(errors, noise)
        done = wanted - 1
        x = tried[done]
    else:
        wanted = steps
    for solution, used in islice(gauss_newton(model.linearise, x, _RATIO**done, _RATIO), wanted - done):
        x = solution
        iterations += used
        done += 1
        progress(done / (wanted + 1), f"step {done}")
    image, maps = model.parts(x)
    strength = root_sum_of_squares(maps)
    maps = torch.view_as_complex(torch.view_as_real(maps) / strength[..., None].clamp_min(_TINY))
    return JointEstimate(image * strength * scale, maps[None, None], wanted, iterations, scale, tuple(errors), noise)


def _last_good_step(errors: Sequence[float], noise: float) -> int:
    """Return the last step whose error, with and without the part that is noise, is nearly as small as the least one.

    A noise estimate above the error of all steps is one of signal and is ignored. Of samples that no step
    predicts the best step is taken.
    """
    if min(errors) >= _FAILED:
        return errors.index(min(errors)) + 1
    least = min(errors) ** 2
    known = 0.0 if noise**2 > _NOISE_EXCESS**2 * least else min(noise**2, least)
    allowed = min(_SLACK**2 * least, known + _SLACK_WITHOUT_NOISE**2 * (least - known))
    return max(step for step, error in enumerate(errors, 1) if error**2 <= allowed)


def _try_steps(kspace: Tensor, mask: Tensor, held: Tensor, progress: Progress) -> tuple[list[Tensor], int, list[float]]:
    """Return the solutions without the held-out samples (first guess first), the iterations, the steps' errors."""
    model = JointModel(kspace, mask & ~held)
    solutions, iterations, errors = [model.start()], 0, list[float]()
    for x, used in islice(gauss_newton(model.linearise, solutions[0], ratio=_RATIO), _MOST_STEPS):
        solutions.append(x)
        iterations += used
        errors.append(_prediction_error(model, x, kspace, held))
        progress(len(errors) / (_MOST_STEPS + 1), f"step {len(errors)}, some samples held out")
        if len(errors) - 1 - errors.index(min(errors)) == _PATIENCE:
            break
    return solutions, iterations, errors


def _held_out(mask: Tensor) -> Tensor:
    """Return a seeded draw of 5 % of the acquired samples outside the centre; bool, (ky, kx).

    Single ones, even of line patterns: whether lines are predicted well depends on the few that happened to be drawn.
    """
    outside = mask.clone()
    outside[tuple(centre_slice(size, min(_KEPT_CENTRE, size)) for size in mask.shape)] = False
    places = outside.flatten().nonzero().flatten()
    if len(places) == 0:
        raise InputError(
            "The scan has no samples outside the centre of k-space to hold out; give the number of steps, such as 9."
        )
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0)).to(places.device)
    held = torch.zeros_like(outside)
    held.view(-1)[places[order[: max(1, round(_HELD_OUT * len(places)))]]] = True
    return held


def _prediction_error(model: JointModel, x: Tensor, kspace: Tensor, held: Tensor) -> float:
    """Return the relative error of the k-space of solution `x` on the samples that were held out."""
    image, maps = model.parts(x)
    measured = kspace[:, held]
    return norm(fft(image * maps)[:, held] - measured) / max(norm(measured), _TINY)
