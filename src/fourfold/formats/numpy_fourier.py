"""The centred orthonormal Fourier transform of NumPy arrays along one axis, as the readers need it.

`fourfold.operators.fourier` has the same transform for tensors. Readers use NumPy only, so that torch is not loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["crop_field_of_view", "inverse_rows", "to_image", "to_kspace"]

Array = npt.NDArray[Any]


def to_image(kspace: Array, axis: int = -1) -> Array:
    """Return the inverse transform of `kspace` along `axis`; dtype kept."""
    # Loaded where it is used: most commands start without.
    import scipy.fft

    shifted = np.fft.ifftshift(kspace, axes=axis)
    image: Array = np.fft.fftshift(scipy.fft.ifft(shifted, axis=axis, norm="ortho"), axes=axis)
    return image


def to_kspace(image: Array, axis: int = -1) -> Array:
    """Return the transform of `image` along `axis`; dtype kept."""
    import scipy.fft

    shifted = np.fft.ifftshift(image, axes=axis)
    kspace: Array = np.fft.fftshift(scipy.fft.fft(shifted, axis=axis, norm="ortho"), axes=axis)
    return kspace


def crop_field_of_view(kspace: Array, size: int) -> Array:
    """Return k-space of the centre `size` image points along the last axis, which removes readout oversampling."""
    total = kspace.shape[-1]
    if size == total:
        return kspace
    start = total // 2 - size // 2
    return to_kspace(to_image(kspace)[..., start : start + size])


def inverse_rows(size: int, points: Sequence[int]) -> Array:
    """Return the rows of the inverse transform that give the image `points`: complex64, (point, size).

    A few points of a long axis are then a sum over its samples, which can be read one after another. A transform would
    hold the whole axis in memory.
    """
    k = np.arange(size) - size // 2
    r = np.asarray(points) - size // 2
    # Integer products modulo the size keep the phases exact.
    turns = np.outer(r, k) % size / size
    rows: Array = np.exp(2j * np.pi * turns) / np.sqrt(size)
    return rows.astype(np.complex64)
