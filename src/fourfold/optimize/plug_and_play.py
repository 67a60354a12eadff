"""Plug and play: a denoiser takes the place of a regulariser's proximal map."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fourfold.denoisers.checked import checked
from fourfold.denoisers.denoiser import Denoiser
from fourfold.operators.linear_operator import norm
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.optimize.least_squares import LeastSquares
from fourfold.optimize.minimum import Minimum
from fourfold.regularisers.warm import for_one_solve

__all__ = ["plug_and_play"]

# The noise level falls from so many times the last one, in so many iterations.
_FIRST_LEVEL, _FALL = 10.0, 20
_INNER_ITERATIONS, _INNER_TOLERANCE = 5, 1e-6
# A first image to denoise: Tikhonov's, stopped early.
_START_WEIGHT, _START_ITERATIONS = 0.01, 8


def plug_and_play(
    data: LeastSquares[float],
    denoise: Denoiser,
    level: float,
    *,
    penalty: float = 0.3,
    start: Tensor | None = None,
    iterations: int = 40,
    tolerance: float = 2e-3,
    support: Tensor | None = None,
    callback: Callable[[int, Tensor], None] | None = None,
) -> Minimum:
    """Alternate between the data and a denoiser, by ADMM (Venkatakrishnan, Bouman & Wohlberg 2013, GlobalSIP).

    x ← argmin ½‖A x − y‖² + ½ penalty ‖x − z + u‖² by conjugate gradients, z ← denoise(x + u), u ← u + x − z. The noise
    level falls geometrically to `level` first, as in Zhang et al. 2022 (IEEE TPAMI 44:6360), then the iteration
    goes on until it settles. If the denoiser is the proximal map of level · R, z minimises
    ½‖A x − y‖² + penalty · level · R(x).

    Parameters
    ----------
    data
        The data term, in a unit in which the image is about one.
    denoise
        The denoiser; one that is `Warm` goes on from call to call, within this solve.
    level
        The standard deviation of the noise in the last iterations.
    penalty
        How much z counts beside the data; AᴴA has norm 1.
    start
        First guess; the noise level then does not fall from above.
    iterations
        At most so many, one call of the denoiser each.
    tolerance
        Stop when an iteration changes z by less than this part of its norm.
    support
        bool, broadcast to the images: the elements whose change counts.
    callback
        Called with the iteration (from 1) and z.

    Raises
    ------
    InputError
        When the denoiser returns something that is no such image.
    """

    def solve(towards: Tensor, weight: float, x: Tensor | None, steps: int) -> Tensor:
        return conjugate_gradient(
            lambda v: torch.add(data.normal(v), v, alpha=weight),
            data.rhs + weight * towards,
            x,
            iterations=steps,
            tolerance=_INNER_TOLERANCE,
        )[0]

    denoise = checked(for_one_solve(denoise))
    zero = torch.zeros_like(data.rhs)
    x = solve(zero, _START_WEIGHT, None, _START_ITERATIONS) if start is None else start
    z, u = x, zero
    fall = [level * _FIRST_LEVEL ** (1 - step / (_FALL - 1)) for step in range(_FALL)] if start is None else []
    for iteration in range(1, iterations + 1):
        if iteration > 1:
            x = solve(z - u, penalty, x, _INNER_ITERATIONS)
        now = fall[iteration - 1] if iteration <= len(fall) else level
        previous, z = z, denoise(x + u, now)
        u = u + x - z
        moved = z - previous
        change = norm(moved if support is None else moved * support) / max(norm(z), 1e-30)
        if callback is not None:
            callback(iteration, z)
        # The first iteration only denoises the first guess.
        if iteration > max(1, len(fall)) and change < tolerance:
            break
    return Minimum(z, iteration, {"solver": "admm", "change": change, "residual": norm(x - z) / max(norm(z), 1e-30)})
