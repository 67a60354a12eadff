"""Data consistency: combines estimated k-space with the measured samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.operators.fourier import fft, ifft

__all__ = ["DataConsistency", "consistent_kspace"]


def consistent_kspace(estimate: Tensor, measured: Tensor, mask: Tensor, weight: float | Tensor = math.inf) -> Tensor:
    """Return k-space that agrees with the measured samples (Schlemper 2018, IEEE TMI 37:491, Eq. 7).

    On acquired samples the result is (estimate + weight · measured) / (1 + weight); with an infinite weight it is the
    measured samples. On all other samples it is the estimate. Differentiable in every tensor.

    Parameters
    ----------
    estimate, measured
        complex64, (frame, coil, ky, kx).
    mask
        bool, (frame or 1, ky, kx).
    weight
        λ ≥ 0, the weight of the measured samples; a tensor may be learned.

    Raises
    ------
    InputError
        For a negative weight or NaN.
    """
    value = float(weight.detach()) if isinstance(weight, Tensor) else weight
    if not value >= 0:
        raise InputError(
            f"The data-consistency weight is {value}; it must be at least 0 (inf restores the measured samples)."
        )
    mixed = measured if math.isinf(value) else (estimate + weight * measured) / (1 + weight)
    return torch.where(mask[:, None], mixed, estimate)


class DataConsistency(nn.Module):
    """A data-consistency layer on coil images.

    Parameters
    ----------
    weight
        λ of `consistent_kspace`; infinite for hard consistency.
    learned
        Whether the weight, which must be finite, is a parameter; it stays positive as exp(log λ).

    Raises
    ------
    InputError
        For a negative weight, or a learned one that is not finite and positive.
    """

    def __init__(self, weight: float = math.inf, learned: bool = False) -> None:
        super().__init__()
        if not weight >= 0 or (learned and (weight == 0 or math.isinf(weight))):
            raise InputError(
                f"The data-consistency weight is {weight}; it must be at least 0, and finite and above 0 to be learned."
            )
        self.fixed_weight = weight
        self.log_weight = nn.Parameter(torch.tensor(math.log(weight))) if learned else None

    @property
    def weight(self) -> float | Tensor:
        """The current λ."""
        return self.fixed_weight if self.log_weight is None else self.log_weight.exp()

    def forward(self, images: Tensor, measured: Tensor, mask: Tensor) -> Tensor:
        """Return coil images consistent with the measured k-space.

        Parameters
        ----------
        images
            complex64, (frame, coil, y, x).
        measured, mask
            As in `consistent_kspace`.
        """
        return ifft(consistent_kspace(fft(images), measured, mask, self.weight))
