"""Steps of equal size along every direction of a layer's weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ["OrthogonalMomentum"]

# Newton–Schulz iteration of Jordan et al.: all singular values come to lie between 0.7 and 1.2.
_COEFFICIENTS, _STEPS = (3.4445, -4.7750, 2.0315), 5
_TINY = 1e-20


class OrthogonalMomentum(Optimizer):
    """Gradient descent along the nearest semi-orthogonal matrix to the momentum (Muon, Jordan et al. 2024).

    A plain gradient, and Adam's too, has few large singular values; the directions behind the small ones, which carry
    an image's detail, hardly move. Made orthogonal, all move alike. It is meant for convolutions that a normalisation
    follows.

    Parameters
    ----------
    weights
        Weights (member · output, input, ky, kx) of convolutions in groups, one for each member.
    members
        Number of groups.
    lr
        Spectral norm of a step.
    momentum
        Share of the old momentum, Nesterov's way.
    """

    def __init__(self, weights: Iterable[Tensor], members: int, lr: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})
        self.members = members

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002  # the base class's signature
        """Take one step."""
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(state["momentum"], group["momentum"])
                direction = orthogonalised(ahead.reshape(self.members, -1, weight[0].numel()))
                weight.sub_(direction.view(weight.shape), alpha=group["lr"])


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return matrices (…, row, column), no more rows than columns, with all singular values near one."""
    first, second, third = _COEFFICIENTS
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp_min(_TINY)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = first * x + (second * gram + third * gram @ gram) @ x
    return x
