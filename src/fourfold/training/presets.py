"""Presets of published trainings, and settings files that build on them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from fourfold.errors import InputError, nearest, short_repr
from fourfold.files.documents import read_settings as read_file

__all__ = ["merged", "preset", "presets", "read_settings", "with_preset"]

_FOLDER = files("fourfold.training") / "presets"


def presets() -> list[str]:
    """Return the names of the presets."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))


def preset(name: str) -> dict[str, Any]:
    """Return the settings of a preset, without the data's sources; raises InputError for an unknown name."""
    names = presets()
    if name not in names:
        hint = nearest(str(name), names)
        raise InputError(f"There is no preset {short_repr(name)}; choose one of {', '.join(names)}.{hint}")
    content: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def read_settings(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the settings in a YAML or TOML file.

    Settings in the file override those of its ``preset``, see `with_preset`.

    Raises
    ------
    InputError
        When the file is missing or invalid, or gives a name twice.
    """
    return with_preset(read_file(Path(path)))


def with_preset(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings merged into those of their ``preset``, if any; raises InputError for an unknown preset."""
    overrides = {name: value for name, value in settings.items() if name != "preset"}
    return merged(preset(settings["preset"]), overrides) if "preset" in settings else overrides


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `overrides`: mappings are merged name by name, all other values are replaced."""
    result = dict(base)
    for name, value in overrides.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, Mapping) and _same_kind(old, value) else value
    return result


def _same_kind(old: Mapping[str, Any], value: Any) -> bool:
    """Return whether two mappings are of one kind; another kind of network or optimiser has other settings."""
    return isinstance(value, Mapping) and value.get("kind", old.get("kind")) == old.get("kind")
