"""Sampling patterns and their provenance: made by name, read from a file, applied to a scan."""

from fourfold.sampling.lines import equispaced, gaussian, kt_interleaved, random, regular
from fourfold.sampling.make import KINDS, SamplingOptions, make_sampling, undersample
from fourfold.sampling.poisson_disc import poisson_disc
from fourfold.sampling.read import read_sampling
from fourfold.sampling.regular_2d import regular_2d
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
