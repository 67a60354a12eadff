"""Fits the input or the weights of an image generator to measured samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.optim import Adam

__all__ = ["adam_images"]


def adam_images(
    generate: Callable[[], Tensor],
    variables: Sequence[Tensor],
    gradient: Callable[[Tensor], Tensor],
    *,
    steps: int,
    learning_rate: float,
    ridge: float = 0.0,
    constrain: Callable[[], None] | None = None,
) -> Iterator[Tensor]:
    """Yield the images before each of `steps` steps of Adam, and the last ones; the consumer may end it at any image.

    Minimises f(G(v)) + ½ ridge ‖v‖² over v, which changes in place (Bora et al. 2017, arXiv:1703.03208, Eq. 3).

    Parameters
    ----------
    generate
        Returns G(v), complex64, from the current values.
    variables
        v: leaves of float32, which need no gradient beforehand and have none afterwards.
    gradient
        x ↦ ∇f(x), so that f changes by Re⟨∇f, dx⟩.
    steps, learning_rate
        Number of steps, and Adam's rate.
    ridge
        Weight of ½ ‖v‖².
    constrain
        Called after every step, to bring v back into a set.
    """
    optimiser = Adam(variables, lr=learning_rate)
    for _ in range(steps):
        for variable in variables:
            variable.requires_grad_(True)
        with torch.enable_grad():
            images = generate()
        x = images.detach()
        slopes = torch.autograd.grad(images, variables, gradient(x))
        for variable, slope in zip(variables, slopes, strict=True):
            variable.requires_grad_(False)
            variable.grad = slope.add(variable, alpha=ridge)
        yield x
        optimiser.step()
        if constrain is not None:
            constrain()
    yield generate()
