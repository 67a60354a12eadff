"""Overlapping patches of an image under an orthonormal transform."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from fourfold.errors import InputError

__all__ = ["PatchTransform", "cosine_atoms", "cosine_basis"]


def cosine_basis(size: int, device: torch.device | None = None) -> Tensor:
    """Return the orthonormal discrete cosine transform, float32 (frequency, place); the first row is constant."""
    index = torch.arange(size, dtype=torch.float64, device=device)
    basis = torch.cos(math.pi / size * (index + 0.5) * index[:, None]) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis.float()


def cosine_atoms(size: int, device: torch.device | None = None) -> Tensor:
    """Return the atoms of the two-dimensional cosine transform, float32 (atom, size²); the first is constant."""
    basis = cosine_basis(size, device)
    return torch.einsum("ay,bx->abyx", basis, basis).reshape(size**2, size**2)


class PatchTransform:
    """An orthonormal real transform of every patch of a complex image; patches wrap round the image's borders.

    Parameters
    ----------
    atoms
        float32, (atom, pixel): the rows are orthonormal, pixel counts a square patch line by line.
    """

    def __init__(self, atoms: Tensor) -> None:
        self.atoms = atoms
        self.size = math.isqrt(atoms.shape[1])

    def forward(self, image: Tensor) -> Tensor:
        """Return the coefficients, float32 (part, atom, y, x), of `image` (y, x); part is real and imaginary.

        Raises
        ------
        InputError
            When the image is smaller than a patch.
        """
        return functional.conv2d(self._wrapped(image), self._filters)

    def patches(self, image: Tensor) -> Tensor:
        """Return the patches themselves, float32 (part, pixel, y · x)."""
        return functional.unfold(self._wrapped(image), self.size)

    def mean(self, coefficients: Tensor, weights: Tensor) -> Tensor:
        """Return the image (y, x) in which every pixel is the weighted mean of the patches that hold it.

        Parameters
        ----------
        coefficients
            float32, (part, atom, y, x), already multiplied by the weights.
        weights
            float32, (1, 1, y, x), one a patch, positive.
        """
        total = self._fold(functional.conv_transpose2d(coefficients, self._filters), weights.shape)
        share = self._fold(functional.conv_transpose2d(weights, torch.ones_like(self._filters[:1])), weights.shape)
        return torch.view_as_complex((total / share)[:, 0].movedim(0, -1).contiguous())

    @property
    def _filters(self) -> Tensor:
        return self.atoms.view(-1, 1, self.size, self.size)

    def _wrapped(self, image: Tensor) -> Tensor:
        if min(image.shape) < self.size:
            raise InputError(
                f"The image is {image.shape[0]}×{image.shape[1]} pixels but a patch {self.size}×{self.size}; "
                "give a smaller patch."
            )
        parts = torch.view_as_real(image).movedim(-1, 0)[:, None]
        return functional.pad(parts, (0, self.size - 1, 0, self.size - 1), mode="circular")

    def _fold(self, extended: Tensor, shape: torch.Size) -> Tensor:
        """Return what reaches over the lower and right border added to the other side."""
        ny, nx = shape[-2:]
        beyond = self.size - 1
        extended[..., :beyond, :] += extended[..., ny:, :]
        extended = extended[..., :ny, :]
        extended[..., :beyond] += extended[..., nx:]
        return extended[..., :nx]
