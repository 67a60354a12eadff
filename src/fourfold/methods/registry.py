"""Finds the methods: every module in a family's folder is looked through, so that a new one needs no list."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from fourfold.errors import InputError, nearest
from fourfold.methods.method import Method
from fourfold.scan import Scan

__all__ = ["find_method", "methods", "quick_methods"]

FAMILIES = ("classical", "untrained", "trained")


@cache
def methods() -> dict[str, type[Method]]:
    """Return all methods by name, family by family, in the order of `Method.display_order`."""
    found: list[type[Method]] = []
    for family in FAMILIES:
        package = importlib.import_module(f"fourfold.methods.{family}")
        for entry in pkgutil.iter_modules(package.__path__):
            if entry.ispkg:
                continue
            module = importlib.import_module(f"{package.__name__}.{entry.name}")
            found += [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and issubclass(value, Method)
                and value.__module__ == module.__name__
                and not inspect.isabstract(value)
            ]
    by_rank = sorted(found, key=lambda method: (FAMILIES.index(method.family), method.display_order, method.name))
    return {method.name: method for method in by_rank}


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
