"""Principal eigenvectors of many small Hermitian matrices at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["principal_eigenvectors"]

# 2⁷ = 128 power iterations for the price of seven matrix products.
_SQUARINGS = 7


def principal_eigenvectors(matrices: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """Return the eigenvectors of the largest eigenvalues of positive semidefinite matrices.

    The matrix is squared again and again, which is power iteration at an exponential pace: a second
    eigenvalue of 0.95 of the first is suppressed to 0.0014, one of 0.9 to 1e-6. For small matrices by the hundred
    thousand this is many times faster than a library's eigenvalue decomposition.

    Parameters
    ----------
    matrices
        complex64, (…, n, n), Hermitian and positive semidefinite.
    count
        Number of eigenvectors; each further one is found after projecting out the ones before.

    Returns
    -------
    tuple[Tensor, Tensor]
        Unit vectors complex64 (…, n, count), eigenvalues float32 (…, count) in falling order.
    """
    vectors, values = [], []
    for _ in range(count):
        vector = _dominant(matrices)
        image = matrices @ vector
        value = (vector.mH @ image).real
        vectors.append(vector)
        values.append(value[..., 0])
        if len(vectors) < count:
            # (I − vvᴴ) G (I − vvᴴ), written out with w = Gv.
            cross = image @ vector.mH
            matrices = matrices - cross - cross.mH + value * (vector @ vector.mH)
    return torch.cat(vectors, dim=-1), torch.cat(values, dim=-1)


def _dominant(matrices: Tensor) -> Tensor:
    """Return the unit eigenvector (…, n, 1) of the largest eigenvalue."""
    power = matrices
    for _ in range(_SQUARINGS):
        power = power / _trace(power)
        power = power @ power
    # The power is vvᴴ up to scale: its longest column points along v.
    longest = power.diagonal(dim1=-2, dim2=-1).real.argmax(dim=-1)
    column = power.gather(-1, longest[..., None, None].expand(*power.shape[:-1], 1))
    return column / torch.linalg.vector_norm(column, dim=-2, keepdim=True)


def _trace(matrices: Tensor) -> Tensor:
    trace = matrices.diagonal(dim1=-2, dim2=-1).real.sum(dim=-1)
    return trace.clamp_min(torch.finfo(trace.dtype).tiny)[..., None, None]
