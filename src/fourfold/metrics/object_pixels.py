"""Which pixels of an image show the object."""

from __future__ import annotations

from torch import Tensor

__all__ = ["object_pixels"]

_LEVEL = 0.1


def object_pixels(reference: Tensor, peak: float) -> Tensor:
    """Return a mask of the object, bool, of the image's shape: the reference exceeds a tenth of `peak`."""
    return reference > _LEVEL * peak
