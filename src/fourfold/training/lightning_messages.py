"""Lightning's remarks on devices and loaders, which our users did not choose."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet", "silence"]

_LOGGERS = ("pytorch_lightning", "lightning_fabric")


def silence() -> None:
    """Leave the remarks out from now on."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    # Processes that share their gradients copy those of channels-last weights.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")


@contextmanager
def quiet() -> Iterator[None]:
    """Leave the remarks out for as long as this lasts."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [each.level for each in loggers]
    try:
        with warnings.catch_warnings():
            silence()
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
