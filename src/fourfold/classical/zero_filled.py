"""Zero-filled inverse Fourier transform."""

from __future__ import annotations

from typing import ClassVar

import torch

from fourfold.method import Family, Method, Progress, Solution
from fourfold.physics.combine import root_sum_of_squares
from fourfold.physics.fourier import ifft
from fourfold.scan import Scan

__all__ = ["ZeroFilled"]


class ZeroFilled(Method):
    """The inverse Fourier transform of the acquired samples, coils combined by root-sum-of-squares.

    The baseline: its image shows the aliasing that the other methods must remove. A single coil keeps its phase.
    """

    name: ClassVar[str] = "zero-filled"
    title: ClassVar[str] = "Zero-filled"
    family: ClassVar[Family] = "classical"
    rank: ClassVar[int] = 0

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, self.title)
        coils = ifft(scan.kspace[0])
        image = coils[0] if scan.coils == 1 else root_sum_of_squares(coils).to(torch.complex64)
        return Solution(image)
