"""Settings from a YAML file, on top of a published training that ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from fourfold.errors import InputError, nearest, short_repr
from fourfold.files.documents import read_settings as read_file

__all__ = ["joined", "preset", "presets", "read_settings", "with_preset"]

_FOLDER = files("fourfold.training") / "presets"


def presets() -> list[str]:
    """Return the names of the published trainings."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


def preset(name: str) -> dict[str, Any]:
    """Return the settings of a published training, all but the data; InputError for one that does not exist."""
    known = presets()
    if name not in known:
        hint = nearest(str(name), known)
        raise InputError(f"There is no preset {short_repr(name)}; known are {', '.join(known)}.{hint}")
    content: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def read_settings(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the settings in a YAML or TOML file.

    Where it names a ``preset``, these are the preset's settings with the file's on top, see `with_preset`.

    Raises
    ------
    InputError
        When the file is missing, is not valid, gives a name twice, or holds no names with values.
    """
    return with_preset(read_file(Path(path)))


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings on top of those of the ``preset`` that they name, if any; InputError for an unknown one."""
    own = {name: value for name, value in given.items() if name != "preset"}
    return joined(preset(given["preset"]), own) if "preset" in given else own


def joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both settings: mappings are joined name by name, everything else above replaces what is below."""
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = joined(old, value) if isinstance(old, Mapping) and _same_kind(old, value) else value
    return both


def _same_kind(old: Mapping[str, Any], value: Any) -> bool:
    """Return whether settings may go on top of others: another kind of network or optimiser has others."""
    return isinstance(value, Mapping) and value.get("kind", old.get("kind")) == old.get("kind")
