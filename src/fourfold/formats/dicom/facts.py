"""Protocol and identity in the attributes of a DICOM image."""

from __future__ import annotations

import math
from typing import Any

from fourfold.formats.header_values import fitting
from fourfold.scan import Identity, Protocol

__all__ = ["ACQUISITION_EQUIPMENT", "identity_of", "protocol_of"]

ACQUISITION_EQUIPMENT = "109101"
"""DICOM's code of the purpose for which contributing equipment is named."""
IDENTITY = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "weight": "PatientWeight",
    "study_uid": "StudyInstanceUID",
    "frame_of_reference_uid": "FrameOfReferenceUID",
    "study_id": "StudyID",
    "accession_number": "AccessionNumber",
    "study_description": "StudyDescription",
    "referring_physician": "ReferringPhysicianName",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "series_description": "SeriesDescription",
}
SCANNER = {
    "vendor": "Manufacturer",
    "model": "ManufacturerModelName",
    "station": "StationName",
    "institution": "InstitutionName",
    "software": "SoftwareVersions",
}
TEXTS = {
    "coil": "ReceiveCoilName",
    "nucleus": "ImagedNucleus",
    "protocol": "ProtocolName",
    "sequence": "SequenceName",
    "body_part": "BodyPartExamined",
    "patient_position": "PatientPosition",
    "acquisition": "MRAcquisitionType",
}
NUMBERS = {
    "field_strength": "MagneticFieldStrength",
    "frequency": "ImagingFrequency",
    "bandwidth": "PixelBandwidth",
}
SERIES = {
    "repetition_times": "RepetitionTime",
    "echo_times": "EchoTime",
    "inversion_times": "InversionTime",
    "flip_angles": "FlipAngle",
}


def protocol_of(header: Any) -> Protocol:
    """Return what a data set says of scanner and sequence; values that make no sense are not known."""
    values: dict[str, Any] = {name: _text(_scanner(header), keyword) for name, keyword in SCANNER.items()}
    values.update({name: _text(header, keyword) for name, keyword in TEXTS.items()})
    values.update({name: _number(header, keyword) for name, keyword in NUMBERS.items()})
    for name, keyword in SERIES.items():
        number = _number(header, keyword)
        values[name] = () if number is None else (number,)
    protocol: Protocol = fitting(Protocol, values, "protocol")[0]
    return protocol


def identity_of(header: Any) -> tuple[Identity, tuple[str, ...]]:
    """Return what a data set says of patient and study, and a note on what was left out, which does not quote it."""
    values: dict[str, Any] = {name: _text(header, keyword) for name, keyword in IDENTITY.items()}
    values["weight"] = _number(header, IDENTITY["weight"])
    return fitting(Identity, values, "identity")


def _scanner(header: Any) -> Any:
    """Return where the scanner is described: an image that other software made names it as contributing equipment."""
    for equipment in header.get("ContributingEquipmentSequence", None) or ():
        purposes = equipment.get("PurposeOfReferenceCodeSequence", None) or ()
        if any(purpose.get("CodeValue", None) == ACQUISITION_EQUIPMENT for purpose in purposes):
            return equipment
    return header


def _text(header: Any, keyword: str) -> str | None:
    return str(header.get(keyword, None) or "").strip() or None


def _number(header: Any, keyword: str) -> float | None:
    try:
        value = float(header.get(keyword, None))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
