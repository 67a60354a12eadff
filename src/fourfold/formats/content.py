"""Checks that samples look like k-space: axes in their order, nothing transformed, the peak at the centre.

The thresholds lie between what 266 axes of real and simulated k-space have (17 raw scans; images of heads, hearts,
abdomens, rats and photographs, transformed) and what 258 axes of images and of data transformed along one axis have:

==============================================  ===================  ===================  =========
quantity, along one axis                        k-space              image                threshold
==============================================  ===================  ===================  =========
energy in the best eighth                       at least 0.79        at most 0.60         0.64
the same once transformed                       at most 0.60         at least 0.79        0.7
highest line over the median line               at least 140         no matter            30
its distance from the centre, in samples        at most 3 of 512     no matter            n / 16
==============================================  ===================  ===================  =========

Noise has 0.13, 0.13 and 1 in the first three, so scans without signal pass. Objects of a twentieth of the field of view
at its centre have 0.68 and 1: their k-space is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan.kspace_checks import check_largest

__all__ = [
    "UNCHECKED",
    "check_axes",
    "check_centre",
    "check_frames",
    "energy_of",
    "find_peak",
    "misplaced",
    "object_note",
    "to_complex64",
    "tolerance",
]

Array = npt.NDArray[Any]

UNCHECKED = "read it as it is with --no-check-content (in Python check_content=False)"

SPREAD, GATHERED = 0.64, 0.7
CONTRAST = 30
# One line of k-space holds at most 0.72 of its energy (of photographs 0.97): more is a point's image.
POINT = 0.98
# The middle of the lines of k-space has at least 28 times the energy of those an eighth away, that of slices the same.
FALL = 10
# Outer lines of k-space still have a peak; that of noise is below 2.
SOME_CONTRAST = 4
# Shots of a radial scan all pass the centre: their energies differ little, while samples along them have a peak.
FLAT = 3
# Fewer lines than this show no spectrum; a single line with a spike is no peak.
FEWEST = 8
SHORTEST = 16
# The largest receiver arrays have 128 channels.
MOST_COILS = 128
# Of the "coils" that are lines of k-space at least 0.79 of the energy lie in one eighth, and their contrast is at least
# 140; coils of arrays reach 0.3 and 10, compressed ones more, but at the first of them and not at the middle.
COIL_GATHERED, COIL_CONTRAST = 0.7, 50
# So much of k-space shows where the object lies. Along the axes of 40 raw scans and images the edges have at most 9
# times the energy of the middle (a chest, whose middle is lung); of heads shifted by half their size mostly above 20.
COARSE = 64
AT_EDGES = 15
# All coils receive every sample. Where receivers count in whole numbers many samples may be zero, but then the least
# of a weak coil's others is not far below their median, which that of noise is.
MOST_MISSING, COUNTS = 0.2, 0.01


def to_complex64(array: Array) -> Array:
    """Return complex samples in single precision; refuses those that it cannot hold."""
    with np.errstate(over="ignore", under="ignore"):
        single: Array = array.astype(np.complex64)
    if array.dtype != np.complex64 and np.isfinite(array).all():
        check_largest(float(max(np.abs(array.real).max(), np.abs(array.imag).max())))
    return single


def tolerance(size: int) -> int:
    """Return how many samples off the centre a peak may lie along an axis of `size`.

    Fields and coils shift the echo by a few samples, on small grids as on large ones.
    """
    return max(3, size // 16)


def find_peak(energy: Array, contrast: float = CONTRAST) -> int | None:
    """Return where the energy (line,) peaks among the lines that were acquired, None where no peak is clear.

    Lines without energy were not acquired. The median of three neighbours ignores a single corrupt line.
    """
    acquired = np.flatnonzero(energy > 0)
    if len(acquired) < FEWEST or not np.isfinite(energy).all():
        return None
    padded = np.pad(energy[acquired], 1, mode="edge")
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    # A spectrum falls with the distance from its centre: few lines do not reach far.
    if smooth.max() <= min(contrast, (len(acquired) / 4) ** 1.25) * np.median(smooth):
        return None
    first = max(int(smooth.argmax()) - 1, 0)
    return int(acquired[first + energy[acquired][first : first + 3].argmax()])


def misplaced(energy: Array, centre: int, size: int) -> int | None:
    """Return where the energy (line,) of an axis of `size` peaks if that contradicts `centre`, else None.

    Partial Fourier may stop short of the centre, and lines that were left out may include it: the peak is then as far
    away as the nearest line is.
    """
    peak = find_peak(energy)
    if peak is None:
        return None
    acquired = np.flatnonzero(energy > 0)
    nearest = int(np.abs(acquired - centre).min())
    return peak if abs(peak - centre) > nearest + tolerance(size) else None


def check_axes(kspace: Array, where: str) -> None:
    """Refuse an array (coil, ky, kx) whose axes stand in another order, or that is an image along one or both axes.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx), zero where not acquired.
    where
        File and frame, for messages.
    """
    energy = _energy(kspace)
    coils = energy.sum(axis=(1, 2), dtype=float)
    if len(coils) > MOST_COILS or _is_spectrum(coils):
        raise InputError(
            f"{where}: the axis of {len(coils)} that stands for the coils looks like one of k-space; the order must be "
            "(frame, coil, ky, kx): move the axes (of coils that are last numpy.moveaxis(kspace, -1, -3)), or "
            f"{UNCHECKED}."
        )
    missing = _missing(energy)
    if missing > MOST_MISSING:
        raise InputError(
            f"{where}: the axis that stands for the coils looks like one of frames, since its entries were not sampled "
            f"alike (half of them lack {missing:.0%} or more of the stronger samples); the order must be (frame, coil, "
            f"ky, kx): move the axes (numpy.swapaxes(kspace, 0, 1)), or {UNCHECKED}."
        )
    profiles = {axis: energy.sum(axis=(0, 3 - axis), dtype=float) for axis in (1, 2)}
    if not kspace.imag.any() and bool((kspace.real >= 0).all()) and find_peak(profiles[1]) is not None:
        raise InputError(
            f"{where}: it holds magnitudes, none of them negative and no imaginary part, so that the phase is lost: "
            f"store the complex k-space, or {UNCHECKED}."
        )
    names = [
        name
        for axis, name in ((1, "ky"), (2, "kx"))
        if _holds_centre(profiles[axis])
        and (_is_transformed(kspace, profiles[axis], axis) or _are_shots(profiles[axis], profiles[3 - axis]))
    ]
    if len(names) == 2:
        raise InputError(
            f"{where}: it looks like an image and no k-space, since its energy gathers at the centre once it is "
            f"Fourier transformed: store the k-space that the image was made from, or {UNCHECKED}."
        )
    if names:
        raise InputError(
            f"{where}: the data look Fourier transformed along {names[0]} already, or are shots of a non-Cartesian "
            f"scan: transform {names[0]} back, give the points as 'trajectory' (see docs/formats.md), or {UNCHECKED}."
        )


def check_frames(energies: Sequence[float], neighbour: Array, where: str) -> None:
    """Refuse frames that are the partitions of a volume, or another axis of k-space.

    Parameters
    ----------
    energies
        Of the three frames around the middle one, then of those an eighth of all frames away from it on both sides.
    neighbour
        complex64, (coil, ky, kx): one of the latter. Beside an object there is noise alone, which has no peak.
    where
        The file, for messages.
    """
    ratio = max(energies[:3]) / max(max(energies[3:]), float(np.finfo(np.float32).tiny))
    lines, samples = (_energy(neighbour).sum(axis=(0, axis), dtype=float) for axis in (2, 1))
    if ratio > FALL and any(find_peak(profile, SOME_CONTRAST) is not None for profile in (lines, samples)):
        raise InputError(
            f"{where}: the axis that stands for the frames looks like one of k-space, since the energy in the middle "
            f"is {ratio:.0f} times that of frames an eighth away: move the axes into the order (frame, coil, ky, kx), "
            "or Fourier transform along the first one where it is that of partitions (kz; fourfold.split_volume splits "
            f"(coil, kz, ky, kx)), or {UNCHECKED}."
        )


def energy_of(kspace: Array) -> float:
    """Return the sum of the squares of `kspace`."""
    return float(_energy(kspace).sum(dtype=float))


def check_centre(kspace: Array, where: str) -> None:
    """Refuse k-space (coil, ky, kx) whose energy peaks far from index n // 2."""
    energy = _energy(kspace).sum(axis=0, dtype=float)
    for axis, name in enumerate(("ky", "kx")):
        size = energy.shape[axis]
        peak = misplaced(energy.sum(axis=1 - axis), size // 2, size) if size >= SHORTEST else None
        if peak is not None:
            shots = ", give the points as 'trajectory' if these are spiral shots" if peak <= tolerance(size) else ""
            raise InputError(
                f"{where}: the energy peaks at index {peak} of {size} along {name} and not at the centre, index "
                f"{size // 2}: pad the shorter side with zeros that are not acquired (numpy.pad) until it does{shots}, "
                f"or {UNCHECKED}."
            )


def object_note(kspace: Array) -> list[str]:
    """Return a sentence where the image of k-space (coil, ky, kx) lies around the edges of the field of view.

    Samples that alternate in sign, as some scanners store them, shift the image by half its size.
    """
    box = tuple(
        slice(size // 2 - min(size, COARSE) // 2, size // 2 + min(size, COARSE) // 2) for size in kspace.shape[1:]
    )
    image = _energy(np.fft.ifft2(kspace[:, *box])).sum(axis=0)
    axes = [name for axis, name in enumerate(("ky", "kx")) if _is_at_edges(image.sum(axis=1 - axis))]
    if not axes:
        return []
    return [
        f"The object lies around the edges of the field of view along {' and '.join(axes)}: the samples may alternate "
        "in sign, which every second one times −1 mends."
    ]


def _is_at_edges(profile: Array) -> bool:
    """Whether an image's profile, of which fftshift was left out, has its energy at the edges and not in the middle."""
    size = len(profile)
    width = max(1, size // 16)
    middle = profile[:width].sum() + profile[-width:].sum()
    edges = profile[size // 2 - width : size // 2 + width].sum()
    return size >= SHORTEST and bool(edges > AT_EDGES * middle)


def _energy(kspace: Array) -> Array:
    energy: Array = np.square(kspace.real) + np.square(kspace.imag)
    return energy


def _gathered(energy: Array) -> tuple[float, int]:
    """Return the share of the energy (line,) in the best eighth of a periodic axis, and the middle of that eighth."""
    size = len(energy)
    width = max(2, size // 8)
    sums = np.convolve(np.concatenate([energy, energy[: width - 1]]), np.ones(width), "valid")
    first = int(sums.argmax())
    return float(sums[first] / energy.sum()), (first + width // 2) % size


def _missing(energy: Array) -> float:
    """Return the share of the stronger half of all acquired samples that half of the coils (coil, ky, kx) lack."""
    total = energy.sum(axis=0)
    acquired = total[total > 0]
    if not acquired.size:
        return 0.0
    strong = total >= np.median(acquired)
    return float(np.median([_lacking(coil, strong) for coil in energy if coil.any()]))


def _lacking(coil: Array, strong: Array) -> float:
    """Return the share of zeros where `strong` in the energies (ky, kx) of a coil, 0 if it counts in whole numbers."""
    held = coil[coil > 0]
    return 0.0 if held.min() > COUNTS * np.median(held) else float((coil[strong] == 0).mean())


def _is_spectrum(coils: Array) -> bool:
    """Whether the energies of "coils" are those of the lines of k-space."""
    if len(coils) < SHORTEST:
        return False
    share, middle = _gathered(coils)
    high = share > COIL_GATHERED and coils.max() > COIL_CONTRAST * np.median(coils)
    return bool(high) and abs(middle - len(coils) // 2) <= tolerance(len(coils))


def _holds_centre(energy: Array) -> bool:
    """Whether an axis is long enough to judge and has lines near the centre: those to one side alone differ little."""
    size = len(energy)
    return size >= SHORTEST and bool(energy[size // 2 - tolerance(size) : size // 2 + tolerance(size)].any())


def _is_transformed(kspace: Array, energy: Array, axis: int) -> bool:
    """Whether the energy along an axis of `kspace` gathers at zero frequency after a Fourier transform, not before."""
    size = len(energy)
    if _gathered(energy)[0] > SPREAD:
        return False
    others = tuple(other for other in range(3) if other != axis)
    transform = _energy(np.fft.fft(kspace, axis=axis)).sum(axis=others, dtype=float)
    after, middle = _gathered(transform)
    # Without fftshift before it the transform has zero frequency at the middle.
    off = min(middle, abs(middle - size // 2), size - middle)
    return after > GATHERED and off <= tolerance(size) and transform.max() < POINT * transform.sum()


def _are_shots(lines: Array, samples: Array) -> bool:
    """Whether lines of these energies all pass the centre of k-space, which their samples show by a peak."""
    acquired = lines[lines > 0]
    flat = len(acquired) >= SHORTEST and acquired.max() < FLAT * np.median(acquired)
    return bool(flat) and find_peak(samples) is not None
