"""Scanner, sequence, patient and study in a twix file's protocol."""

from __future__ import annotations

from typing import Any

from fourfold.formats.header_values import fitting
from fourfold.formats.twix.measurements import ProtocolText
from fourfold.scan import Identity, Protocol

__all__ = ["MOST_CONTRASTS", "THREE_DIMENSIONAL", "facts_of", "identity_of", "protocol_of"]

MOST_CONTRASTS = 128
BUFFERS = ("Dicom", "Meas", "Config")
TEXTS = {
    "model": "ManufacturersModelName",
    "software": "SoftwareVersions",
    "institution": "InstitutionName",
    "patient_position": "tPatientPosition",
    "body_part": "tBodyPartExamined",
}
IDENTITY = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "birth_date": "PatientBirthDay",
    "study_description": "tStudyDescription",
    "frame_of_reference_uid": "FrameOfReference",
}
SEXES = {"1": "F", "2": "M", "3": "O"}
INVERSION_PULSES = (1, 2)
"""Codes of protocols with an inversion pulse; an inversion time stands in the protocol of every scan."""
THREE_DIMENSIONAL = 4


def protocol_of(text: ProtocolText) -> tuple[Protocol, tuple[str, ...]]:
    """Return scanner and sequence, and notes on values that were left out."""
    values: dict[str, Any] = {"vendor": "SIEMENS", **_texts(text, TEXTS)}
    strength = text.parameter_numbers("flMagneticFieldStrength", *BUFFERS)
    values["field_strength"] = strength[0] if strength else text.number("sProtConsistencyInfo.flNominalB0")
    frequency = text.number("sTXSPEC.asNucleusInfo[0].lFrequency")
    values["frequency"] = frequency / 1e6 if frequency else None
    values["nucleus"] = text.values.get("sTXSPEC.asNucleusInfo[0].tNucleus")
    values["protocol"] = text.values.get("tProtocolName")
    values["sequence"] = text.values.get("tSequenceFileName", "").replace("\\", "/").rpartition("/")[2] or None
    values["acquisition"] = "3D" if text.number("sKSpace.ucDimension") == THREE_DIMENSIONAL else "2D"
    contrasts = max(1, min(MOST_CONTRASTS, int(text.number("lContrasts", 1) or 1)))
    values["repetition_times"] = _milliseconds(text.numbers("alTR", 1))
    values["echo_times"] = _milliseconds(text.numbers("alTE", contrasts))
    if text.number("sPrepPulses.ucInversion", 0) in INVERSION_PULSES:
        values["inversion_times"] = _milliseconds(text.numbers("alTI", 1))
    flip = text.number("adFlipAngleDegree[0]")
    values["flip_angles"] = (flip,) if flip else ()
    averages = text.number("lAverages")
    values["averages"] = int(averages) if averages and averages >= 1 else None
    factors = [text.number(f"sPat.{name}", 1) or 1 for name in ("lAccelFactPE", "lAccelFact3D")]
    values["parallel_acceleration"] = tuple(factors)
    return fitting(Protocol, values, "protocol")


def identity_of(text: ProtocolText) -> tuple[Identity, tuple[str, ...]]:
    """Return patient and study, and notes on values that were left out."""
    values: dict[str, Any] = _texts(text, IDENTITY)
    # Anonymised files have an x in the place of every character.
    values = {name: value for name, value in values.items() if value.strip("xX")}
    sex = text.parameter("PatientSex", *BUFFERS)
    values["sex"] = SEXES.get(sex[0]) if sex else None
    weight = text.parameter_numbers("flUsedPatientWeight", *BUFFERS)
    values["weight"] = weight[0] if weight and weight[0] > 0 else None
    return fitting(Identity, values, "identity")


def facts_of(protocol: Protocol) -> dict[str, Any]:
    """Return the facts that a scan's `Source` has of its protocol."""
    known = protocol.summary()
    return {name: known[name] for name in ("vendor", "model", "software", "sequence") if name in known}


def _texts(text: ProtocolText, names: dict[str, str]) -> dict[str, Any]:
    found = {name: " ".join(text.parameter(parameter, *BUFFERS)).strip() for name, parameter in names.items()}
    return {name: value for name, value in found.items() if value}


def _milliseconds(microseconds: list[float]) -> tuple[float, ...]:
    return tuple(time / 1000 for time in microseconds) if all(microseconds) else ()
