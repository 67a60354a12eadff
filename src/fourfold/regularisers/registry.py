"""Regularisers by name: every class in a module of this folder that declares a `name` is one."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import Tensor

from fourfold.discovery import named_classes
from fourfold.errors import InputError, nearest
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["find_regulariser", "new_regulariser", "regularisers"]


@cache
def regularisers() -> dict[str, type]:
    """Return all regularisers of single images by name."""
    return dict(sorted(named_classes("fourfold.regularisers").items()))


def find_regulariser(name: str) -> type:
    """Return the regulariser called `name`; raises InputError with the nearest name for a typo."""
    known = regularisers()
    if name not in known:
        raise InputError(f"There is no regulariser '{name}'; known are {', '.join(known)}.{nearest(name, known)}")
    return known[name]


def new_regulariser(regulariser: Any, support: Tensor) -> AnyRegulariser:
    """Return a regulariser for images of a given size.

    Parameters
    ----------
    regulariser
        A name, a class, or an object that is a regulariser already. A class is called without arguments, unless it has
        a class method ``for_images(support)``.
    support
        bool, (frame or 1, set, y, x): the pixels that some coil sees, on the device of the images.
    """
    kind = find_regulariser(regulariser) if isinstance(regulariser, str) else regulariser
    if not isinstance(kind, type):
        made: AnyRegulariser = kind
    else:
        made = kind.for_images(support) if hasattr(kind, "for_images") else kind()
    return made
