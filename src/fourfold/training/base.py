"""What all settings of a training have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings", "by_kind"]


class Settings(BaseModel):
    """Typed, frozen, and without room for names that mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def by_kind(value: Any) -> Any:
    """Return ``{"kind": name}`` for a name alone, and anything else as it is."""
    return {"kind": value} if isinstance(value, str) else value
