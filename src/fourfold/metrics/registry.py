"""Finds the metrics: every module of this folder is searched, so a new metric needs no list."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from torch import Tensor

from fourfold.errors import InputError, nearest
from fourfold.metrics.metric import Metric

__all__ = ["METRICS", "find_metric", "score", "score_frames"]


def _found() -> dict[str, Metric]:
    names = (entry.name for entry in pkgutil.iter_modules([str(Path(__file__).parent)]) if entry.name != "registry")
    modules = [importlib.import_module(f"fourfold.metrics.{name}") for name in names]
    found = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Metric)}
    return dict(sorted(found.items(), key=lambda item: (item[1].display_order, item[0])))


METRICS: dict[str, Metric] = _found()
"""All metrics by name, in the order of `Metric.display_order`."""


def find_metric(name: str) -> Metric:
    """Return the metric called `name`; raises InputError with the nearest name for a typo."""
    if name not in METRICS:
        known = ", ".join(METRICS)
        raise InputError(f"There is no metric '{name}'; known are {known}.{nearest(name, METRICS)}")
    return METRICS[name]


def score(image: Tensor, reference: Tensor, metric: str) -> float:
    """Return the score of a magnitude image against its reference.

    Parameters
    ----------
    image, reference
        float32 or float64, (frame, y, x), non-negative, in the same units.
    metric
        A name of `METRICS`, which says how frames are averaged and what the images must offer.

    Raises
    ------
    InputError
        For an unknown metric, and for images that do not suit it: complex, negative, NaN, of different
        shapes, too small, or a reference without signal.
    """
    return find_metric(metric).evaluate(image, reference)[0]


def score_frames(image: Tensor, reference: Tensor, metric: str) -> tuple[float, ...]:
    """Return the scores of the single frames; a volume's data range stays that of the whole volume.

    Their mean is the `score`, but for the pooled metrics (PSNR and NMSE), which take the pixels of all
    frames together. NMSE of a frame without signal is infinite or NaN. Parameters and errors as in `score`.
    """
    return find_metric(metric).evaluate(image, reference)[1]
