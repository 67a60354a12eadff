"""Values of headers: those that make no sense are left out."""

from __future__ import annotations

from typing import Any

from fourfold.errors import InputError

__all__ = ["fitting"]


def fitting(kind: type[Any], values: dict[str, Any], what: str) -> tuple[Any, tuple[str, ...]]:
    """Return a `Protocol` or `Identity` of the values that fit, and a note on the others that does not quote them."""
    known: dict[str, Any] = {}
    unfit = []
    for name, value in values.items():
        if value in (None, ()):
            continue
        try:
            kind(**{name: value})
            known[name] = value
        except InputError:
            unfit.append(name.replace("_", " "))
    notes = f"The header's {what} holds values that make no sense, which were left out: {', '.join(unfit)}."
    return kind(**known), (notes,) if unfit else ()
