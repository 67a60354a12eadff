"""Values as the words and figures that a reader sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fourfold.studies.scores import format_number

__all__ = ["decimal", "labels", "number", "pairs", "sampling_words"]

FEW = 12
"""Lists up to this length are written out."""


def number(value: float, digits: int = 4) -> str:
    """Return a number with so many significant digits."""
    if not math.isfinite(value):
        return decimal(value, 0)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{digits}g}"


def decimal(value: float, places: int) -> str:
    """Return a number with so many decimals, and a dash where there is none."""
    return format_number(value, f".{places}f")


def pairs(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return nested facts of JSON types as flat pairs of name and text; empty ones are left out."""
    flat: list[tuple[str, str]] = []
    for name, value in facts.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            flat += [(f"{words}: {inner}", shown) for inner, shown in pairs(value)]
        elif value is not None and value != "":
            flat.append((words, _words(value)))
    return flat


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown}" for name, shown in pairs(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, 6)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > FEW:
            return f"{_words(value[0])} … {_words(value[-1])} ({len(value)} values)"
        return ", ".join(_words(item) for item in value) or "none"
    return str(value)


def sampling_words(summary: Mapping[str, Any]) -> str:
    """Return a sampling's summary in a few words: kind, realised and target acceleration."""
    if "acceleration" not in summary:
        return "not recorded"
    acceleration = summary["acceleration"]
    if acceleration == 1:
        return "fully sampled"
    target = summary.get("target_acceleration")
    aim = f" (target {number(target)}×)" if target is not None else ""
    return f"{summary.get('kind', 'acquired')}, {acceleration:.2f}×{aim}"


def labels(names: Sequence[str], settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return distinct labels: names that occur again are told apart by the settings in which they differ."""
    result: list[str] = []
    for name, chosen in zip(names, settings, strict=True):
        alike = [other for twin, other in zip(names, settings, strict=True) if twin == name]
        differing = [key for key in chosen if any(other.get(key) != chosen[key] for other in alike)]
        label = name
        if differing:
            label += " (" + ", ".join(f"{key} {_words(chosen[key])}" for key in differing) + ")"
        earlier = sum(known == label or known.startswith(f"{label} no. ") for known in result)
        result.append(f"{label} no. {earlier + 1}" if earlier else label)
    return result
