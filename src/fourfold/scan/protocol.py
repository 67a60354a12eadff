"""How a scan was acquired: scanner and protocol values, as raw files give them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Protocol"]

# Names of the facts in `Source.details`, by the field that holds them.
FACTS = {
    "vendor": "vendor",
    "model": "model",
    "field_strength_T": "field_strength_T",
    "patient_position": "patient_position",
    "name": "protocol",
    "sequence": "sequence",
    "repetition_times_ms": "TR_ms",
    "echo_times_ms": "TE_ms",
    "inversion_times_ms": "TI_ms",
    "flip_angles_deg": "flip_angle_deg",
}


@dataclass(frozen=True)
class Protocol:
    """Scanner and protocol values; None or empty where the raw file gives none.

    Attributes
    ----------
    vendor, model
        Of the scanner.
    field_strength_T
        Its field in tesla.
    patient_position
        As in DICOM: ``HFS`` and so on.
    name, sequence
        Names of the protocol and of the sequence.
    repetition_times_ms, echo_times_ms, inversion_times_ms
        In milliseconds; the echo times are those of the label ``contrast``.
    flip_angles_deg
        In degrees.
    """

    vendor: str | None = None
    model: str | None = None
    field_strength_T: float | None = None  # noqa: N815  # the unit's name
    patient_position: str | None = None
    name: str | None = None
    sequence: str | None = None
    repetition_times_ms: tuple[float, ...] = ()
    echo_times_ms: tuple[float, ...] = ()
    inversion_times_ms: tuple[float, ...] = ()
    flip_angles_deg: tuple[float, ...] = ()

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Protocol:
        """Return the values that are among the `details` of a scan's `Source`; those of another type are left out."""
        known: dict[str, Any] = {}
        for field, fact in FACTS.items():
            value = details.get(fact)
            if field.endswith(("_ms", "_deg")):
                known[field] = tuple(float(each) for each in _as_list(value) if _is_number(each))
            elif field == "field_strength_T":
                known[field] = float(value) if _is_number(value) else None
            else:
                known[field] = value if isinstance(value, str) and value else None
        return cls(**known)

    def echo_time_ms(self, contrast: int = 0) -> float | None:
        """Return the echo time of a contrast; where one time is given it is that of all."""
        if len(self.echo_times_ms) == 1:
            return self.echo_times_ms[0]
        return self.echo_times_ms[contrast] if 0 <= contrast < len(self.echo_times_ms) else None


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
