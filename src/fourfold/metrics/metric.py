"""A metric: one way to score an image, stated in full and refusing what it cannot score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fourfold.errors import InputError

__all__ = ["Metric", "check_magnitude"]


@dataclass(frozen=True)
class Metric:
    """One way to score a magnitude image against its reference, stated in full.

    Every metric takes the images as they are: neither is cropped, shifted or rescaled to fit the other.

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
        ``measure(image, reference, peak)`` scores float64 (y, x), for pooled metrics also (frame, y, x);
        `peak` is the maximum of the reference volume.
    pooled
        Whether all frames' pixels enter one formula; otherwise the score is the mean over frames.
    smallest
        Fewest pixels along y and x.
    frame_content
        What every frame of the reference must hold for itself.
    decimals
        Digits after the point in tables.
    display_order
        Place among the metrics in tables, lowest first.
    by_name_only
        Whether it is scored only where it is asked for by name.
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
    decimals: int = 4
    display_order: int = 100
    by_name_only: bool = False

    def check(self, image: Tensor, reference: Tensor) -> None:
        """Raise InputError where `image` and `reference`, both (frame, y, x), do not suit the metric."""
        check_magnitude(image, f"{self.name}: the image")
        check_magnitude(reference, f"{self.name}: the reference")
        if image.shape != reference.shape:
            raise InputError(
                f"{self.name}: the image has shape {tuple(image.shape)} but the reference has "
                f"{tuple(reference.shape)}; cut both to the same field of view."
            )
        refusal = self.refusal(reference)
        if refusal is not None:
            raise InputError(refusal)

    def refusal(self, reference: Tensor) -> str | None:
        """Return why nothing can be scored against the magnitude image `reference`, or None where it suits."""
        frames, ny, nx = reference.shape
        if frames == 0 or min(ny, nx) < self.smallest:
            return (
                f"{self.name}: the images are {frames} frame(s) of {ny}×{nx} pixels; it needs at least "
                f"{self.smallest}×{self.smallest} and one frame: choose another metric."
            )
        peak = float(reference.max())
        if peak == 0:
            return f"{self.name}: the reference is zero everywhere; give the fully sampled image."
        empty = self._empty_frames(reference.flatten(1), peak)
        if empty:
            return (
                f"{self.name}: frame(s) {empty} of the reference hold no {self.frame_content}, without which "
                "this score is undefined; leave these frames out."
            )
        return None

    def evaluate(self, image: Tensor, reference: Tensor) -> tuple[float, tuple[float, ...]]:
        """Return the score of `image` and those of its frames; see `fourfold.metrics.score`."""
        self.check(image, reference)
        peak = float(reference.max())
        # Frame by frame, so that double precision costs the memory of one frame.
        pairs = zip(image, reference, strict=True)
        frames = tuple(self.measure(frame.double(), truth.double(), peak) for frame, truth in pairs)
        if self.pooled:
            return self.measure(image.double(), reference.double(), peak), frames
        return sum(frames) / len(frames), frames

    def _empty_frames(self, frames: Tensor, peak: float) -> list[int]:
        """Return the indices of the frames (frame, pixel) that lack the content which each must hold."""
        if self.frame_content == "anything":
            return []
        highest, lowest = frames.amax(dim=1), frames.amin(dim=1)
        # A contrast below a ten-thousandth of the peak is lost in any noise.
        empty = highest == 0 if self.frame_content == "signal" else highest - lowest < 1e-4 * peak
        return [int(index) for index in empty.nonzero()]


def check_magnitude(array: Tensor, what: str) -> None:
    """Raise InputError, naming it `what`, unless `array` is a magnitude image (frame, y, x) of finite floats."""
    if array.dtype not in (torch.float32, torch.float64) or array.ndim != 3:
        raise InputError(
            f"{what} is {array.dtype} of shape {tuple(array.shape)}; it must be a torch tensor (frame, y, x) of "
            "float32 or float64: take the magnitude of complex values, and add a frame axis to a single image."
        )
    if not bool(torch.isfinite(array).all()):
        raise InputError(f"{what} contains NaN or Inf; find what made them before scoring.")
    if bool((array < 0).any()):
        raise InputError(f"{what} has negative pixels; it must be a magnitude: take its modulus.")
