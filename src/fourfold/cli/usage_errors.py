"""Sentences on invalid options: the problem, what is expected, what to do."""

from __future__ import annotations

from typing import Any

from cyclopts import CoercionError, CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError
from cyclopts.exceptions import RepeatArgumentError

__all__ = ["explain"]

_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def explain(error: CycloptsError) -> str:
    """Return the sentence about a user's mistake, that of an InputError where a method's validation raised one."""
    from pydantic import ValidationError

    error.verbose = False
    if isinstance(error.__cause__, ValidationError):
        return str(error.__cause__.errors()[0]["ctx"]["error"])
    match error:
        case MissingArgumentError():
            return _missing(error)
        case UnusedCliTokensError():
            return _unused(error)
        case RepeatArgumentError():
            return f"{error.token.keyword} is given more than once: give it once."
        case UnknownOptionError() if "Did you mean" not in str(error):
            return f"{str(error).rstrip('.')}; {_help(error)} shows those that there are."
        case CoercionError() if error.token is not None and error.target_type in _KINDS:
            return _not_converted(error)
    return str(error)


def _missing(error: MissingArgumentError) -> str:
    assert error.argument is not None
    name = error.keyword or error.argument.name
    if not name.startswith("-"):
        return f"{name.upper()} is missing; {_help(error)} shows what the command takes."
    count = error.argument.token_count()[0]
    values = "a value" if count == 1 else f"{count} values"
    given = f" and {len(error.tokens_so_far)} was given" if error.tokens_so_far else ""
    return f"{name} needs {values}{given}; {_help(error)} says which."


def _unused(error: UnusedCliTokensError) -> str:
    """Return the sentence about words that belong to no option; a method's name is often meant as one."""
    from fourfold.methods.registry import methods

    unused = error.unused_tokens or []
    words = " ".join(f"'{word}'" for word in unused)
    method = next((word for word in unused if word in methods()), None)
    if method is not None and error.app is not None and "--method" in _options(error):
        return f"{words} is not an option: name a method with --method {method}."
    return f"{words} belongs to no option; {_help(error)} shows what the command takes."


def _options(error: CycloptsError) -> set[str]:
    assert error.app is not None
    return {name for argument in error.app.assemble_argument_collection() for name in argument.names}


def _not_converted(error: CoercionError) -> str:
    assert error.token is not None
    name = (error.token.keyword or "").strip("[]") or (error.argument.name if error.argument is not None else "A value")
    source = f" in {error.token.source}" if error.token.source not in ("", "cli") else ""
    kind: Any = error.target_type
    return f"{name}{source} is '{error.token.value}'; it must be {_KINDS[kind]}."


def _help(error: CycloptsError) -> str:
    command = "fourfold" if error.app is None else error.app.name[0]
    return f"'{command} --help'"
