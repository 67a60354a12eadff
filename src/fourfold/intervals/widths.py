"""From a map of the standard deviation to the half width of an interval, up to a factor that is learned."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

__all__ = ["relative_widths"]


def relative_widths(std: Tensor) -> Tensor:
    """Return the half widths that the factor of a calibration multiplies, float32 (…, y, x), from `std` of that shape.

    The standard deviation of a few members is itself uncertain, by a quarter for eight of them. Where it is too small
    by chance, an interval would miss. The variance is therefore averaged with that of the neighbouring pixels.
    """
    variance = std.float().square()
    planes = pad(variance.reshape(-1, 1, *std.shape[-2:]), (1, 1, 1, 1), mode="replicate")
    return avg_pool2d(planes, 3, stride=1).view(std.shape).sqrt()
