"""Mean energy of k-space as a function of the distance from its centre."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["radial_energy", "radial_shells", "shell_energy"]

_SHELLS = 24


def radial_energy(kspace: Tensor, mask: Tensor) -> Tensor:
    """Return the mean energy of the acquired samples at the same distance from the centre of k-space.

    A shell without acquired samples gets the value of the next one inwards.

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
    shell = radial_shells(mask, _SHELLS)
    return shell_energy(kspace, mask, shell, _SHELLS).float()[shell]


def radial_shells(mask: Tensor, shells: int) -> Tensor:
    """Return the index of each sample's shell, from 0 at the centre to `shells` − 1; int64, of the mask's shape.

    Distances are relative to the edges of k-space. With a single column, (ky, 1), they are along ky.
    """
    squares = [
        (2 * (torch.arange(size, device=mask.device) - size // 2) / size).square() if size > 1 else mask.new_zeros(1)
        for size in mask.shape
    ]
    distance = (squares[0][:, None] + squares[1]).sqrt()
    return (distance / distance.max() * (shells - 1)).round().long()


def shell_energy(kspace: Tensor, mask: Tensor, shell: Tensor, shells: int) -> Tensor:
    """Return the mean energy of each shell, as in `radial_energy`; float64, (shell,)."""
    acquired = kspace[:, mask[:, 0]] if mask.shape[1] == 1 else kspace[:, mask, None]
    energy = torch.view_as_real(acquired).square().sum(dim=-1).mean(dim=(0, 2))
    counts = torch.bincount(shell[mask], minlength=shells)
    total = torch.bincount(shell[mask], energy.double(), minlength=shells)
    mean = total / counts.clamp_min(1)
    source = torch.where(counts > 0, torch.arange(shells, device=mask.device), 0).cummax(dim=0).values
    first = int((counts > 0).nonzero()[0])
    return mean[source.clamp_min(first)].clamp_min(torch.finfo(torch.float32).tiny)
