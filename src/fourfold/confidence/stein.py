"""Stein's unbiased risk estimate of the measured samples (Stein 1981; Ramani et al. 2008, IEEE TIP 17:1540)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

__all__ = ["divergence", "stein_risk"]


def stein_risk(residual: float, divergence: float, samples: int, variance: float) -> float:
    """Return the expected ‖f(y) − A x‖² of an estimate f(y) of noise-free samples A x from y = A x + n.

    E‖f(y) − A x‖² = E‖f(y) − y‖² − m σ² + 2 σ² Re div f(y), for white circular complex noise with E|n|² = σ². Of a
    linear f(y) = H y the divergence is the trace of H.

    Parameters
    ----------
    residual
        ‖f(y) − y‖².
    divergence
        Re Σ ∂fᵢ/∂yᵢ at y.
    samples
        m, the number of samples of all coils.
    variance
        σ².
    """
    return residual - samples * variance + 2 * variance * divergence


def divergence(
    function: Callable[[Tensor], Tensor], samples: Tensor, value: Tensor, step: float, generator: Generator
) -> float:
    """Return an unbiased estimate of Re div f(y) by one probe: Re⟨b, f(y + εb) − f(y)⟩ / ε with E b bᴴ = I.

    The probe is circular complex noise, so that the estimate holds for functions that are differentiable in real and
    imaginary part alone, such as those of moduli.

    Parameters
    ----------
    function
        f, from samples to samples of the same shape.
    samples
        y, complex64.
    value
        f(y).
    step
        ε: small against the noise, and large against what a solver leaves undone.
    generator
        For b, on the CPU.
    """
    probe = torch.randn(samples.shape, dtype=torch.complex64, generator=generator).to(samples.device)
    change = function(samples + step * probe) - value
    return float(torch.vdot(probe.flatten(), change.flatten()).real) / step
