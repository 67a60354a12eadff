"""Sampling patterns with their provenance: made by name, read from files, applied to scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fourfold.lazy import on_first_use

if TYPE_CHECKING:
    from fourfold.sampling.lines import equispaced, gaussian, kt_interleaved, random, regular
    from fourfold.sampling.make import KINDS, make_sampling, undersample
    from fourfold.sampling.options import SamplingOptions
    from fourfold.sampling.poisson_discs import poisson_disc
    from fourfold.sampling.read import read_sampling
    from fourfold.sampling.regular_grid import regular_2d
    from fourfold.sampling.trajectories import radial, spiral
    from fourfold.sampling.write import write_sampling

__all__ = [
    "KINDS",
    "SamplingOptions",
    "equispaced",
    "gaussian",
    "kt_interleaved",
    "make_sampling",
    "poisson_disc",
    "radial",
    "random",
    "read_sampling",
    "regular",
    "regular_2d",
    "spiral",
    "undersample",
    "write_sampling",
]

# Loaded on first use: the patterns load torch, the options do not.
_HOMES = {
    "KINDS": "make",
    "SamplingOptions": "options",
    "equispaced": "lines",
    "gaussian": "lines",
    "kt_interleaved": "lines",
    "make_sampling": "make",
    "poisson_disc": "poisson_discs",
    "radial": "trajectories",
    "random": "lines",
    "read_sampling": "read",
    "regular": "lines",
    "regular_2d": "regular_grid",
    "spiral": "trajectories",
    "undersample": "make",
    "write_sampling": "write",
}

__getattr__ = on_first_use(__name__, _HOMES)
