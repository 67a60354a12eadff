"""A method on one frame or series, as every part of a trust needs it: with fixed settings, and its own image."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.confidence.prediction import CoilPrediction
from fourfold.errors import InputError
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.method import Method, Progress
from fourfold.noise.sample_noise import sample_noise_std
from fourfold.scan import Reconstruction, Sampling, Scan

__all__ = ["Trial", "fixed_settings"]

# Fewest calibration lines whose singular values show the noise.
_FEWEST_NOISE_LINES = 16


def fixed_settings(method: Method, details: Mapping[str, Any]) -> Method:
    """Return the method with the settings that it chose from the data for an image whose record has these details.

    The image of other samples then differs by the samples alone, and takes less time. An image that was weakened keeps
    its automatic settings, since numbers would leave the weakening out.
    """
    chosen: dict[str, Any] = {}
    for name, value in method.model_dump().items():
        choice = details.get(name)
        if value == "auto" and isinstance(choice, Mapping) and name in choice and choice.get("shrinkage", 1.0) == 1.0:
            chosen[name] = choice[name]
    return method.model_copy(update=chosen) if chosen else method


@dataclass(eq=False)
class Trial:
    """Reconstructs changed samples of one scan with one method, and counts what that costs.

    Attributes
    ----------
    method
        The method.
    scan
        One frame, or the series that the method needs at once, on its full grid.
    prediction
        What an image says of every coil's k-space.
    seed
        Of everything that is drawn.
    first
        The image of all samples, where it was made before.
    progress
        Called by each reconstruction.
    reconstructions
        How many there were beside the image of all samples.
    """

    method: Method
    scan: Scan
    prediction: CoilPrediction
    seed: int
    first: Reconstruction | None = None
    progress: Progress = lambda *_: None
    reconstructions: int = 0
    _tuned: Method | None = field(default=None, init=False, repr=False)

    @property
    def base(self) -> Reconstruction:
        """The image of all samples."""
        if self.first is None:
            self.first = self._run(self.method, self.scan, "the image")
        return self.first

    @property
    def puts_zeros(self) -> bool:
        """Whether missing samples are zero in the method's k-space, which its magnitude image does not tell."""
        return isinstance(self.method, ZeroFilled)

    @cached_property
    def noise_variance(self) -> float:
        """The variance of the complex noise of a sample of one coil, mean over frames and coils.

        Raises InputError where it cannot be estimated.
        """
        return noise_variance(self.scan)

    @cached_property
    def image(self) -> Tensor:
        """The method's own image, complex64 (frame, y, x), aligned: before measured samples were put back into it.

        A method that combines the coils by root-sum-of-squares without keeping its own image is run once more.
        """
        combined = getattr(self.method, "coil_combination", None) == "rss"
        if combined and self.base.before_data_consistency is None:
            return self.own_image(self.reconstruct(self.scan, "combined by coil maps"))
        return self.own_image(self.base)

    def own_image(self, made: Reconstruction) -> Tensor:
        """Return the method's own image, complex64 (frame, y, x), aligned, of one of its reconstructions."""
        own = made.image if made.before_data_consistency is None else made.before_data_consistency
        return self.prediction.aligned(own)

    def reconstruct(self, scan: Scan, words: str) -> Reconstruction:
        """Return the image of changed samples by the method with fixed settings, combined by coil maps if it can.

        The first one is made with automatic settings where the image of all samples is not known: the settings that it
        chooses are then those of all others.
        """
        method = self._fixed
        update = {"coil_combination": "maps"} if "coil_combination" in type(method).model_fields else {}
        made = self._run(method.model_copy(update=update), scan, words)
        if self.first is None and self._tuned is None:
            self._tuned = fixed_settings(self.method, made.record.details)
        self.reconstructions += 1
        return made

    @property
    def _fixed(self) -> Method:
        if self.first is not None:
            return fixed_settings(self.method, self.first.record.details)
        return self._tuned or self.method

    def without(self, held: Tensor) -> Scan:
        """Return the scan without the samples in `held`, bool (frame or 1, ky, kx)."""
        return self.scan.with_sampling(Sampling(self.scan.mask & ~held, self.scan.sampling.kind))

    def squared_error(self, image: Tensor) -> Tensor:
        """Return |predicted − measured|², summed over coils, float32 (frame, ky, kx), of aligned images (frame, y, x).

        It tells of the measured samples alone.
        """
        return torch.stack([self._error(each, frame).abs().square().sum(dim=0) for frame, each in enumerate(image)])

    def _error(self, image: Tensor, frame: int) -> Tensor:
        return self.prediction.kspace(image, frame) - self.scan.kspace[frame]

    def _run(self, method: Method, scan: Scan, words: str) -> Reconstruction:
        made = method(scan, lambda fraction, inner: self.progress(fraction, f"{words}: {inner}"))
        if made.record.interrupted:
            raise KeyboardInterrupt
        return made


def on_full_grid(scan: Scan) -> Scan:
    """Return the scan whose images are not cut to the scanner's size."""
    return scan.replace(geometry=dataclasses.replace(scan.geometry, image_size=None))


def noise_variance(scan: Scan) -> float:
    """Return the variance of the complex noise of a sample of one coil, the mean over frames and coils.

    Raises
    ------
    InputError
        Where it cannot be estimated.
    """
    total = 0.0
    for index in range(scan.frames):
        frame = scan.frame(index)
        try:
            calibration = central_calibration(frame, minimum=_FEWEST_NOISE_LINES)[0]
        except InputError:
            calibration = None
        total += 2 * sample_noise_std(frame, calibration) ** 2
    return total / scan.frames
