"""Zero-filled inverse Fourier transform."""

from __future__ import annotations

from typing import ClassVar

import torch

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.operators.fourier import ifft
from fourfold.operators.gridding import gridded_images
from fourfold.scan import Scan

__all__ = ["ZeroFilled"]


class ZeroFilled(Method):
    """The inverse Fourier transform of the acquired samples, coils combined by root-sum-of-squares.

    Samples along a trajectory are weighted by their density first, which is gridding. The baseline: its image shows
    the aliasing that the other methods must remove. A single coil keeps its phase.
    """

    name: ClassVar[str] = "zero-filled"
    title: ClassVar[str] = "Zero-filled"
    family: ClassVar[Family] = "classical"
    cartesian_only: ClassVar[bool] = False
    display_order: ClassVar[int] = 0

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, self.title)
        coils = ifft(scan.kspace[0]) if scan.trajectory is None else gridded_images(scan)[0]
        image = coils[0] if scan.coils == 1 else root_sum_of_squares(coils).to(torch.complex64)
        return Solution(image)
