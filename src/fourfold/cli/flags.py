"""Makes a command's flags from its types, and takes the same names from a settings file."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_type_hints

from cyclopts import App, Group, Parameter
from cyclopts.config import Dict

from fourfold.documents import read_settings
from fourfold.errors import InputError, shown

__all__ = ["DATA", "METHODS", "OUTPUT", "Flag", "MethodName", "Tokens", "new_app", "run"]

METHODS = Group("Methods", sort_key=0)
DATA = Group("Data", sort_key=1)
OUTPUT = Group("Output", sort_key=2)

Flag: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
"""A switch that is off unless given."""

MethodName: TypeAlias = Annotated[str | None, Parameter(alias="-m", group=METHODS)]

_SettingsFile: TypeAlias = Annotated[
    Path | None,
    Parameter(
        group=METHODS, help="YAML or TOML file that gives any of these options by the same names; flags win over it."
    ),
]

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

    A command of two words has ``_`` between them in the names of its function and module.

    The method and the settings file are looked for first, because the other flags follow from them. Where the function
    has a parameter `own`, ``own_type(method)`` in the same module gives its type.
    """
    first_look = new_app(name, default_command=_first_look, help_flags=[], version_flags=[])
    looked = first_look.parse_known_args(tokens)[1].arguments
    file = looked.get("settings")
    given = read_settings(file) if file else {}
    method = looked.get("method", given.get("method"))
    if not isinstance(method, str | None):
        raise InputError(f"The method in '{file}' is {shown(method)}; write a name such as 'method: tv'.")
    identifier = name.replace(" ", "_")
    module = importlib.import_module(f"fourfold.cli.{identifier}")
    types = {}
    if hasattr(module, "own_type"):
        types["own"] = module.own_type(method)
    app = new_app(
        f"fourfold {name}",
        default_command=_with_settings_file(getattr(module, identifier), types),
        config=Dict(given, source=f"'{file}'", use_commands_as_keys=False),
        version_flags=[],
    )
    app["--help"].show = False
    app(tokens)


def _first_look(*, method: MethodName = None, settings: _SettingsFile = None) -> None:
    """Take the two options that decide on the others."""


def _with_settings_file(function: Callable[..., None], types: dict[str, Any]) -> Callable[..., None]:
    """Return `function` with the further flag ``--settings`` and with the `types` of some parameters replaced."""

    @wraps(function)
    def command(*arguments: Any, settings: Path | None = None, **options: Any) -> None:  # noqa: ARG001  # read before
        function(*arguments, **options)

    flag = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = inspect.signature(function).parameters.values()
    command.__signature__ = inspect.Signature([*parameters, flag])  # type: ignore[attr-defined]
    hints = get_type_hints(function, include_extras=True)
    command.__annotations__ = {**hints, **types, "settings": _SettingsFile}
    return command
