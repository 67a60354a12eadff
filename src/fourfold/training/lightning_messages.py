"""Suppresses Lightning's messages on devices and data loaders, which users cannot act on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_lightning_messages", "suppress_lightning_messages"]

_LOGGERS = ("pytorch_lightning", "lightning_fabric")


def suppress_lightning_messages() -> None:
    """Suppress the messages from now on."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    # Distributed training copies the gradients of channels-last weights and warns about it.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")


@contextmanager
def no_lightning_messages() -> Iterator[None]:
    """Suppress the messages within a context."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [each.level for each in loggers]
    try:
        with warnings.catch_warnings():
            suppress_lightning_messages()
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
