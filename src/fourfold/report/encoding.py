"""Images as text inside a page: exact integers for the viewer, still pictures for pages without scripts."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from matplotlib.image import imsave
from numpy.typing import NDArray

__all__ = ["data_url", "integers", "quantised", "still"]

LEVELS = 65535


def integers(array: NDArray[Any]) -> str:
    """Return the little-endian bytes of an integer array as base64."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")


def quantised(frames: NDArray[np.float32]) -> dict[str, Any]:
    """Return non-negative images (frame, y, x) as 16-bit integers and the step between two of them.

    A grey window narrowed a hundredfold still shows all 256 grey levels, which 8-bit images would not.
    """
    step = float(frames.max()) / LEVELS or 1.0
    return {"step": step, "pixels": [integers(np.rint(frame / step).astype(np.uint16)) for frame in frames]}


def still(image: NDArray[Any], black: float, white: float, colours: str = "gray") -> str:
    """Return an image (y, x) between two limits of a colour table as a data URL of a PNG."""
    file = io.BytesIO()
    imsave(file, image, vmin=black, vmax=white, cmap=colours, format="png")
    return data_url(file.getvalue())


def data_url(png: bytes) -> str:
    """Return the data URL of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
