"""Random numbers that depend on seed, example and purpose only: neither on workers nor on the order of the calls."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["RandomStreams", "Range"]

Range = float | tuple[float, float]
"""A number, or the ends of an interval that one is drawn from."""


@dataclass(frozen=True)
class RandomStreams:
    """The random streams of one example: one independent generator for each purpose.

    Attributes
    ----------
    seed
        Seed of the whole data set.
    part
        ``training``, ``validation`` or ``test``; their streams are independent.
    epoch, index
        Epoch and index of the example. The epoch is 0 where examples do not change from epoch to epoch.
    """

    seed: int
    part: str
    epoch: int = 0
    index: int = 0

    def numpy_generator(self, purpose: str) -> np.random.Generator:
        """Return the NumPy generator of a `purpose`, such as ``"rotation"``: other purposes do not affect it."""
        words = [zlib.crc32(text.encode()) for text in (self.part, purpose)]
        return np.random.default_rng([self.seed, self.epoch, self.index, *words])

    def torch_generator(self, purpose: str) -> torch.Generator:
        """Return the torch generator of a `purpose`."""
        return torch.Generator().manual_seed(int(self.numpy_generator(purpose).integers(2**62)))

    def log_uniform(self, purpose: str, ends: Range) -> float:
        """Return a number between two positive ends, uniform on a logarithmic scale; a single number is returned."""
        if not isinstance(ends, tuple):
            return ends
        return math.exp(self.numpy_generator(purpose).uniform(math.log(ends[0]), math.log(ends[1])))
