"""Base class of all training settings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings", "by_kind"]


class Settings(BaseModel):
    """Typed, frozen settings; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def by_kind(value: Any) -> Any:
    """Return ``{"kind": name}`` for a string, and any other value unchanged."""
    return {"kind": value} if isinstance(value, str) else value
