"""Values of headers: those that make no sense are left out."""

from __future__ import annotations

from typing import Any

from fourfold.errors import InputError

__all__ = ["fitting", "left_out_note"]


def fitting(kind: type[Any], values: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return a `Protocol` or an `Identity` of the values that fit, and the names of the others in words."""
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
    return kind(**known), unfit


def left_out_note(what: str, unfit: list[str]) -> tuple[str, ...]:
    """Return a note on values that were left out, which does not quote them; none where all fit."""
    note = f"The header's {what} holds values that make no sense, which were left out: {', '.join(unfit)}."
    return (note,) if unfit else ()
