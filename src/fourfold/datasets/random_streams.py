"""Random numbers that depend on what they are for alone: not on workers, nor on what was drawn before."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Draw", "Range"]

Range = float | tuple[float, float]
"""A number, or the two ends between which one is drawn."""


@dataclass(frozen=True)
class Draw:
    """The key of an example's random numbers: an example is the same whichever worker makes it, and when.

    Attributes
    ----------
    seed
        Of the whole data set.
    part
        ``training``, ``validation`` or ``test``; their numbers are independent.
    epoch, index
        Which example; an epoch of 0 throughout where nothing is drawn anew.
    """

    seed: int
    part: str
    epoch: int = 0
    index: int = 0

    def numbers(self, purpose: str) -> np.random.Generator:
        """Return a generator of its own for each `purpose`, so that one option does not move the others' numbers."""
        words = [zlib.crc32(text.encode()) for text in (self.part, purpose)]
        return np.random.default_rng([self.seed, self.epoch, self.index, *words])

    def generator(self, purpose: str) -> torch.Generator:
        """Return torch's generator for a `purpose`."""
        return torch.Generator().manual_seed(int(self.numbers(purpose).integers(2**62)))

    def between(self, purpose: str, ends: Range) -> float:
        """Return a number between two positive ends, evenly on a logarithmic scale; a single number as it is."""
        if not isinstance(ends, tuple):
            return ends
        return math.exp(self.numbers(purpose).uniform(math.log(ends[0]), math.log(ends[1])))
