"""What k-space must look like: the right type and shape, finite samples, no silent coil, its energy at the centre."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.errors import InputError, SilentCoils

__all__ = ["check_centred", "check_kspace"]


def check_kspace(kspace: Tensor) -> Tensor:
    """Refuse k-space (frame, coil, ky, kx) of the wrong type or content; return its energy (ky, kx)."""
    if kspace.dtype != torch.complex64:
        raise InputError(f"The k-space is {kspace.dtype}; it must be complex64: convert it with .to(torch.complex64).")
    if kspace.ndim != 4:
        raise InputError(
            f"The k-space has shape {tuple(kspace.shape)}; it must be (frame, coil, ky, kx): add axes of size one."
        )
    if kspace.numel() == 0:
        raise InputError(f"The k-space has shape {tuple(kspace.shape)} and so holds no sample; every axis needs one.")
    energy = (kspace * kspace.conj()).real.sum(dim=0)
    if not bool(torch.isfinite(energy).all()):
        bad = int((~torch.isfinite(torch.view_as_real(kspace))).any(dim=-1).sum())
        raise InputError(
            f"The k-space contains {bad} samples that are NaN or Inf (or too large); "
            "find and remove the corrupt samples first."
        )
    silent = [coil for coil, total in enumerate(energy.sum(dim=(1, 2)).tolist()) if total == 0]
    if silent:
        raise SilentCoils(silent)
    return energy.sum(dim=0)


def check_centred(energy: Tensor) -> None:
    """Refuse k-space (ky, kx) whose energy sits at the corners or edges, as numpy's FFT leaves it."""
    ny, nx = energy.shape
    if min(ny, nx) < 16:
        return
    box = (slice(ny // 2 - ny // 8, ny // 2 + ny // 8), slice(nx // 2 - nx // 8, nx // 2 + nx // 8))
    moved = {axes: float(torch.fft.fftshift(energy, dim=axes)[box].sum()) for axes in ((0,), (1,), (0, 1))}
    strongest = max(moved, key=lambda axes: moved[axes])
    if moved[strongest] > 10 * float(energy[box].sum()):
        names = " and ".join(("ky", "kx")[axis] for axis in strongest)
        raise InputError(
            f"The k-space seems uncentred along {names}: its energy lies at the edges; "
            "expected the zero frequency at index n // 2: apply fftshift along that axis."
        )
