"""Early stopping of untrained networks: by their error on samples that the fit does not use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.methods.untrained.fitting.sample_loss import SampleLoss
from fourfold.networks.untrained.members import Members

__all__ = ["CHECK_EVERY", "EarlyStopping", "FitCheck"]

# Iterations from one check to the next, and checks without an improvement that end the fit.
CHECK_EVERY, _PATIENCE = 10, 10


@dataclass(frozen=True)
class FitCheck:
    """One check of the fit, with one number for each member."""

    iteration: int
    """The iteration after which the fit was checked."""
    loss: tuple[float, ...]
    """Loss over the energy of the samples."""
    held_out: tuple[float, ...] | None
    """Relative error of the held-out samples; None where none are held out."""


class EarlyStopping:
    """Keeps each member's images and weights of the check with the least error on held-out samples.

    The images of a fit first improve, and get worse again once the network fits the noise. Without held-out samples
    the last check is the best.

    Parameters
    ----------
    network
        The members.
    held_out
        The samples that the fit does not use; None for none.
    tolerance
        A member improves when its error falls by this part of it.

    Attributes
    ----------
    images
        complex64, (member, image, y, x): the best so far; None before the first check.
    chosen
        The iteration of each member's best check.
    checks
        All checks.
    """

    def __init__(self, network: Members, held_out: SampleLoss | None, tolerance: float) -> None:
        self.images: Tensor | None = None
        self.chosen = [0] * network.members
        self.checks: list[FitCheck] = []
        self._network, self._held_out, self._tolerance = network, held_out, tolerance
        self._weights = [parameter.detach().clone() for parameter in network.parameters()]
        self._errors = [float("inf")] * network.members
        self._improved_errors = list(self._errors)
        self._last_improvement = 0

    def check(self, iteration: int, loss: Tensor, images: Tensor) -> FitCheck:
        """Judge the images of an iteration, and keep those of the members that are better than before.

        Parameters
        ----------
        iteration
            Iterations done.
        loss
            Loss of each member over the energy of its samples, (member,).
        images
            complex64, (member, image, y, x).
        """
        held_out = self._held_out
        errors = None if held_out is None else tuple(held_out.relative_error(images).tolist())
        for member in range(self._network.members):
            error = -float(iteration) if errors is None else errors[member]
            if error < self._errors[member]:
                self._keep(member, iteration, error, images)
        check = FitCheck(iteration, tuple(loss.tolist()), errors)
        self.checks.append(check)
        return check

    def settled(self, iteration: int) -> bool:
        """Return whether no member has improved for a hundred iterations."""
        return self._held_out is not None and iteration - self._last_improvement >= CHECK_EVERY * _PATIENCE

    @torch.no_grad()
    def restore_weights(self) -> None:
        """Give the network each member's best weights."""
        for best, parameter in zip(self._weights, self._network.parameters(), strict=True):
            parameter.copy_(best)

    def _keep(self, member: int, iteration: int, error: float, images: Tensor) -> None:
        if self.images is None:
            self.images = images.clone()
        self.images[member] = images[member]
        for best, parameter in zip(self._weights, self._network.parameters(), strict=True):
            members = self._network.members
            best.chunk(members)[member].copy_(parameter.detach().chunk(members)[member])
        if self._held_out is None or error < (1 - self._tolerance) * self._improved_errors[member]:
            self._last_improvement, self._improved_errors[member] = iteration, error
        self._errors[member], self.chosen[member] = error, iteration
