"""The one exception that a user's mistake raises."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["InputError", "SilentCoils", "as_path", "check_type", "explain_settings", "kind_of", "nearest", "short_repr"]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120
_LONGEST = 300


class InputError(ValueError):
    """Bad input, refused in one sentence.

    The text says what was found, what was expected, and what to do. The command line prints it
    without a traceback and exits with status 2.
    """


class SilentCoils(InputError):  # noqa: N818  # an InputError
    """Coils without any signal in the k-space at hand; `coils` are their numbers, out of `total`."""

    def __init__(self, coils: list[int], total: int) -> None:
        many = 1 < len(coils) >= total / 4
        other = ", or move the axes if these are lines and no coils" if many else ""
        super().__init__(f"Coil(s) {coils} contain only zeros; leave them out before reconstruction{other}.")
        self.coils = coils


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name closest to `name`, or an empty text."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def kind_of(value: Any) -> str:
    """Return in words what `value` is: ``None``, ``a NumPy array``, ``of type list``."""
    if value is None:
        return "None"
    kind = type(value)
    return "a NumPy array" if (kind.__module__, kind.__name__) == ("numpy", "ndarray") else f"of type {kind.__name__}"


def check_type(name: str, value: Any, kind: type | tuple[type, ...], advice: str) -> None:
    """Refuse a `value` that is not of this `kind`, with advice how to get one."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(each.__name__ for each in kinds)
        raise InputError(f"{name} is {kind_of(value)}; it must be of type {expected}: {advice}.")


def as_path(path: Any) -> Path:
    """Return `path` as a Path; raises InputError for what is neither text nor a path."""
    check_type("The file's name", path, (str, PathLike), "give it as text")
    return Path(path)


def short_repr(value: Any) -> str:
    """Return `value` as code shows it, cut short where it is long, for a sentence."""
    text = _SHORT.repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def explain_settings(error: ValidationError, kind: str, name: str, known: Collection[str]) -> str:
    """Turn the complaints about the first bad setting into one sentence; a choice of types has one for each.

    Parameters
    ----------
    error
        What pydantic found.
    kind, name
        Whose settings they are, such as ``"method"`` and ``"tv"``.
    known
        The settings that there are.
    """
    complaints = error.errors()
    first = complaints[0]
    if not first["loc"]:
        # Said by what looks at several settings together.
        return str(first["ctx"]["error"])
    setting = str(first["loc"][0])
    if first["type"] == "extra_forbidden" and len(first["loc"]) > 1:
        return f"The {kind} '{name}' has no setting '{'.'.join(map(str, first['loc']))}'; check the spelling."
    if first["type"] == "extra_forbidden":
        listed = ", ".join(known) or "none"
        return f"The {kind} '{name}' has no setting '{setting}'; it has: {listed}.{nearest(setting, known)}"
    wrong = dict.fromkeys(each["msg"] for each in complaints if each["loc"][0] == setting)
    expected = " or ".join(message[0].lower() + message[1:] for message in wrong)
    return f"The setting '{setting}' of '{name}' is {short_repr(first['input'])}; {expected}."
