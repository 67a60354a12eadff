"""How the energy of k-space falls from its centre."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["radial_energy"]

_SHELLS = 24


def radial_energy(kspace: Tensor, mask: Tensor) -> Tensor:
    """Return the mean energy of the acquired samples at the same distance from the centre of k-space.

    Distances are relative to the edges. Shells that hold no acquired sample take the value of the next one inwards.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx).
    mask
        bool, (ky, kx): True where acquired; one column, (ky, 1), gives the distance along ky alone.

    Returns
    -------
    Tensor
        float32, of the mask's shape, positive: mean of |sample|² over coils, over kx too for one column.
    """
    energy = torch.view_as_real(kspace).square().sum(dim=-1).mean(dim=0)
    energy = energy.mean(dim=1, keepdim=True) if mask.shape[1] == 1 else energy
    squares = [
        (2 * (torch.arange(size, device=mask.device) - size // 2) / size).square() if size > 1 else mask.new_zeros(1)
        for size in mask.shape
    ]
    distance = (squares[0][:, None] + squares[1]).sqrt()
    shell = (distance / distance.max() * (_SHELLS - 1)).round().long()
    held = torch.bincount(shell[mask], minlength=_SHELLS)
    total = torch.bincount(shell[mask], energy[mask].double(), minlength=_SHELLS)
    mean = total / held.clamp_min(1)
    filled = torch.where(held > 0, torch.arange(_SHELLS, device=mask.device), 0).cummax(dim=0).values
    first = int((held > 0).nonzero()[0])
    return mean[filled.clamp_min(first)].clamp_min(torch.finfo(torch.float32).tiny).float()[shell]
