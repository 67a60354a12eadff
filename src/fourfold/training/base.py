"""What all settings of trainings and studies share."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fourfold.metrics import find_metric

__all__ = ["MetricNames", "Settings", "by_kind"]


class Settings(BaseModel):
    """Typed, frozen settings; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def by_kind(value: Any) -> Any:
    """Return ``{"kind": name}`` for a string, and any other value unchanged."""
    return {"kind": value} if isinstance(value, str) else value


def _known_metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        find_metric(name)
    return names


MetricNames: TypeAlias = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_metrics)]
"""Names of one metric or more; unknown ones are refused."""
