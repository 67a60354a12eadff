"""Coil compression: fewer virtual coils with nearly all of the signal."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.scan import Scan
from fourfold.scan.virtual_coils import mix_coils

__all__ = ["coils_to_keep", "compress_coils"]


@torch.no_grad()
def compress_coils(scan: Scan, coils: int | None = None, energy: float | None = None) -> Scan:
    """Return the scan compressed to its principal virtual coils (Buehrer et al. 2007, MRM 57:1131).

    The singular value decomposition of the acquired samples of all frames gives the orthonormal combinations of coils
    with the most energy. White noise stays white. Coil maps are combined in the same way, so that the scan is of the
    same image; their root-sum-of-squares decreases by the discarded part.

    Parameters
    ----------
    scan
        The acquisition. Prewhiten it first; otherwise noise of a coil counts as signal.
    coils
        Number of virtual coils.
    energy
        Instead of `coils`: fraction of the energy to keep, above 0 and at most 1, with the fewest virtual coils.

    Raises
    ------
    InputError
        When both or neither are given, or one lies outside its range.
    """
    scan = scan.without_silent_coils()
    samples = scan.kspace.movedim(1, 0).flatten(1)
    samples = samples / samples.abs().max()
    energies, mixtures = torch.linalg.eigh((samples @ samples.mH).to(torch.complex128))
    kept = (energies.flip(0).cumsum(0) / energies.sum()).clamp_max(1)
    coils = coils_to_keep(scan.coils, kept, coils, energy)
    return mix_coils(
        scan,
        mixtures[:, -coils:].flip(1).mH,
        compressed_from_coils=scan.coils,
        compressed_energy=round(float(kept[coils - 1]), 6),
    )


def coils_to_keep(available: int, kept: Tensor, coils: int | None, energy: float | None) -> int:
    """Return the number of virtual coils: the given one, or the fewest that keep the energy.

    Parameters
    ----------
    available
        Coils of the scan.
    kept
        Real, (coil,): fraction of the energy that 1, 2, … virtual coils keep.
    coils, energy
        As in `compress_coils`.

    Raises
    ------
    InputError
        When both or neither are given, or one lies outside its range.
    """
    if (coils is None) == (energy is None):
        raise InputError("Coil compression needs either the number of coils or the fraction of energy to keep.")
    if energy is not None:
        if not 0 < energy <= 1:
            raise InputError(f"The energy to keep is {energy}; it must lie above 0 and be at most 1.")
        return min(int((kept < energy).sum()) + 1, available)
    assert coils is not None
    if not 1 <= coils <= available:
        raise InputError(f"{coils} virtual coils are not possible: this scan has {available}; choose 1 to {available}.")
    return coils
