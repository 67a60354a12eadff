"""The cases of real data on which image quality is compared: data set, sampling pattern, reference, scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.operators.fourier import ifft
from fourfold.sampling import random, regular
from fourfold.scan import Axis, Sampling, Scan

__all__ = ["CASES", "DATA", "SMALL_FIELD_OF_VIEW", "Case", "Scores", "fingerprint", "score"]

DATA = Path(__file__).parents[2] / "shared" / "data" / "raw_multicoil"
CALIBRATION_LINES = 22
OBJECT_LEVEL = 0.08


@dataclass(frozen=True)
class Scores:
    """Peak signal-to-noise ratio in dB and structural similarity (7×7), data range = the reference's maximum.

    `object_psnr` is that of the object alone, where the reference exceeds 8 % of its maximum: the root sum of squares
    lifts the noise in air, which no method should imitate.
    """

    psnr: float
    ssim: float
    object_psnr: float


@dataclass(frozen=True)
class Case:
    """A fully sampled data set and a pattern that leaves lines of it out."""

    data: str
    """Name of the file."""
    kind: str
    """``random`` (8 % centre) or ``regular`` (with 22 calibration lines)."""
    acceleration: int = 4
    """Target (random) or nominal (regular)."""
    axis: Axis = "ky"
    """Along which lines are left out."""

    @property
    def name(self) -> str:
        """Name in tables and file names."""
        axis = "" if self.axis == "ky" else f"-{self.axis}"
        return f"{self.data}-{self.kind}{self.acceleration}{axis}"

    def sampling(self, shape: tuple[int, int]) -> Sampling:
        """Return the pattern; the random one has seed 0."""
        if self.kind == "random":
            return random(shape, self.acceleration, centre=0.08, seed=0, axis=self.axis)
        return regular(shape, self.acceleration, lines=CALIBRATION_LINES, axis=self.axis)

    def full(self) -> Scan:
        """Return the fully sampled scan, scaled so that the root mean square of its k-space is one."""
        with np.load(DATA / f"{self.data}.npz") as file:
            kspace = torch.from_numpy(file["kspace"])[None]
        # Whole planes of the grid that the scanner left empty count too: the scale is a convention, no estimate.
        scale = kspace.abs().double().square().mean().sqrt().float()
        return Scan(kspace / scale, line_axis=self.axis)

    def scan(self) -> Scan:
        """Return the undersampled scan."""
        full = self.full()
        everywhere = Sampling(torch.ones(1, *full.shape, dtype=torch.bool))
        return full.replace(sampling=everywhere).with_sampling(self.sampling(full.shape))

    def reference(self) -> NDArray[np.float32]:
        """Return the root sum of squares of the fully sampled coil images, (y, x)."""
        return root_sum_of_squares(ifft(self.full().kspace[0])).numpy()


def _cases(*names: str) -> Iterator[Case]:
    for name in names:
        yield Case(name, "random")
        yield Case(name, "regular")


CASES = tuple(_cases("brain8_full_T1", "head8_T1_256", "mprage4_T1_256"))
SMALL_FIELD_OF_VIEW = tuple(
    Case("brain8_smallfov_T1", kind, acceleration, axis)
    for kind, acceleration in (("random", 4), ("regular", 2))
    for axis in ("ky", "kx")
)
"""A field of view smaller than the head: one set of coil maps cannot describe it."""


def score(image: NDArray[np.floating], reference: NDArray[np.float32]) -> Scores:
    """Return the scores of a magnitude image (y, x) against the reference."""
    from skimage.metrics import structural_similarity

    peak = float(reference.max())
    errors = (image.astype(np.float64) - reference) ** 2
    similarity = structural_similarity(
        reference.astype(np.float64), image.astype(np.float64), win_size=7, data_range=peak
    )
    inside = errors[reference > OBJECT_LEVEL * peak]
    whole, within = (10 * float(np.log10(peak**2 / part.mean())) for part in (errors, inside))
    return Scores(whole, float(similarity), within)


def fingerprint(mask: NDArray[np.bool_]) -> str:
    """Return a short hash of a mask, so that scores are never compared across different patterns."""
    return hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()[:12]
