"""The base of the methods for partial Fourier data: k-space that lacks one side."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.kspace.partial_fourier import PartialFourier, has_gaps, lacks_a_side, noise_gain
from fourfold.methods.classical.grappa import Grappa
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Scan

__all__ = ["PartialFourierMethod"]

_LEAST_WEIGHT = 0.05


class PartialFourierMethod(Method):
    """Base of the methods for k-space that lacks one side: a subclass estimates the images; measured samples are kept.

    Gaps between acquired lines are filled by GRAPPA before.
    """

    family: ClassVar[Family] = "classical"

    symmetry_weight: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Weight of the samples that are completed by conjugate symmetry: 0 leaves zeros, 1 takes the phase to be smooth;
    auto measures how well known samples next to the centre are predicted, and lowers it where noise prevails."""

    @classmethod
    def suits(cls, scan: Scan) -> bool:
        """Return whether one side of k-space is missing; otherwise the image would be GRAPPA's."""
        return super().suits(scan) and scan.trajectory is None and lacks_a_side(scan.mask.any(dim=0))

    @abstractmethod
    def estimate(self, kspace: Tensor, known: Tensor, partial: PartialFourier) -> tuple[Tensor, int]:
        """Return the coil images (coil, y, x), and the iterations, of k-space (coil, ky, kx) known on bool (ky, kx)."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        kspace, known = scan.kspace[0], scan.mask[0]
        notes: list[str] = []
        if scan.coils > 1 and has_gaps(known):
            kspace, known = Grappa().fill(scan, lambda done, words: progress(done / 2, words))
            notes.append("GRAPPA filled the gaps between acquired lines first.")
        partial = PartialFourier.of(known)
        progress(0.5, "completing k-space")
        images, iterations = self.estimate(kspace, known, partial)
        predicted = fft(images)
        weight, gain = self._weight(kspace, known, partial, predicted)
        if weight < _LEAST_WEIGHT:
            notes.append(
                "Known samples were not predicted by those on the other side of the centre, as the image has no smooth "
                "phase: the missing ones stay zero."
            )
        images = ifft(torch.where(known, kspace, gain * predicted))
        image = images[0] if scan.coils == 1 else root_sum_of_squares(images).to(images.dtype)
        details = {"partial_axes": list(partial.axes), "symmetry_weight": round(weight, 4)}
        return Solution(image, iterations, notes=tuple(notes), details=details)

    def _weight(
        self, kspace: Tensor, known: Tensor, partial: PartialFourier, predicted: Tensor
    ) -> tuple[float, Tensor | float]:
        """Return the weight of the completed samples, and the gain of each, (coil, ky, kx) or one for all.

        Automatic: the factor that fits predictions best to what was measured, where the coverage of one side is cut
        to half of what it reaches beyond the centre.
        """
        if self.symmetry_weight != "auto":
            return self.symmetry_weight, self.symmetry_weight
        weight = 1.0
        fewer = partial.shortened(known)
        if fewer is not None:
            held = known & ~fewer
            images, _ = self.estimate(torch.where(fewer, kspace, 0), fewer, PartialFourier.of(fewer))
            guess, truth = fft(images)[:, held], kspace[:, held]
            energy = float(guess.abs().square().sum())
            weight = min(max(float((guess.conj() * truth).real.sum()) / energy, 0.0), 1.0) if energy > 0 else 0.0
        return weight, weight * noise_gain(kspace, known, predicted)
