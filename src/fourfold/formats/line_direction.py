"""Whether lines of k-space run both ways, as those of raw EPI do, or are shifted against each other.

EPI reads every second line (with several shots every second group of lines) backwards. Where nobody has turned these
round, the object's profile, the Fourier transform along the readout, stands the other way round in them. Where they
were turned round but begin too early or too late, since gradients are delayed, their phase grows along the profile
against that of their neighbours. Both give a ghost half a field of view away. The phase is found by autocorrelation, as
in Ahn and Cho, "A new phase correction method in NMR imaging based on autocorrelation and histogram analysis", IEEE
Trans Med Imaging 6:32 (1987), here from line to line.

Along 344 axes of real scans and of transformed images (heads, hearts, abdomens, photographs), as they are, with noise,
with lines left out (R=2 to 8), with a part of either axis missing, and off centre:

=====================================  ==================  =================  ==================
quantity                               good data           with the fault     threshold
=====================================  ==================  =================  ==================
agreement once turned round            at most AGREE_G     at least AGREE_B   0.6, a note at 0.45
shift of odd and even lines, samples   at most SHIFT_G     any                0.2, a note
their difference in phase, rad         at most PHASE_G     any                0.2, a note
=====================================  ==================  =================  ==================

The first holds of profiles whose own mirror image is at least 5 % unlike them; of a symmetric one nothing can be said.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.content import SHORTEST, UNCHECKED

__all__ = ["check_direction"]

Array = npt.NDArray[Any]

CERTAIN, LIKELY = 0.75, 0.65
ASYMMETRIC, SLIGHTLY = 0.05, 0.02
# EPI has so many shots, each of which reads a neighbouring line before the direction changes.
MOST_SHOTS = 8
FEWEST_LINES = 8
# A line of noise has no profile: lines of so many times the energy of the faintest tenth are looked at.
ABOVE_NOISE = 2
ALIKE = 0.9
# Shift in samples and constant phase in radians between odd and even lines that leave a note. A phase of 0.3 makes a
# ghost of tan(0.15), 15 % of the image.
SHIFT, PHASE = 0.3, 0.3
# So many pairs of neighbours, from even to odd lines and from odd to even ones, are needed to tell.
FEWEST_PAIRS = 12
# Shifts are looked for within so many samples, in such steps.
FARTHEST, STEP = 4, 0.02
COHERENT = 0.8


def check_direction(kspace: Array, where: str) -> list[str]:
    """Refuse a frame in which every second line runs backwards.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx), zero where not acquired.
    where
        File and frame, for messages.

    Returns
    -------
    notes
        What is likely but not certain, and a shift or a phase between odd and even lines.

    Raises
    ------
    InputError
        Where the object is asymmetric enough for this to be certain.
    """
    notes = []
    for name, lines in (("ky", kspace), ("kx", kspace.swapaxes(1, 2))):
        acquired = _acquired(lines)
        if acquired is None:
            continue
        readouts = np.fft.ifft(np.fft.ifftshift(lines[:, acquired], axes=2), axis=2)
        energy = (np.square(readouts.real) + np.square(readouts.imag)).sum(axis=(0, 2), dtype=float)
        clear = energy > ABOVE_NOISE * np.quantile(energy, 0.1)
        readouts /= np.sqrt(energy)[:, None].astype(np.float32)
        group, certain = _reversed_groups(readouts, clear)
        if certain:
            raise InputError(
                f"{where}: every second {_group_words(group)} along {name} runs backwards, as in raw EPI; expected all "
                f"lines in one direction: turn these round (in MRD files mark them as reversed), or {UNCHECKED}."
            )
        if group:
            notes.append(
                f"Every second {_group_words(group)} along {name} may run backwards, as in raw EPI: an image with a "
                "ghost needs these turned round."
            )
        else:
            notes += _shift_note(readouts, acquired, name)
    return notes


def _group_words(group: int) -> str:
    return "line" if group == 1 else f"group of {group} lines"


def _acquired(lines: Array) -> npt.NDArray[np.intp] | None:
    """Return the lines of (coil, line, sample) that were acquired, None where they are few or not sampled alike."""
    held: Array = np.asarray(lines.any(axis=0))
    acquired = np.flatnonzero(held.any(axis=1))
    if len(acquired) < 2 * FEWEST_LINES or lines.shape[2] < SHORTEST:
        return None
    alike = float((held[acquired] == held[acquired[len(acquired) // 2]]).mean())
    return acquired if alike > ALIKE else None


def _reversed_groups(readouts: Array, clear: Array) -> tuple[int, bool]:
    """Return how many lines run one way before the direction changes, 0 if it does not, and whether that is certain.

    Parameters
    ----------
    readouts
        complex64, (coil, line, x): acquired lines of unit energy, Fourier transformed along the readout.
    clear
        bool, (line,): those that stand out of the noise.
    """
    profiles = np.square(readouts.real) + np.square(readouts.imag)
    best = (0.0, 0.0, 0)
    for group in range(1, MOST_SHOTS + 1):
        odd = np.arange(len(clear)) // group % 2 == 1
        if min((odd & clear).sum(), (~odd & clear).sum()) >= FEWEST_LINES:
            one, other = (profiles[:, chosen & clear].sum(axis=1) for chosen in (odd, ~odd))
            best = max(best, (*_turned(one, other), group))
    score, asymmetry, group = best
    likely = score > LIKELY and asymmetry > SLIGHTLY
    return (group if likely else 0), score > CERTAIN and asymmetry > ASYMMETRIC


def _turned(one: Array, other: Array) -> tuple[float, float]:
    """Return how much better profiles (coil, x) agree once one is turned round, and how asymmetric they are.

    The first is 1 where they agree then and differ by all their asymmetry before, −1 where it is the other way round.
    """
    forwards, backwards = _similarity(one, other), _similarity(one, _mirror(other))
    asymmetry = 1 - (_similarity(one, _mirror(one)) + _similarity(other, _mirror(other))) / 2
    return ((backwards - forwards) / asymmetry if asymmetry > 0 else 0.0), asymmetry


def _similarity(one: Array, other: Array) -> float:
    return float(np.vdot(one, other) / math.sqrt(np.vdot(one, one) * np.vdot(other, other)))


def _mirror(profiles: Array) -> Array:
    """Turn profiles (coil, x), whose position 0 is the middle of the field of view, round that."""
    return np.roll(profiles[:, ::-1], 1, axis=1)


def _shift_note(readouts: Array, acquired: Array, name: str) -> list[str]:
    """Return a sentence where odd and even lines are shifted against each other, or differ by a constant phase."""
    next_to = np.flatnonzero(np.diff(acquired) == 1)
    even, odd = next_to[acquired[next_to] % 2 == 0], next_to[acquired[next_to] % 2 == 1]
    if min(len(even), len(odd)) < FEWEST_PAIRS:
        return []
    # From even to odd lines the phase is one of the object plus one of the delay, from odd to even lines minus it.
    after_even, after_odd = (
        np.einsum("clx,clx->cx", readouts[:, first], readouts[:, first + 1].conj()) for first in (even, odd)
    )
    twice = (after_even * after_odd.conj()).sum(axis=0)
    size = len(twice)
    shifts = np.arange(-FARTHEST, FARTHEST + STEP / 2, STEP)
    sums = np.exp(-4j * np.pi * shifts[:, None] * np.fft.fftfreq(size)) @ twice
    found = int(np.abs(sums).argmax())
    shift, phase = abs(float(shifts[found])), abs(float(np.angle(sums[found]))) / 2
    if np.abs(sums[found]) < COHERENT * np.abs(twice).sum() or (shift < SHIFT and phase < PHASE):
        return []
    how = f"are shifted by more than {SHIFT} samples" if shift >= SHIFT else f"differ by more than {PHASE} rad of phase"
    return [
        f"Odd and even lines along {name} {how}, as delayed gradients cause it in EPI: the image has a ghost half a "
        "field of view away unless this is corrected first."
    ]
