"""What of a method and its weights decides on the meaning of its standard deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fourfold.files.documents import plain

__all__ = ["deciding_settings", "weights_of"]

NOT_DECIDING = ("seed", "gpu_memory")
"""Settings by which images differ as by other random numbers or rounding alone."""
NAMES_OF_WEIGHTS = ("denoiser", "weights")
"""Settings that name weights, by name or folder; their hash says which they are."""


def deciding_settings(settings: Mapping[str, Any], weights: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that decide on images and standard deviations beside the `weights`, JSON types."""
    left_out = (*NOT_DECIDING, *(NAMES_OF_WEIGHTS if weights else ()))
    kept: dict[str, Any] = plain({name: value for name, value in settings.items() if name not in left_out})
    return kept


def weights_of(details: Mapping[str, Any]) -> dict[str, str]:
    """Return name and SHA-256 of the weights that a record's details name; empty without any."""
    known = details.get("weights")
    if not isinstance(known, Mapping) or "sha256" not in known:
        return {}
    return {"name": str(known.get("name", "")), "sha256": str(known["sha256"])}
