"""Settings from a YAML file, on top of a published training that ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from fourfold.errors import InputError, nearest

__all__ = ["preset", "presets", "read_settings"]

_FOLDER = files("fourfold.training") / "presets"


def presets() -> list[str]:
    """Return the names of the published trainings."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


def preset(name: str) -> dict[str, Any]:
    """Return the settings of a published training, all but the data; InputError for one that does not exist."""
    known = presets()
    if name not in known:
        raise InputError(f"There is no preset '{name}'; known are {', '.join(known)}.{nearest(str(name), known)}")
    content: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def read_settings(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the settings in a YAML file.

    Where it names a ``preset``, these are the preset's settings with the file's on top: mappings are joined name by
    name, everything else is replaced.

    Raises
    ------
    InputError
        When the file is missing, is not YAML, or holds no names with values.
    """
    path = Path(path)
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The settings file '{path}' cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The settings file '{path}' is not valid YAML: {error}.") from None
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InputError(f"The settings file '{path}' holds no names with values; write lines such as 'batch_size: 8'.")
    return _joined(preset(given.pop("preset")), given) if "preset" in given else given


def _joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = _joined(old, value) if isinstance(old, Mapping) and _same_kind(old, value) else value
    return both


def _same_kind(old: Mapping[str, Any], value: Any) -> bool:
    """Return whether settings may go on top of others: another kind of network or optimiser has others."""
    return isinstance(value, Mapping) and value.get("kind", old.get("kind")) == old.get("kind")
