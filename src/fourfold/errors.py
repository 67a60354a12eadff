"""The exception for invalid input, and helpers that word its sentence."""

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
    without a traceback and exits with status 2. It keeps its type and attributes from process to process.

    Attributes
    ----------
    source
        The file or image that the text names; empty where it names none.
    """

    def __init__(self, message: str, *, source: str = "") -> None:
        super().__init__(message)
        self.source = source


class SilentCoils(InputError):  # noqa: N818  # an InputError
    """Coils without signal in some k-space; `coils` are their numbers, of `total` coils."""

    def __init__(self, coils: list[int], total: int) -> None:
        many = 1 < len(coils) >= total / 4
        other = ", or move the axes if these are lines and no coils" if many else ""
        super().__init__(f"Coil(s) {coils} contain only zeros; leave them out before reconstruction{other}.")
        self.coils, self.total = coils, total

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.coils, self.total), self.__dict__


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
    """Return the representation of `value`, shortened where it is long."""
    text = _SHORT.repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def explain_settings(error: ValidationError, kind: str, name: str, known: Collection[str]) -> str:
    """Return one sentence about the first bad setting.

    Parameters
    ----------
    error
        The errors that pydantic found.
    kind, name
        Whose settings they are, such as ``"method"`` and ``"tv"``; an empty name where there is one of the kind.
    known
        The names of all settings.
    """
    errors = error.errors()
    first, context = errors[0], errors[0].get("ctx", {})
    if isinstance(context.get("error"), InputError):
        # From a validator that looks at several settings together.
        return str(context["error"])
    # A setting that may be of several types has an error for each, which ends with the type's name.
    alternatives = [each for each in errors if len(each["loc"]) > 1 and each["loc"][:-1] == first["loc"][:-1]]
    alternatives = [each for each in alternatives if each["input"] is first["input"]]
    location = first["loc"][:-1] if len(alternatives) > 1 else first["loc"]
    path = [str(part) for part in location if not str(part).startswith("function")]
    setting, owner = ".".join(path), f"the {kind} '{name}'" if name else f"the {kind}"
    match first["type"]:
        case "extra_forbidden" if len(path) > 1:
            return f"{_capital(owner)} has no setting '{setting}'; check the spelling."
        case "extra_forbidden":
            listed = ", ".join(known) or "none"
            return f"{_capital(owner)} has no setting '{setting}'; it has: {listed}.{nearest(setting, known)}"
        case "missing":
            return f"The setting '{setting}' of {owner} is missing; give it."
        case "union_tag_invalid":
            tag, tags = context["tag"], context["expected_tags"].replace("'", "")
            hint = nearest(tag, tags.split(", "))
            return f"The setting '{setting}' of {owner} names '{tag}'; there are {tags}.{hint}"
    messages = dict.fromkeys(str(each.get("ctx", {}).get("error", each["msg"])) for each in alternatives or [first])
    expected = " or ".join(message[0].lower() + message[1:] for message in messages)
    whose = f"'{name}'" if name else f"the {kind}"
    return f"The setting '{setting}' of {whose} is {short_repr(first['input'])}; {expected}."


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
