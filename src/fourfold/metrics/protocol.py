"""A protocol: one way to score an image, stated in full and refusing what it cannot score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fourfold.errors import InputError

__all__ = ["Protocol"]


@dataclass(frozen=True)
class Protocol:
    """One way to score a magnitude image against its reference, stated in full.

    Every protocol takes the images as they are: neither is cropped, shifted or rescaled to fit the other.

    Attributes
    ----------
    name, title
        Short name beside every number; name in running text.
    statement
        The formula, its window, data range and averaging.
    needs
        What the images must offer, as `check` enforces it.
    higher_is_better
        Whether a larger score is the better one.
    measure
        ``measure(image, reference, peak)`` scores float64 (y, x), for pooled protocols also (frame, y, x);
        `peak` is the maximum of the reference volume.
    pooled
        Whether all frames' pixels enter one formula; otherwise the score is the mean over frames.
    smallest
        Fewest pixels along y and x.
    frame_content
        What every frame of the reference must hold for itself.
    """

    name: str
    title: str
    statement: str
    needs: str
    higher_is_better: bool
    measure: Callable[[Tensor, Tensor, float], float] = field(repr=False)
    pooled: bool = False
    smallest: int = 1
    frame_content: Literal["anything", "signal", "contrast"] = "anything"

    def check(self, image: Tensor, reference: Tensor) -> None:
        """Raise InputError where `image` and `reference`, both (frame, y, x), do not suit the protocol."""
        for what, array in (("image", image), ("reference", reference)):
            self._check_magnitude(what, array)
        if image.shape != reference.shape:
            raise InputError(
                f"{self.name}: the image has shape {tuple(image.shape)} but the reference has "
                f"{tuple(reference.shape)}; cut both to the same field of view."
            )
        frames, ny, nx = reference.shape
        if frames == 0 or min(ny, nx) < self.smallest:
            raise InputError(
                f"{self.name}: the images are {frames} frame(s) of {ny}×{nx} pixels; it needs at least "
                f"{self.smallest}×{self.smallest} and one frame: choose another protocol."
            )
        self._check_content(reference)

    def score(self, image: Tensor, reference: Tensor) -> float:
        """Return the score of `image`; see `fourfold.metrics.score`."""
        self.check(image, reference)
        if self.pooled:
            return self.measure(image.double(), reference.double(), float(reference.max()))
        scores = self._frames(image, reference)
        return sum(scores) / len(scores)

    def score_frames(self, image: Tensor, reference: Tensor) -> tuple[float, ...]:
        """Return each frame's score; see `fourfold.metrics.score_frames`."""
        self.check(image, reference)
        return self._frames(image, reference)

    def _frames(self, image: Tensor, reference: Tensor) -> tuple[float, ...]:
        # Frame by frame, so that double precision costs the memory of one frame.
        peak = float(reference.max())
        pairs = zip(image, reference, strict=True)
        return tuple(self.measure(frame.double(), truth.double(), peak) for frame, truth in pairs)

    def _check_magnitude(self, what: str, array: Tensor) -> None:
        if array.dtype not in (torch.float32, torch.float64) or array.ndim != 3:
            raise InputError(
                f"{self.name}: the {what} is {array.dtype} of shape {tuple(array.shape)}; it must be a torch "
                "tensor (frame, y, x) of float32 or float64: take the magnitude of complex values, and add a "
                "frame axis to a single image."
            )
        if not bool(torch.isfinite(array).all()):
            raise InputError(
                f"{self.name}: the {what} contains NaN or Inf; find what made them before scoring."
            )
        if bool((array < 0).any()):
            raise InputError(
                f"{self.name}: the {what} has negative pixels; it must be a magnitude: take its modulus."
            )

    def _check_content(self, reference: Tensor) -> None:
        peak = float(reference.max())
        if peak == 0:
            raise InputError(f"{self.name}: the reference is zero everywhere; give the fully sampled image.")
        frames = reference.flatten(1)
        highest, lowest = frames.amax(dim=1), frames.amin(dim=1)
        # Below a millionth of the peak, a difference drowns in the rounding of float32.
        empty = {
            "anything": torch.zeros_like(highest, dtype=torch.bool),
            "signal": highest == 0,
            "contrast": highest - lowest < 1e-6 * peak,
        }[self.frame_content]
        if bool(empty.any()):
            raise InputError(
                f"{self.name}: frame(s) {empty.nonzero().flatten().tolist()} of the reference hold no "
                f"{self.frame_content}, without which this score is undefined; leave these frames out."
            )
