"""Homodyne detection of partial Fourier data."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fourfold.errors import InputError
from fourfold.kspace.partial_fourier import PartialFourier
from fourfold.methods.partial_fourier_method import PartialFourierMethod
from fourfold.operators.fourier import ifft

__all__ = ["Homodyne"]


class Homodyne(PartialFourierMethod):
    """Homodyne detection of partial Fourier data (Noll et al. 1991, IEEE TMI 10:154).

    The image is real but for a phase, taken from the samples that both sides of the centre have. Samples without a
    counterpart then count twice, and the real part after the phase is removed is the image. Beyond the paper, measured
    samples are put back.
    """

    name: ClassVar[str] = "homodyne"
    title: ClassVar[str] = "Homodyne"
    display_order: ClassVar[int] = 15

    def estimate(self, kspace: Tensor, known: Tensor, partial: PartialFourier) -> tuple[Tensor, int]:  # noqa: ARG002
        """Return the real parts with the phase that was removed put back."""
        if len(partial.axes) > 1:
            raise InputError(
                "The k-space is partial along ky and kx, of which homodyne detection completes one: choose 'pocs'."
            )
        phase = partial.phase(kspace)
        return (ifft(partial.weighted(kspace)) * phase.conj()).real * phase, 0
