"""The one exception that a user's mistake raises."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["InputError", "explain_settings", "nearest", "shown"]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120
_LONGEST = 300


class InputError(ValueError):
    """Bad input, refused in one sentence.

    The text says what was found, what was expected, and what to do. The command line prints it
    without a traceback and exits with status 2.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name closest to `name`, or an empty text."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def shown(value: Any) -> str:
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
    if first["type"] == "extra_forbidden":
        listed = ", ".join(known) or "none"
        return f"The {kind} '{name}' has no setting '{setting}'; it has: {listed}.{nearest(setting, known)}"
    wrong = dict.fromkeys(each["msg"] for each in complaints if each["loc"][0] == setting)
    expected = " or ".join(message[0].lower() + message[1:] for message in wrong)
    return f"The setting '{setting}' of '{name}' is {shown(first['input'])}; {expected}."
