"""YAML, TOML and JSON, read strictly: duplicate names and files that would fill the memory are refused.

Also converts values to JSON types.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fourfold.errors import InputError, short_repr
from fourfold.files.input import read_text

__all__ = ["parse_json", "plain", "read_json", "read_settings", "read_yaml"]

# Values that a file may stand for once its aliases are followed.
_MOST_VALUES = 100_000


def read_settings(path: Path) -> dict[str, Any]:
    """Return the names and values of a YAML or TOML file (by its suffix).

    Raises
    ------
    InputError
        When the file is missing, is not valid, gives a name twice, or holds no names with values.
    """
    settings = _parsed(tomllib.loads, path, "TOML") if path.suffix.lower() == ".toml" else read_yaml(path)
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise InputError(f"The file '{path}' holds no names with values; write lines such as 'weight: 0.01'.")
    return settings


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file; raises InputError as `read_settings` does."""
    return _parsed(_yaml, path, "YAML")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; raises InputError as `read_settings` does."""
    return _parsed(_json, path, "JSON")


def parse_json(text: str | bytes, what: str) -> Any:
    """Return the content of JSON text; `what` is the subject of the InputError's sentence."""
    return _explained(_json, text, what, "JSON")


def _parsed(parse: Callable[[str], Any], path: Path, language: str) -> Any:
    return _explained(parse, read_text(path), f"The file '{path}'", language)


def _explained(parse: Callable[[Any], Any], text: str | bytes, what: str, language: str) -> Any:
    try:
        return parse(text)
    except RecursionError:
        raise InputError(f"{what} is not valid {language}: it is nested too deeply; flatten it.") from None
    # YAMLError is no ValueError, but invalid dates and numbers raise one.
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{what} is not valid {language}: {reason}; correct it.") from None


def _json(text: str | bytes) -> Any:
    return json.loads(text, object_pairs_hook=_without_duplicates)


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"the name {short_repr(name)} is given twice")
        values[name] = value
    return values


def _yaml(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_nodes(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_nodes(root: yaml.Node) -> None:
    """Refuse names that are given twice, and aliases that are circular or expand to very many values."""
    waiting, count = [root], 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ValueError(f"with its aliases it stands for more than {_MOST_VALUES:,} values")
        if isinstance(node, yaml.MappingNode):
            _check_names([key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _check_names(keys: Sequence[yaml.ScalarNode]) -> None:
    earlier: set[str] = set()
    for key in keys:
        if key.value in earlier:
            line = key.start_mark.line + 1
            raise ValueError(f"the name {short_repr(key.value)} is given twice, again in line {line}")
        earlier.add(key.value)


def plain(value: Any) -> Any:
    """Return `value` as JSON types: NumPy numbers and arrays unpacked, bytes decoded, NaN as None."""
    # Loaded here, since the help does not need it.
    import numpy as np

    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str | None) else str(value)
