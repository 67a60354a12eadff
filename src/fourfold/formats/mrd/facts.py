"""Protocol and identity in the ISMRMRD XML header."""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element

from fourfold.formats.header_values import fitting
from fourfold.scan import Identity, Protocol

__all__ = ["identity_of", "protocol_of"]

TEXTS = {
    "vendor": "acquisitionSystemInformation/systemVendor",
    "model": "acquisitionSystemInformation/systemModel",
    "station": "acquisitionSystemInformation/stationName",
    "institution": "acquisitionSystemInformation/institutionName",
    "body_part": "studyInformation/bodyPartExamined",
    "protocol": "measurementInformation/protocolName",
    "sequence": "measurementInformation/sequenceName",
    "patient_position": "measurementInformation/patientPosition",
}
SERIES = {
    "repetition_times": "sequenceParameters/TR",
    "echo_times": "sequenceParameters/TE",
    "inversion_times": "sequenceParameters/TI",
    "flip_angles": "sequenceParameters/flipAngle_deg",
}
FIELD_STRENGTH = "acquisitionSystemInformation/systemFieldStrength_T"
FREQUENCY = "experimentalConditions/H1resonanceFrequency_Hz"
ECHO_SPACING = "sequenceParameters/echo_spacing"
FACTORS = "encoding/parallelImaging/accelerationFactor/kspace_encoding_step_"

IDENTITY = {
    "patient_name": "subjectInformation/patientName",
    "patient_id": "subjectInformation/patientID",
    "birth_date": "subjectInformation/patientBirthdate",
    "sex": "subjectInformation/patientGender",
    "weight": "subjectInformation/patientWeight_kg",
    "study_uid": "studyInformation/studyInstanceUID",
    "frame_of_reference_uid": "measurementInformation/frameOfReferenceUID",
    "study_id": "studyInformation/studyID",
    "accession_number": "studyInformation/accessionNumber",
    "study_description": "studyInformation/studyDescription",
    "referring_physician": "studyInformation/referringPhysicianName",
    "study_date": "studyInformation/studyDate",
    "study_time": "studyInformation/studyTime",
    "series_description": "measurementInformation/seriesDescription",
}


def protocol_of(root: Element) -> tuple[Protocol, tuple[str, ...]]:
    """Return what a header, without namespaces, says of scanner and sequence, and notes on what was left out."""
    values: dict[str, Any] = {name: _text(root, path) for name, path in TEXTS.items()}
    values.update({name: _numbers(root, path) for name, path in SERIES.items()})
    values["field_strength"] = _first(root, FIELD_STRENGTH)
    frequency = _first(root, FREQUENCY)
    values["frequency"] = frequency / 1e6 if frequency else None
    values["echo_spacing"] = _first(root, ECHO_SPACING)
    factors = [_first(root, f"{FACTORS}{step}") for step in (1, 2)]
    values["parallel_acceleration"] = tuple(factor for factor in factors if factor is not None)
    return fitting(Protocol, values, "protocol")


def identity_of(root: Element) -> tuple[Identity, tuple[str, ...]]:
    """Return what a header, without namespaces, says of patient and study, and notes on what was left out."""
    values: dict[str, Any] = {name: _text(root, path) for name, path in IDENTITY.items()}
    values["weight"] = _first(root, IDENTITY["weight"])
    for name in ("birth_date", "study_date"):
        values[name] = (values[name] or "").replace("-", "") or None
    values["study_time"] = (values["study_time"] or "").replace(":", "") or None
    return fitting(Identity, values, "identity")


def _text(root: Element, path: str) -> str | None:
    return (root.findtext(path) or "").strip() or None


def _numbers(root: Element, path: str) -> tuple[float, ...]:
    numbers = []
    for element in root.findall(path):
        try:
            value = float(element.text or "nan")
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            numbers.append(value)
    return tuple(numbers)


def _first(root: Element, path: str) -> float | None:
    numbers = _numbers(root, path)
    return numbers[0] if numbers else None
