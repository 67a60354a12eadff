"""Metrics of the squared error: PSNR, NMSE, SNR."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["nmse", "psnr", "snr_db"]


def psnr(image: Tensor, reference: Tensor, peak: float) -> float:
    """Return the peak signal-to-noise ratio 10·log₁₀(peak² / MSE) in dB; infinite when equal."""
    return float(10 * torch.log10(peak**2 / (image - reference).square().mean()))


def nmse(image: Tensor, reference: Tensor) -> float:
    """Return the normalised squared error ‖image − reference‖² / ‖reference‖²; NaN when both are zero."""
    return float((image - reference).square().sum() / reference.square().sum())


def snr_db(image: Tensor, reference: Tensor) -> float:
    """Return the ratio 20·log₁₀(‖reference‖ / ‖image − reference‖) in dB; infinite when equal."""
    return float(-10 * torch.log10((image - reference).square().sum() / reference.square().sum()))
