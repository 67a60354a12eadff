"""Patterns that leave out whole lines along one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fourfold.errors import InputError
from fourfold.sampling.validation import check_frames, check_shape, count_for, generator, is_whole
from fourfold.scan import Axis, Sampling, centre_slice

__all__ = ["equispaced", "gaussian", "kt_interleaved", "random", "regular"]

DEFAULT_CENTRE = 0.08

Choice = Callable[[int], NDArray[np.intp]]
"""Returns, for a frame, which of the positions outside the centre it acquires."""


def random(
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    centre: float | None = None,
    lines: int | None = None,
    seed: int = 0,
    axis: Axis = "ky",
    frames: int = 1,
) -> Sampling:
    """Return lines drawn uniformly at random beside a fully sampled centre.

    The pattern of the fastMRI challenge (Zbontar et al. 2018, arXiv:1811.08839, section 4.10), with an exact
    number of lines where that one has it on average only.

    Parameters
    ----------
    shape
        Grid (ny, nx).
    acceleration
        Grid lines over acquired lines, the centre included; reached within 1 %.
    centre, lines
        The fully sampled centre as a fraction of all lines (default 0.08) or as a number of lines; give
        one.
    seed
        Seed of the pattern's own random generator.
    axis
        Axis along which lines are left out.
    frames
        Number of frames, each with a pattern of its own; a single one serves a scan of any length.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        Where the acceleration cannot be met: below 1, more than there are lines, less than the centre takes,
        or missed by more than 1 % because lines are whole.
    """
    plan = _LinePlan.plan(shape, axis, acceleration, centre, lines)
    rng = generator(seed)
    return plan.sampling("random", seed, frames, lambda _: rng.choice(plan.outer.size, plan.free, replace=False))


def equispaced(
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    centre: float | None = None,
    lines: int | None = None,
    seed: int = 0,
    axis: Axis = "ky",
    frames: int = 1,
) -> Sampling:
    """Return equally spaced lines beside a fully sampled centre, at an offset chosen by the seed.

    The distance between neighbours outside the centre is one real number, widened so that the acceleration
    holds with the centre counted (as in fastMRI's fractional equispaced masks) and rounded to the grid:
    distances differ by one line at most, also around the edge of k-space, and none beside the centre is
    wider.

    Parameters
    ----------
    shape, acceleration, centre, lines, seed, axis, frames
        As in `random`.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        As in `random`.
    """
    plan = _LinePlan.plan(shape, axis, acceleration, centre, lines)
    rng = generator(seed)
    return plan.sampling("equispaced", seed, frames, lambda _: plan.comb(rng))


def gaussian(
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    width: float = 0.2,
    centre: float | None = None,
    lines: int | None = None,
    seed: int = 0,
    axis: Axis = "ky",
    frames: int = 1,
) -> Sampling:
    """Return lines drawn with a Gaussian density beside a fully sampled centre.

    Lines are drawn one after the other without replacement, with weights exp(-k² / 2σ²), by the
    exponential-key method (Efraimidis and Spirakis 2006, Inf. Process. Lett. 97:181).

    Parameters
    ----------
    width
        The density's standard deviation σ as a fraction of all lines.
    shape, acceleration, centre, lines, seed, axis, frames
        As in `random`.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        As in `random`, and for a width that is not positive.
    """
    if not width > 0:
        raise InputError(f"The width of the Gaussian density is {width:g}; it must be positive, for example 0.2.")
    plan = _LinePlan.plan(shape, axis, acceleration, centre, lines)
    rng = generator(seed)
    distance = (plan.outer - plan.size // 2) / (width * plan.size)

    def choose(_: int) -> NDArray[np.intp]:
        keys = rng.gumbel(size=distance.size) - distance**2 / 2
        return np.argsort(-keys)[: plan.free]

    return plan.sampling("gaussian", seed, frames, choose, width=width)


def regular(
    shape: Sequence[int],
    undersampling: int = 4,
    *,
    lines: int = 22,
    axis: Axis = "ky",
    frames: int = 1,
) -> Sampling:
    """Return every `undersampling`-th line, the central one among them, plus centred calibration (ACS) lines.

    The scanner's pattern for GRAPPA (Griswold et al. 2002). The undersampling R is *nominal*: with the calibration
    lines the realised acceleration is lower by design (230 lines, R = 4, 22 calibration lines: 3.1).
    `Sampling.target_acceleration` is therefore None, the details hold R, and `Sampling.acceleration` is the realised
    one. For a pattern that reaches an acceleration with its centre counted use `equispaced`.

    Parameters
    ----------
    shape
        Grid (ny, nx).
    undersampling
        Nominal R: a whole number.
    lines
        Number of calibration lines.
    axis
        Axis along which lines are left out.
    frames
        Number of frames; all have the same lines.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        For an undersampling that is no whole number between 1 and the number of lines, or more calibration
        lines than there are.
    """
    ny, nx = check_shape(shape)
    size = _line_count((ny, nx), axis)
    if int(undersampling) != undersampling or not 1 <= undersampling <= size:
        raise InputError(
            f"Every {undersampling:g}-th of {size} lines cannot be taken; a regular pattern needs a whole "
            f"number from 1 to {size}: for other accelerations use the kind 'equispaced'."
        )
    calibration = _calibration_lines(size, None, lines)
    acquired = (np.arange(size) - size // 2) % int(undersampling) == 0
    acquired[centre_slice(size, calibration)] = True
    details = {"axis": axis, "calibration_lines": calibration, "undersampling": int(undersampling)}
    masks = np.tile(acquired, (check_frames(frames, (ny, nx)), 1))
    return Sampling(_spread(masks, (ny, nx), axis), "regular", details=details)


def kt_interleaved(
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    frames: int,
    centre: float | None = None,
    lines: int | None = None,
    seed: int = 0,
    axis: Axis = "ky",
) -> Sampling:
    """Return equally spaced lines that move on by one line from frame to frame beside a fully sampled centre.

    The sheared grid of k-t methods (Tsao et al. 2003, Magn. Reson. Med. 50:1031). Any ``ceil(spacing)``
    successive frames together hold every line, so that their sum is fully sampled.

    Parameters
    ----------
    frames
        Number of frames; each reaches the acceleration.
    centre, lines
        As in `random`; ``lines=0`` leaves the centre out.
    seed
        Chooses the first frame's offset.
    shape, acceleration, axis
        As in `random`.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        As in `random`.
    """
    plan = _LinePlan.plan(shape, axis, acceleration, centre, lines)
    first = plan.comb(generator(seed))

    def choose(frame: int) -> NDArray[np.intp]:
        return (first + frame) % plan.outer.size

    return plan.sampling("kt-interleaved", seed, frames, choose)


@dataclass(frozen=True, eq=False)
class _LinePlan:
    """The lines of a pattern: how many there are, those of the centre, and how many are acquired outside it."""

    shape: tuple[int, int]
    axis: Axis
    target_acceleration: float
    size: int
    calibration_lines: int
    free: int
    outer: NDArray[np.intp]

    @classmethod
    def plan(
        cls, shape: Sequence[int], axis: Axis, acceleration: float, centre: float | None, lines: int | None
    ) -> _LinePlan:
        grid = check_shape(shape)
        size = _line_count(grid, axis)
        total = count_for(acceleration, size, "lines")
        calibration = _calibration_lines(size, centre, lines)
        if calibration > total:
            raise InputError(
                f"Acceleration {acceleration:g} allows {total} of {size} lines but the centre alone takes "
                f"{calibration}; ask for a smaller centre (lines={total // 2}) or a lower acceleration."
            )
        outer = np.delete(np.arange(size), np.arange(size)[centre_slice(size, calibration)])
        return cls(grid, axis, float(acceleration), size, calibration, total - calibration, outer)

    def comb(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return `free` equally spaced positions among the outer ones, at a random offset.

        In whole numbers, so that rounding cannot move a line beyond the end.
        """
        positions = self.outer.size
        offset = rng.integers(max(positions, 1))
        return (np.arange(self.free) * positions + offset) // max(self.free, 1)

    def sampling(self, kind: str, seed: int, frames: int, choose: Choice, **details: Any) -> Sampling:
        """Return the pattern of the centre and, in each frame, the chosen ones of the outer lines."""
        acquired = np.zeros((check_frames(frames, self.shape), self.size), dtype=bool)
        acquired[:, centre_slice(self.size, self.calibration_lines)] = True
        for frame, row in enumerate(acquired):
            row[self.outer[choose(frame)]] = True
        return Sampling(
            _spread(acquired, self.shape, self.axis),
            kind,
            seed=int(seed),
            target_acceleration=self.target_acceleration,
            details={"axis": self.axis, "calibration_lines": self.calibration_lines, **details},
        )


def _line_count(shape: tuple[int, int], axis: str) -> int:
    if axis not in ("ky", "kx"):
        raise InputError(f"The axis is '{axis}'; lines can be left out along 'ky' or 'kx'.")
    return shape[0] if axis == "ky" else shape[1]


def _calibration_lines(size: int, centre: float | None, lines: int | None) -> int:
    if centre is not None and lines is not None:
        raise InputError(
            f"The centre is given twice, as the fraction {centre:g} and as {lines} lines; give one of them."
        )
    if lines is not None:
        if not is_whole(lines) or not 0 <= lines <= size:
            raise InputError(f"{lines} calibration lines were asked for; give a whole number from 0 to {size}.")
        return int(lines)
    fraction = DEFAULT_CENTRE if centre is None else centre
    if not 0 <= fraction <= 1:
        raise InputError(f"The centre is {fraction:g} of all lines; give a fraction from 0 to 1, for example 0.08.")
    return round(fraction * size)


def _spread(acquired: NDArray[np.bool_], shape: tuple[int, int], axis: Axis) -> Tensor:
    """Return the mask (frame, ky, kx) of acquired lines (frame, line), each repeated along the readout."""
    lines = torch.from_numpy(acquired)
    along = lines[:, :, None] if axis == "ky" else lines[:, None, :]
    return along.expand(len(acquired), *shape).contiguous()
