"""Trajectories: spokes through the centre of k-space, and spirals out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from fourfold.errors import InputError
from fourfold.memory import array_bytes, require_memory
from fourfold.sampling.validation import check_shape, is_whole
from fourfold.scan import Trajectory

__all__ = ["radial", "spiral"]

GOLDEN_ANGLE = math.pi * (math.sqrt(5) - 1) / 2
"""About 111.25°: however many spokes are taken, they are spread almost evenly (Winkelmann 2007, IEEE TMI 26:68)."""


# Bytes of a point (ky, kx) in double precision.
_POINT = 16


def radial(
    shape: Sequence[int], shots: int, samples: int | None = None, golden: bool = True, frames: int = 1
) -> Trajectory:
    """Return spokes through the centre of k-space, along x at an angle of 0 and along y at 90°.

    Parameters
    ----------
    shape
        The image's matrix (ny, nx); π / 2 · n spokes are a full set.
    shots
        Spokes of a frame.
    samples
        Samples of a spoke; by default twice the longer side, a readout oversampled by two as on scanners.
    golden
        Each spoke follows the last by the golden angle, across frames too. Otherwise spokes lie at even angles over
        180° and those of later frames in the gaps of the first.
    frames
        Frames, each with different spokes.

    Returns
    -------
    Trajectory
        Without a density, which is then computed.

    Raises
    ------
    InputError
        For sizes and numbers that are not whole and positive.
    """
    ny, nx = check_shape(shape)
    samples = 2 * max(ny, nx) if samples is None else samples
    _check_counts(shots=shots, samples=samples, frames=frames)
    count = torch.arange(frames * shots, dtype=torch.float64).view(frames, shots)
    if golden:
        angles = count * GOLDEN_ANGLE
    else:
        angles = math.pi / shots * (count % shots + torch.arange(frames, dtype=torch.float64)[:, None] / frames)
    along = (torch.arange(samples, dtype=torch.float64) - samples // 2) / samples
    directions = torch.stack([angles.sin() * ny, angles.cos() * nx], dim=-1)
    points = along[:, None] * directions[:, :, None]
    return Trajectory(points.float(), (ny, nx), kind="radial")


def spiral(
    shape: Sequence[int], shots: int, samples: int, acceleration: float = 1.0, golden: bool = False, frames: int = 1
) -> Trajectory:
    """Return Archimedean spirals out of the centre of k-space, traversed at constant speed.

    Parameters
    ----------
    shape, frames
        As in `radial`.
    shots
        Interleaves of a frame.
    samples
        Samples of an interleaf.
    acceleration
        Distance of neighbouring turns of all interleaves together, relative to what the field of view needs.
    golden
        Each interleaf is turned by the golden angle from the last, across frames too. Otherwise interleaves lie at even
        angles and those of later frames in the gaps of the first.

    Returns
    -------
    Trajectory
        As `radial` does.

    Raises
    ------
    InputError
        As `radial`, or for an acceleration that is not positive.
    """
    ny, nx = check_shape(shape)
    _check_counts(shots=shots, samples=samples, frames=frames)
    if not 0 < acceleration < math.inf:
        raise InputError(f"The acceleration is {acceleration:g}; it must be positive.")
    count = np.arange(frames * shots).reshape(frames, shots)
    if golden:
        starts = count * 2 * GOLDEN_ANGLE
    else:
        starts = 2 * math.pi / shots * (count % shots + np.arange(frames)[:, None] / frames)
    turns = max(ny, nx) / 2 / (shots * acceleration)
    radius = _constant_speed(2 * math.pi * turns, samples)
    angles = starts[..., None] + 2 * math.pi * turns * radius
    points = radius[:, None] * np.stack([np.sin(angles) * (ny / 2), np.cos(angles) * (nx / 2)], axis=-1)
    return Trajectory(torch.from_numpy(points.astype(np.float32)), (ny, nx), kind="spiral")


def _constant_speed(angle: float, samples: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the radii, 0 to 1, of points at even distances along a spiral that turns by `angle` on the way."""
    radius = np.linspace(0, 1, 20 * samples)
    turned = angle * radius
    length = turned * np.hypot(1, turned) + np.arcsinh(turned)
    return np.interp(np.linspace(0, length[-1], samples), length, radius)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not is_whole(count) or count < 1:
            raise InputError(f"{count} {name} were asked for; give a whole number from 1.")
    sizes = " × ".join(f"{count} {name}" for name, count in counts.items())
    require_memory(array_bytes(tuple(counts.values()), _POINT), f"A trajectory of {sizes}", "ask for fewer")
