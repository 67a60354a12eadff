"""Makes a command's flags from its types, and reads the same names from a settings file."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeAlias, get_type_hints

from cyclopts import App, Group, Parameter
from cyclopts.config import Dict

from fourfold.errors import InputError, short_repr
from fourfold.files.documents import read_settings

__all__ = ["DATA", "METHODS", "OUTPUT", "Flag", "MethodName", "SettingsFile", "Tokens", "module_of", "new_app", "run"]

METHODS = Group("Methods", sort_key=0)
DATA = Group("Data", sort_key=1)
OUTPUT = Group("Output", sort_key=2)

Flag: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
"""A switch that is off unless given."""

MethodName: TypeAlias = Annotated[str | None, Parameter(alias="-m", group=METHODS)]

SettingsFile: TypeAlias = Annotated[
    Path | None,
    Parameter(
        group=Group("Settings", sort_key=4),
        help="YAML or TOML file that gives any of these options by the same names; flags win over it.",
    ),
]
"""Of a command that takes its options from a file too; the command sees the path, `run` reads the file."""

Tokens: TypeAlias = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
"""What follows a command, flags included."""


def new_app(name: str, **options: Any) -> App:
    """Return an application that raises its errors instead of printing them."""
    return App(
        name=name,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        verbose=False,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative_iterable=""),
        **options,
    )


def run(name: str, /, *tokens: Tokens) -> None:
    """Run the command `name`, the function of that name in `fourfold.cli.<name>`, on `tokens`.

    A command of two words is in the module ``<first word>_branches``; its function has ``_`` between them.

    The method and the settings file are looked for first, because the other flags follow from them. Where the function
    has a parameter `method_settings`, ``settings_type(method)`` in the same module gives its type.
    """
    identifier = name.replace(" ", "_")
    module = module_of(name)
    function = getattr(module, identifier)
    parameters = inspect.signature(function).parameters
    first_look = _first_look_at(name, tokens)
    file = first_look.get("settings") if "settings" in parameters else None
    given = read_settings(file) if file else {}
    method = first_look.get("method", given.get("method"))
    if not isinstance(method, str | None):
        raise InputError(f"The method in '{file}' is {short_repr(method)}; write a name such as 'method: tv'.")
    app = new_app(
        f"fourfold {name}",
        default_command=_with_settings_type(function, module.settings_type(method))
        if "method_settings" in parameters
        else function,
        config=Dict(given, source=f"'{file}'", use_commands_as_keys=False),
        version_flags=[],
    )
    app["--help"].show = False
    app(tokens)


def module_of(name: str) -> ModuleType:
    """Return the module of a command."""
    return importlib.import_module(
        f"fourfold.cli.{name.split()[0]}_branches" if " " in name else f"fourfold.cli.{name}"
    )


def _first_look_at(name: str, tokens: Sequence[str]) -> Mapping[str, Any]:
    """Return the method and the settings file among the `tokens`."""
    app = new_app(name, default_command=_first_look, help_flags=[], version_flags=[])
    return app.parse_known_args(tokens)[1].arguments


def _first_look(*, method: MethodName = None, settings: SettingsFile = None) -> None:
    """Take the two options that the others depend on."""


def _with_settings_type(function: Callable[..., None], kind: Any) -> Callable[..., None]:
    """Return `function` whose parameter `method_settings` is of type `kind`."""

    @wraps(function)
    def command(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)

    command.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    command.__annotations__ = {**get_type_hints(function, include_extras=True), "method_settings": kind}
    return command
