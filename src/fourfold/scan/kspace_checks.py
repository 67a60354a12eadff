"""Checks of k-space: type and shape, finite samples, no silent coil, energy at the centre.

Large arrays are checked where they are, as tensors or NumPy arrays. Masks and sums are converted to NumPy arrays. Torch
is only loaded for tensors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, SilentCoils, check_type

__all__ = [
    "AnyArray",
    "check_centred",
    "check_kspace",
    "check_largest",
    "check_mask_centre",
    "check_tensor",
    "dtype_name",
    "host",
    "is_finite",
]

AnyArray = Any
"""A tensor, or a NumPy array as files hold it."""
Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# Squares of samples are summed in single precision, which ends at 3e38 and loses digits below 1e-38.
SMALLEST, LARGEST = 1e-15, 1e15
# Energy of the quarter around the corners or edges over that of the quarter around the centre.
UNCENTRED = 10
# Without fftshift the centre lies at both ends; the weaker end has at least this share of the stronger one's energy.
WRAPPED = 0.1
# Lines, or samples of a pattern in two dimensions, that a gap around the centre would hold at the pattern's density.
EXPECTED_LINES, EXPECTED_SAMPLES = 6, 12
# Width of the box that is looked for in the corners of a mask.
CORNER = 8


def host(array: AnyArray) -> Array:
    """Return an array as NumPy's: a tensor without copying it where it lies in the computer's own memory."""
    return array if isinstance(array, np.ndarray) else array.detach().cpu().resolve_conj().resolve_neg().numpy()


def dtype_name(array: AnyArray) -> str:
    """Return the name of an array's type, such as ``complex64``."""
    return str(array.dtype).removeprefix("torch.")


def is_finite(array: AnyArray) -> bool:
    """Return whether a complex array has neither NaN nor Inf."""
    if isinstance(array, np.ndarray):
        return bool(np.isfinite(array).all())
    import torch

    # NaN and Inf survive a sum, which reads the array once and stores nothing.
    return bool(torch.isfinite(torch.view_as_real(array).sum(dtype=torch.float64)))


def check_tensor(name: str, value: Any, dtype: str = "complex64") -> None:
    """Refuse what is no torch tensor, with the way to make one of `dtype`."""
    from torch import Tensor

    check_type(name, value, Tensor, f"convert it with torch.from_numpy(numpy.asarray(…, dtype='{dtype}'))")


def check_kspace(kspace: AnyArray) -> Array:
    """Refuse k-space (frame, coil, ky, kx) of the wrong type or content; return its energy (ky, kx)."""
    shape = tuple(kspace.shape)
    if dtype_name(kspace) != "complex64":
        raise InputError(
            f"The k-space is {kspace.dtype} of shape {shape}; it must be complex64: {_conversion_advice(kspace)}."
        )
    if kspace.ndim != 4:
        raise InputError(f"The k-space has shape {shape}; it must be (frame, coil, ky, kx): add axes of size one.")
    if math.prod(shape) == 0:
        raise InputError(f"The k-space has shape {shape} and so holds no sample; every axis needs one.")
    _check_scale(kspace)
    # Sums of the largest samples that are taken may be infinite, which NumPy would warn of.
    with np.errstate(over="ignore"):
        energy = (kspace * kspace.conj()).real.sum(axis=0)
        by_coil, total = host(energy.sum(axis=(1, 2))), host(energy.sum(axis=0))
    quiet = np.flatnonzero(by_coil == 0).tolist()
    silent = [coil for coil in quiet if not bool(kspace[:, coil].any())]
    if silent:
        raise SilentCoils(silent, kspace.shape[1])
    return total


def _conversion_advice(kspace: AnyArray) -> str:
    """Return how to convert k-space of another type to complex64."""
    if "complex" in dtype_name(kspace):
        return "convert it with .to(torch.complex64)"
    if kspace.ndim > 2 and kspace.shape[-1] == 2:
        return "join real and imaginary parts with torch.view_as_complex(kspace.float().contiguous())"
    return "give the complex samples, since real numbers have lost the phase"


def _check_scale(kspace: AnyArray) -> None:
    """Refuse samples that are NaN or Inf, or so large or small that their squares are no longer exact."""
    largest = max(abs(limit) for limit in _limits(kspace))
    if not math.isfinite(largest):
        bad = np.argwhere(~np.isfinite(host(kspace)))
        frame, coil, ky, kx = bad[0].tolist()
        first = f"the first in frame {frame}, coil {coil}, ky {ky}, kx {kx}"
        raise InputError(
            f"The k-space contains {len(bad)} samples that are NaN or Inf ({first}); "
            "find and remove the corrupt samples first."
        )
    check_largest(largest)


def _limits(kspace: AnyArray) -> tuple[float, float]:
    """Return the least and the largest real or imaginary part of complex64 samples, NaN where one is."""
    if isinstance(kspace, np.ndarray):
        parts = np.ascontiguousarray(kspace).view(np.float32)
        return float(parts.min()), float(parts.max())
    import torch

    least, largest = torch.view_as_real(kspace.resolve_conj()).aminmax()
    return float(least), float(largest)


def check_largest(largest: float) -> None:
    """Refuse k-space whose largest real or imaginary part is so large or small that squares are no longer exact."""
    if largest != 0 and not SMALLEST <= largest <= LARGEST:
        raise InputError(
            f"The largest part of a k-space sample is {largest:.2g}; it must lie between {SMALLEST:g} and {LARGEST:g}, "
            "since squares are summed in single precision: divide the k-space by its largest magnitude."
        )


def check_centred(energy: Array) -> None:
    """Refuse k-space (ky, kx) whose energy sits at the corners or edges, as numpy's FFT leaves it."""
    ny, nx = energy.shape
    centre = (slice(ny // 2 - 1, ny // 2 + 2), slice(nx // 2 - 1, nx // 2 + 2))
    # Where the centre was not acquired its energy says nothing.
    if min(ny, nx) < 16 or not bool(energy[centre].any()):
        return
    box = (slice(ny // 2 - ny // 8, ny // 2 + ny // 8), slice(nx // 2 - nx // 8, nx // 2 + nx // 8))
    moved = {axes: np.fft.fftshift(energy, axes=axes)[box] for axes in ((0,), (1,), (0, 1))}
    sums = {axes: _total(part) for axes, part in moved.items()}
    # One axis before both: where the other one is flat, moving it too changes little.
    strongest = next(axes for axes, total in sums.items() if total >= 0.5 * max(sums.values()))
    if sums[strongest] <= UNCENTRED * _total(energy[box]):
        return
    names = " and ".join(("ky", "kx")[axis] for axis in strongest)
    ends = [[_total(half) for half in np.array_split(moved[strongest], 2, axis=axis)] for axis in strongest]
    if all(min(pair) > WRAPPED * max(pair) for pair in ends):
        raise InputError(
            f"The k-space seems uncentred along {names}: its energy lies at the edges; "
            "expected the zero frequency at index n // 2: apply fftshift along that axis."
        )
    raise InputError(
        f"The k-space has its energy at one end of {names}, as shots of a spiral scan or an echo without its first "
        "half; expected the zero frequency at index n // 2: give the trajectory of non-Cartesian samples, else pad "
        "the axis with zeros that are not acquired until the peak is there."
    )


def _total(energy: Array) -> float:
    with np.errstate(over="ignore"):
        return float(energy.sum())


def check_mask_centre(mask: AnyArray) -> None:
    """Refuse a mask (frame, ky, kx) with its centre in the corners, or with a gap around the centre.

    Accepted are masks that end before the centre, as in partial Fourier, and gaps that the pattern's density explains.
    """
    pattern = np.any(host(mask), axis=0)
    _check_gap(pattern)
    _check_corners(pattern)


def _check_gap(pattern: Mask) -> None:
    """Refuse a mask (ky, kx) with a gap around the centre that its density does not explain."""
    for axis, name in enumerate(("ky", "kx")):
        lines = np.any(pattern, axis=1 - axis)
        if bool((pattern == np.expand_dims(lines, 1 - axis)).all()):
            half = _gap(lines)
            if 2 * half * float(lines.mean(dtype=np.float32)) >= EXPECTED_LINES:
                raise InputError(_gap_sentence(half, len(lines), name))
            return
    places = np.argwhere(pattern) - np.array([size // 2 for size in pattern.shape])
    relative = np.abs(places).astype(np.float32) / np.array(pattern.shape, np.float32)
    free = float(relative.max(axis=1).min())
    around = bool((places.min(axis=0) < 0).all() and (places.max(axis=0) > 0).all())
    if around and (2 * free) ** 2 * len(places) >= EXPECTED_SAMPLES:
        raise InputError(_gap_sentence(round(free * pattern.shape[0]), pattern.shape[0], "ky"))


def _check_corners(pattern: Mask) -> None:
    """Refuse a mask (ky, kx) that is full in the corners, or at the edges of one axis, and not at the centre."""
    ny, nx = pattern.shape
    if min(ny, nx) < 2 * CORNER:
        return
    box = tuple(slice(size // 2 - CORNER // 2, size // 2 + CORNER // 2) for size in (ny, nx))
    if float(pattern[box].mean(dtype=np.float32)) > 0.5:
        return
    for axes in ((0,), (1,), (0, 1)):
        if bool(np.fft.fftshift(pattern, axes=axes)[box].all()):
            names = " and ".join(("ky", "kx")[axis] for axis in axes)
            raise InputError(
                f"The mask is fully sampled at the edges of {names} and not at the centre, as if its zero frequency "
                "were at index 0; expected it at index n // 2: apply fftshift to the mask along that axis."
            )


def _gap(lines: Mask) -> int:
    """Return how far the lines (line,) stay away from the centre on both sides; 0 where one side has none."""
    places = np.flatnonzero(lines) - len(lines) // 2
    left, right = places[places <= 0], places[places >= 0]
    return min(-int(left.max()), int(right.min())) if len(left) and len(right) else 0


def _gap_sentence(half: int, size: int, name: str) -> str:
    return (
        f"The sampling pattern leaves out the centre of k-space, where most of the signal is: it has no sample nearer "
        f"than {half} to index {size // 2} along {name}; check whether the mask is inverted (True must mean acquired) "
        "or belongs to other data."
    )
