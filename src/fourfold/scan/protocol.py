"""How a scan was acquired: scanner and sequence, so far as the raw file says it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from fourfold.errors import InputError

__all__ = ["Protocol"]

TEXTS = (
    "vendor",
    "model",
    "software",
    "station",
    "institution",
    "coil",
    "nucleus",
    "protocol",
    "sequence",
    "body_part",
)
NUMBERS = (
    "field_strength",
    "frequency",
    "bandwidth",
    "echo_spacing",
)
SERIES = ("repetition_times", "echo_times", "inversion_times", "flip_angles", "parallel_acceleration")
COUNTS = ("averages", "echo_train_length")
UNITS = {
    "field_strength": "T",
    "frequency": "MHz",
    "bandwidth": "Hz_per_pixel",
    "echo_spacing": "ms",
    "repetition_times": "ms",
    "echo_times": "ms",
    "inversion_times": "ms",
    "flip_angles": "deg",
}
"""Units of the values that have one, as they stand in the names of `Protocol.summary`."""
POSITIONS = ("HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL")
"""Positions of patients in the scanner, as DICOM and MRD name them: head or feet first, supine, prone, on a side."""


@dataclass(frozen=True)
class Protocol:
    """Scanner and sequence. What a file does not say is None or empty.

    Attributes
    ----------
    vendor, model, software, station, institution
        The scanner: who made it, its model, software versions, name, and where it stands.
    field_strength, frequency
        In T; of the transmitter in MHz.
    coil
        Name of the receive coil.
    nucleus
        Such as ``1H``.
    protocol, sequence
        Names of the protocol and of the pulse sequence.
    body_part
        What was examined, such as ``HEAD``.
    patient_position
        ``HFS`` (head first, supine), ``FFP``, … as DICOM names them.
    acquisition
        ``2D`` (slices) or ``3D`` (volumes with a second phase encoding).
    repetition_times, echo_times, inversion_times
        In ms: TR, TE and TI, echo times in the order of the label ``contrast``.
    flip_angles
        In degrees.
    bandwidth
        Of the receiver, in Hz per pixel.
    averages, echo_train_length
        How often each line was acquired; lines after one excitation.
    echo_spacing
        Time between two echoes of a train in ms.
    parallel_acceleration
        Of parallel imaging, along the first and the second phase encoding.

    Raises
    ------
    InputError
        For numbers that are not finite, and for unknown positions of the patient.
    """

    vendor: str | None = None
    model: str | None = None
    software: str | None = None
    station: str | None = None
    institution: str | None = None
    field_strength: float | None = None
    frequency: float | None = None
    coil: str | None = None
    nucleus: str | None = None
    protocol: str | None = None
    sequence: str | None = None
    body_part: str | None = None
    patient_position: str | None = None
    acquisition: Literal["2D", "3D"] | None = None
    repetition_times: tuple[float, ...] = ()
    echo_times: tuple[float, ...] = ()
    inversion_times: tuple[float, ...] = ()
    flip_angles: tuple[float, ...] = ()
    bandwidth: float | None = None
    averages: int | None = None
    echo_train_length: int | None = None
    echo_spacing: float | None = None
    parallel_acceleration: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in (*NUMBERS, *COUNTS):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"The protocol's {name} is {value}; give a number from 0 on, or None where unknown.")
        for name in SERIES:
            values = getattr(self, name)
            if not isinstance(values, tuple) or not all(math.isfinite(value) for value in values):
                raise InputError(f"The protocol's {name} are {values}; give a tuple of numbers, empty where unknown.")
        for name in TEXTS:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(f"The protocol's {name} is {value!r}; give text, or None where unknown.")
        if self.patient_position not in (None, *POSITIONS):
            raise InputError(
                f"The patient's position is '{self.patient_position}'; give one of {', '.join(POSITIONS)}, or None "
                "where unknown."
            )
        if self.acquisition not in (None, "2D", "3D"):
            raise InputError(f"The acquisition is '{self.acquisition}'; give '2D' or '3D', or None where unknown.")

    def summary(self) -> dict[str, Any]:
        """Return what is known as JSON types, by names that end in the unit: ``echo_times_ms``."""
        known = {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, ())}
        return {
            f"{name}_{UNITS[name]}" if name in UNITS else name: list(value) if isinstance(value, tuple) else value
            for name, value in known.items()
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what is not known."""
        return tuple(name for name, value in dataclasses.asdict(self).items() if value in (None, ()))
