"""The base of everything that holds settings of a method: frozen, typed, validated once."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

__all__ = ["MethodSettings", "name_in_record"]


class MethodSettings(BaseModel):
    """Settings of a method, or a part of them that several methods share.

    A part stands before the base method: ``class ModelBasedMethod(CoilMapSettings, Method)``. Its settings are settings
    of the method like any other, under the same flat names in flags, files and records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false for a number, which pydantic would take for 1 and 0."""
        assert info.field_name is not None
        annotation = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise ValueError("Input should not be yes or no")
        return value


def name_in_record(value: Any) -> str | None:
    """Return what the record says of a setting that is a name, a function, a class or an object."""
    if value is None or isinstance(value, str):
        return value
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
