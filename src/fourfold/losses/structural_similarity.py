"""Losses of structural similarity: patch-wise dissimilarity, SSIM and MS-SSIM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d

from fourfold.losses.loss import Loss, magnitude, peaks
from fourfold.metrics.structural import ms_ssim, similarity_maps, ssim
from fourfold.metrics.windows import box, gaussian

__all__ = ["Dssim", "MsSsim", "Ssim"]

_WIDTH, _SIGMA = 11, 1.5


class Dssim(Loss):
    """Patch-wise structural dissimilarity, the mean of (1 − SSIM)/2 over patches (Ghodrati et al. 2019, Eq. 5).

    The patches do not overlap; remaining rows and columns at the end are ignored. The data range is each reference's
    maximum.
    """

    kind: Literal["dssim"] = "dssim"
    """Name in settings."""
    patch: int = Field(default=3, ge=2)
    """Width of a patch in pixels."""

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return self.patch

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the mean of (1 − SSIM)/2 over all patches."""
        image, reference = magnitude(image), magnitude(reference)

        def mean(images: Tensor) -> Tensor:
            return avg_pool2d(images, self.patch)

        similarity, _ = similarity_maps(image, reference, peaks(reference), mean)
        return (1 - similarity).mean() / 2


class Ssim(Loss):
    """1 − SSIM with a uniform window and sample covariance, as the fastMRI package uses for VarNet.

    The data range is each reference's maximum.
    """

    kind: Literal["ssim"] = "ssim"
    """Name in settings."""
    window: int = Field(default=7, ge=2)
    """Width of the window in pixels."""

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return self.window

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return 1 − the mean of the frames' SSIM."""
        image, reference = magnitude(image), magnitude(reference)
        scores = ssim(image, reference, peaks(reference), box(self.window), sample_covariance=True)
        return 1 - scores.mean()


class MsSsim(Loss):
    """1 − MS-SSIM on five scales, Gaussian window of 11×11 pixels and σ = 1.5 (Wang et al. 2003).

    The data range is each reference's maximum.
    """

    kind: Literal["ms-ssim"] = "ms-ssim"
    """Name in settings."""

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return 16 * (_WIDTH - 1) + 1

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return 1 − the mean of the frames' MS-SSIM."""
        image, reference = magnitude(image), magnitude(reference)
        return 1 - ms_ssim(image, reference, peaks(reference), gaussian(_WIDTH, _SIGMA)).mean()
