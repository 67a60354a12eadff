"""Methods by name: every class in a module of a family's folder that declares a name is one."""

from __future__ import annotations

from functools import cache

from fourfold.discovery import named_classes
from fourfold.errors import InputError, nearest
from fourfold.methods.method import Method
from fourfold.scan import Scan

__all__ = ["find_method", "methods", "quick_methods"]

FAMILIES = ("classical", "untrained", "trained", "generative")


@cache
def methods() -> dict[str, type[Method]]:
    """Return all methods by name, family by family, in the order of `Method.display_order`."""
    found = [
        kind
        for family in FAMILIES
        for kind in named_classes(f"fourfold.methods.{family}").values()
        if issubclass(kind, Method)
    ]
    in_order = sorted(found, key=lambda kind: (FAMILIES.index(kind.family), kind.display_order, kind.name))
    return {kind.name: kind for kind in in_order}


def find_method(name: str) -> type[Method]:
    """Return the method called `name`; raises InputError with the nearest name for a typo."""
    known = methods()
    if name not in known:
        raise InputError(f"There is no method '{name}'; known are {', '.join(known)}.{nearest(name, known)}")
    return known[name]


def quick_methods(scan: Scan | None = None) -> dict[str, type[Method]]:
    """Return the methods that comparisons take unless others are named: ready to use, in seconds a frame.

    Given the undersampled `scan`, those that suit it (`Method.suits`).
    """
    quick = {name: kind for name, kind in methods().items() if kind.ready() and not kind.slow}
    return quick if scan is None else {name: kind for name, kind in quick.items() if kind.suits(scan)}
