"""NLINV: image and coil maps estimated together, for scans without calibration lines."""

from __future__ import annotations

from typing import ClassVar

import torch

from fourfold.coils.calibration_size import calibration_size
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.kspace.data_consistency import consistent_kspace
from fourfold.methods.coil_map_settings import ESPIRIT_LINES
from fourfold.methods.joint_estimation import NewtonSteps, estimate_jointly
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Scan

__all__ = ["Nlinv"]


class Nlinv(Method):
    """Estimates the image and the coil maps together, without calibration lines (Uecker et al. 2008, MRM 60:674).

    Iteratively regularised Gauss–Newton on F(ρ, c) = mask · Fourier · (ρ · c), the maps' Fourier coefficients weighted
    by (1 + 220 |k/n|²)¹⁶, so that they stay smooth. The penalty halves from step to step; the number of steps
    regularises and is joint from held-out samples.
    """

    name: ClassVar[str] = "nlinv"
    title: ClassVar[str] = "NLINV"
    family: ClassVar[Family] = "classical"
    display_order: ClassVar[int] = 25

    steps: NewtonSteps = "auto"
    """Newton steps: fewer are smoother, more are noisier; auto takes those that predict held-out samples best."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the solution itself, less noisy."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        joint = estimate_jointly(scan, self.steps, progress)
        image = joint.image
        if self.coil_combination == "rss":
            filled = consistent_kspace(fft(joint.maps[0] * image), scan.kspace, scan.mask)
            image = torch.polar(root_sum_of_squares(ifft(filled))[0], image.angle())
        errors = [round(error, 4) for error in joint.errors]
        details = {"steps": joint.steps, "held_out_errors": errors}
        notes = (*_calibration_note(calibration_size(scan)), *joint.notes)
        return Solution(image, joint.iterations, joint.scale, notes, details)


def _calibration_note(lines: int) -> tuple[str, ...]:
    """Return a note where the scan has enough calibration lines for methods that use them."""
    if lines < ESPIRIT_LINES:
        return ()
    return (
        f"The scan has {lines} calibration lines. NLINV is meant for scans with fewer than {ESPIRIT_LINES}: 'cg-sense' "
        "and 'tv' use them and are usually better; compare with one of them.",
    )
