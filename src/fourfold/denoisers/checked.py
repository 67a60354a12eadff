"""A denoiser whose results are checked: one of a user's own may return anything."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.denoisers.denoiser import Denoiser
from fourfold.errors import InputError

__all__ = ["checked"]


def checked(denoise: Denoiser) -> Denoiser:
    """Return the denoiser that refuses, with an InputError, what is no image of the kind that it was given."""

    def checked_denoiser(noisy: Tensor, sigma: float) -> Tensor:
        return _checked(denoise(noisy, sigma), noisy)

    return checked_denoiser


def _checked(denoised: Tensor, noisy: Tensor) -> Tensor:
    if not isinstance(denoised, Tensor):
        raise InputError(f"The denoiser returned {type(denoised).__name__}; it must return a tensor like its input.")
    if denoised.shape != noisy.shape or denoised.dtype != noisy.dtype or denoised.device != noisy.device:
        raise InputError(
            f"The denoiser was given {_kind(noisy)} and returned {_kind(denoised)}; it must return the same kind."
        )
    if not bool(torch.isfinite(torch.view_as_real(denoised)).all()):
        raise InputError("The denoiser returned NaN or infinity; check it on an image of its own.")
    return denoised


def _kind(x: Tensor) -> str:
    return f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)} on {x.device.type}"
