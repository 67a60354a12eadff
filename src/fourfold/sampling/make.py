"""Makes sampling patterns: `make_sampling` by name, `undersample` for a scan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from fourfold.errors import InputError, check_type, nearest
from fourfold.sampling.lines import equispaced, gaussian, kt_interleaved, random, regular
from fourfold.sampling.options import SamplingOptions
from fourfold.sampling.poisson_discs import poisson_disc
from fourfold.sampling.regular_grid import balanced_factors, regular_2d
from fourfold.scan import Axis, Sampling, Scan, check_scan

__all__ = ["KINDS", "make_sampling", "undersample"]

KINDS: dict[str, Callable[..., Sampling]] = {
    "random": random,
    "equispaced": equispaced,
    "gaussian": gaussian,
    "regular": regular,
    "kt-interleaved": kt_interleaved,
    "poisson-disc": poisson_disc,
    "regular-2d": regular_2d,
}
"""The patterns by name."""

NOMINAL = ("regular", "regular-2d")
"""Kinds whose acceleration is the nominal undersampling, to which the calibration lines come on top."""


def make_sampling(
    kind: str,
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    seed: int = 0,
    axis: Axis = "ky",
    frames: int = 1,
    **options: Unpack[SamplingOptions],
) -> Sampling:
    """Return the sampling pattern called `kind`.

    Parameters
    ----------
    kind
        A name in `KINDS`.
    shape
        Grid (ny, nx).
    acceleration
        Grid points over acquired ones, the centre included, reached within 1 %. For ``regular`` and
        ``regular-2d`` the nominal undersampling, a whole number; the realised acceleration is lower by their
        calibration lines (``regular-2d`` splits it into two factors as nearly equal as can be: 4 into 2×2, 6
        into 3×2).
    seed
        Seed of whatever the kind draws at random.
    axis
        Axis along which the kinds of one dimension leave out lines.
    frames
        Number of frames of the mask.
    **options
        What only some kinds have: see `SamplingOptions`.

    Raises
    ------
    InputError
        For an unknown kind, an option that the kind does not have, or an acceleration that cannot be met.
    """
    check_type("The kind of sampling", kind, str, f"choose one of {', '.join(KINDS)}")
    check_type("The acceleration", acceleration, (int, float), "give a number such as 4")
    if kind not in KINDS:
        raise InputError(f"There is no sampling '{kind}'; known are {', '.join(KINDS)}.{nearest(kind, KINDS)}")
    make = KINDS[kind]
    accepted = inspect.signature(make).parameters
    accepted_options = [option for option in SamplingOptions.__annotations__ if option in accepted]
    for name in options:
        if name not in accepted_options:
            listed = ", ".join(accepted_options)
            raise InputError(
                f"The sampling '{kind}' has no option '{name}'; it has: {listed}.{nearest(name, accepted_options)}"
            )
    common: dict[str, Any] = {"seed": seed, "axis": axis, "frames": frames}
    settings = {name: value for name, value in common.items() if name in accepted}
    return make(shape, _nominal(kind, acceleration), **settings, **options)


def _nominal(kind: str, acceleration: float) -> float | int | tuple[int, int]:
    """Return the acceleration as the kind takes it."""
    if kind not in NOMINAL:
        return acceleration
    if not acceleration >= 1 or acceleration % 1:
        raise InputError(
            f"The sampling '{kind}' takes every R-th sample and cannot do R = {acceleration:g}; "
            "give a whole number, or use the kind 'equispaced' or 'poisson-disc' for other accelerations."
        )
    return balanced_factors(int(acceleration)) if kind == "regular-2d" else int(acceleration)


def undersample(
    scan: Scan,
    kind: str = "random",
    acceleration: float = 4.0,
    *,
    seed: int = 0,
    frames: int | None = None,
    **options: Unpack[SamplingOptions],
) -> Scan:
    """Return `scan` with samples left out by the pattern called `kind`, along its `line_axis`.

    Parameters
    ----------
    scan
        The acquisition, fully sampled where the pattern asks for samples.
    frames
        ``scan.frames`` for a separate pattern in each frame, 1 for the same in all; by default the former
        for ``kt-interleaved`` and the latter for all others.
    kind, acceleration, seed, **options
        As in `make_sampling`.

    Raises
    ------
    InputError
        As in `make_sampling`, where the pattern asks for samples that were not acquired, and for a scan with a
        trajectory.
    """
    check_scan(scan)
    if scan.trajectory is not None:
        raise InputError(
            f"The scan has a trajectory ({scan.trajectory.kind}) and '{kind}' is a pattern of the grid; leave "
            "shots out with scan.with_sampling(Sampling(mask)), the mask being bool (frame, shot, sample)."
        )
    if frames is None:
        frames = scan.frames if kind == "kt-interleaved" else 1
    sampling = make_sampling(kind, scan.shape, acceleration, seed=seed, axis=scan.line_axis, frames=frames, **options)
    return scan.with_sampling(sampling)
