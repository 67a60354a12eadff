"""Series whose frames resemble one another: nuclear norms of the whole image and of its blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.warm import for_one_solve

__all__ = ["LocallyLowRankPenalty", "LowRankPenalty", "LowRankPlusSparsePenalty", "shrink_singular_values"]


def shrink_singular_values(x: Tensor, threshold: float) -> Tensor:
    """Return matrices `x` (…, row, column) with `threshold` taken from every singular value, down to zero.

    The right singular vectors are the eigenvectors of the small Gram matrix xᴴx, many times faster to find than the
    singular value decomposition of tall matrices. Singular values below a thousandth of the largest are imprecise;
    thresholds are above.
    """
    values, vectors = torch.linalg.eigh(x.mH @ x)
    kept = (1 - threshold * values.clamp_min(torch.finfo(values.dtype).tiny).rsqrt()).clamp_min_(0)
    return x @ ((vectors * kept[..., None, :]) @ vectors.mH)


def _nuclear_norm(x: Tensor) -> float:
    values: Tensor = torch.linalg.eigvalsh(x.mH @ x)
    return float(values.clamp_min(0).sqrt().sum(dtype=torch.float64))


def _noise_norm(rows: int, columns: int) -> float:
    """Return the spectral norm to expect of a matrix of white noise of variance one (Davidson & Szarek 2001)."""
    return math.sqrt(rows) + math.sqrt(columns)


class LowRankPenalty:
    """R(x) = (√pixels + √frames) · ‖X‖*, the columns of X being the frames of a series (frame, set, y, x).

    The factor is the spectral norm of noise of variance one: a weight of the noise's standard deviation removes it,
    whatever the size of the image, and means as much as the same weight of an ℓ1 norm.
    """

    def value(self, x: Tensor) -> float:
        """Return the scaled nuclear norm of the series `x`."""
        return _noise_norm(x[0].numel(), len(x)) * _nuclear_norm(x.flatten(1).mT)

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the exact proximal map: the singular values are shrunk."""
        if weight == 0:
            return x
        threshold = weight * _noise_norm(x[0].numel(), len(x))
        return shrink_singular_values(x.flatten(1).mT, threshold).mT.reshape(x.shape)


class LocallyLowRankPenalty:
    """The mean over shifted grids of Σ over blocks b of (√pixels + √frames) · ‖X_b‖*, of series (frame, set, y, x).

    X_b holds a block of `block`×`block` pixels, a column for each frame (Trzasko & Manduca 2011, Proc. ISMRM 4371).
    The proximal step shrinks in every grid and averages, as cycle spinning does for wavelets, so that no grid shows;
    this is the proximal map of the functions' proximal average (Bauschke et al. 2008), and the iteration settles,
    where a grid drawn at random in every iteration keeps wobbling.

    Parameters
    ----------
    block
        Width of a block in pixels.
    grids
        Number of grids, shifted along the diagonal by even parts of a block.
    """

    def __init__(self, block: int = 8, grids: int = 2) -> None:
        self.block = block
        self.shifts = [block * index // grids for index in range(grids)]

    def value(self, x: Tensor) -> float:
        """Return the scaled nuclear norms of the blocks of `x`, the mean over grids."""
        factor = _noise_norm(self.block**2, len(x)) / len(self.shifts)
        return factor * sum(_nuclear_norm(self._blocks(x, shift)) for shift in self.shifts)

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the mean over grids of the series with every block's singular values shrunk."""
        if weight == 0:
            return x
        threshold = weight * _noise_norm(self.block**2, len(x))
        result = torch.zeros_like(x)
        for shift in self.shifts:
            shrunk = shrink_singular_values(self._blocks(x, shift), threshold)
            result += self._series(shrunk, x.shape, shift)
        return result.div_(len(self.shifts))

    def _blocks(self, x: Tensor, shift: int) -> Tensor:
        """Return the blocks (set · block, pixel, frame) of a grid moved by `shift`; zeros fill those at the border."""
        frames, sets, ny, nx = x.shape
        below, right = (-(size + shift) % self.block for size in (ny, nx))
        padded = functional.pad(x, (shift, right, shift, below))
        rows, columns = padded.shape[-2] // self.block, padded.shape[-1] // self.block
        tiles = padded.reshape(frames, sets, rows, self.block, columns, self.block).permute(1, 2, 4, 3, 5, 0)
        return tiles.reshape(sets * rows * columns, self.block**2, frames)

    def _series(self, blocks: Tensor, shape: Sequence[int], shift: int) -> Tensor:
        """Return the series of `shape` that `_blocks` took apart."""
        frames, sets, ny, nx = shape
        rows, columns = (math.ceil((size + shift) / self.block) for size in (ny, nx))
        tiles = blocks.reshape(sets, rows, columns, self.block, self.block, frames).permute(5, 0, 1, 3, 2, 4)
        padded = tiles.reshape(frames, sets, rows * self.block, columns * self.block)
        return padded[..., shift : shift + ny, shift : shift + nx]


class LowRankPlusSparsePenalty:
    """R(L, S) = `low_rank` · R_L(L) + R_S(S) of pairs stacked along a first axis: (2, frame, set, y, x).

    Parameters
    ----------
    low_rank
        Weight of the low-rank part's nuclear norm (`LowRankPenalty`) in parts of the sparse part's.
    sparse
        R_S.
    """

    def __init__(self, low_rank: float, sparse: Regulariser) -> None:
        self.low_rank, self.sparse = low_rank, sparse
        self._rank = LowRankPenalty()

    def value(self, x: Tensor) -> float:
        """Return R(L, S) for x = (L, S)."""
        return self.low_rank * self._rank.value(x[0]) + self.sparse.value(x[1])

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the proximal maps of both parts."""
        return torch.stack([self._rank.prox(x[0], weight * self.low_rank), self.sparse.prox(x[1], weight)])

    def warm(self) -> Regulariser:
        """Return R for one solve."""
        return LowRankPlusSparsePenalty(self.low_rank, for_one_solve(self.sparse))
