"""Writes the ISMRMRD XML header, with its elements in the order that the schema demands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from fourfold.formats.lines.encoding import Encoding, Limits, Size, Vector
from fourfold.formats.lines.ramp import Ramp
from fourfold.formats.mrd.header import RAMP, SHOWN
from fourfold.scan import Protocol

__all__ = ["write_header"]

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
TRAJECTORIES = ("cartesian", "epi", "radial", "goldenangle", "spiral")
CALIBRATION_MODES = ("embedded", "interleaved", "separate", "external")
SYSTEM = (
    ("systemVendor", "vendor"),
    ("systemModel", "model"),
    ("systemFieldStrength_T", "field_strength"),
    ("institutionName", "institution"),
    ("stationName", "station"),
)
SEQUENCE = (
    ("TR", "repetition_times"),
    ("TE", "echo_times"),
    ("TI", "inversion_times"),
    ("flipAngle_deg", "flip_angles"),
)


def write_header(encodings: Sequence[Encoding], protocol: Protocol | None = None) -> bytes:
    """Return the XML header of these encodings, with what the schema demands; it names no patient.

    Parameters
    ----------
    encodings
        One or more.
    protocol
        Scanner and sequence.
    """
    known = protocol or Protocol()
    root = Element("ismrmrdHeader", xmlns=NAMESPACE)
    if known.body_part is not None:
        _add(SubElement(root, "studyInformation"), "bodyPartExamined", known.body_part)
    if known.patient_position is not None:
        measurement = SubElement(root, "measurementInformation")
        _add(measurement, "patientPosition", known.patient_position)
        _add(measurement, "protocolName", known.protocol)
        _add(measurement, "sequenceName", known.sequence)
    if any(getattr(known, name) is not None for _, name in SYSTEM):
        system = SubElement(root, "acquisitionSystemInformation")
        for tag, name in SYSTEM:
            _add(system, tag, getattr(known, name))
    frequency = round(known.frequency * 1e6) if known.frequency else 0
    _add(SubElement(root, "experimentalConditions"), "H1resonanceFrequency_Hz", frequency)
    for encoding in encodings:
        _write_encoding(SubElement(root, "encoding"), encoding, known)
    _write_sequence(root, known)
    shown = next((encoding.shown for encoding in encodings if encoding.shown is not None), None)
    if shown is not None:
        parameters = SubElement(root, "userParameters")
        for name, size in zip(SHOWN, shown, strict=True):
            _write_parameter(parameters, "userParameterLong", name, size)
    xml: bytes = ElementTree.tostring(root, xml_declaration=True, encoding="utf-8")
    return xml


def _write_encoding(element: Element, encoding: Encoding, protocol: Protocol) -> None:
    spaces = (
        ("encodedSpace", encoding.matrix, encoding.field_of_view),
        ("reconSpace", encoding.recon_matrix, encoding.recon_field_of_view),
    )
    for name, matrix, field_of_view in spaces:
        space = SubElement(element, name)
        _write_vector(space, "matrixSize", matrix)
        _write_vector(space, "fieldOfView_mm", field_of_view)
    limits = SubElement(element, "encodingLimits")
    for name, step in (("kspace_encoding_step_1", encoding.lines), ("kspace_encoding_step_2", encoding.partitions)):
        if step is not None:
            _write_limits(SubElement(limits, name), step)
    trajectory = encoding.trajectory if encoding.trajectory in TRAJECTORIES else "other"
    _add(element, "trajectory", trajectory)
    if encoding.ramp is not None:
        _write_ramp(SubElement(element, "trajectoryDescription"), encoding.ramp)
    if encoding.calibration_mode is not None:
        parallel = SubElement(element, "parallelImaging")
        factors = SubElement(parallel, "accelerationFactor")
        known = (*protocol.parallel_acceleration, 1, 1)
        for number, factor in zip((1, 2), known, strict=False):
            _add(factors, f"kspace_encoding_step_{number}", max(1, round(factor)))
        mode = encoding.calibration_mode if encoding.calibration_mode in CALIBRATION_MODES else "other"
        _add(parallel, "calibrationMode", mode)


def _write_limits(element: Element, limits: Limits) -> None:
    for tag, value in (("minimum", limits.minimum), ("maximum", limits.maximum), ("center", limits.centre)):
        _add(element, tag, value)


def _write_ramp(element: Element, ramp: Ramp) -> None:
    """Write the readout gradient as `parse_header` reads it; MRD has whole microseconds for all but the dwell time."""
    _add(element, "identifier", "ConventionalEPI")
    values = dict(zip(RAMP, (ramp.rise, ramp.flat, ramp.fall, ramp.delay, ramp.dwell), strict=True))
    for name, value in values.items():
        if name != RAMP[-1] and value == int(value):
            _write_parameter(element, "userParameterLong", name, int(value))
    for name, value in values.items():
        if name == RAMP[-1] or value != int(value):
            _write_parameter(element, "userParameterDouble", name, value)


def _write_sequence(root: Element, protocol: Protocol) -> None:
    if not any(getattr(protocol, name) for _, name in SEQUENCE) and protocol.echo_spacing is None:
        return
    sequence = SubElement(root, "sequenceParameters")
    for tag, name in SEQUENCE:
        for value in getattr(protocol, name):
            _add(sequence, tag, value)
    _add(sequence, "echo_spacing", protocol.echo_spacing)


def _write_parameter(element: Element, tag: str, name: str, value: Any) -> None:
    parameter = SubElement(element, tag)
    _add(parameter, "name", name)
    _add(parameter, "value", value)


def _write_vector(parent: Element, name: str, values: Size | Vector) -> None:
    vector = SubElement(parent, name)
    for axis, value in zip("xyz", values, strict=True):
        _add(vector, axis, value)


def _add(element: Element, tag: str, value: Any) -> None:
    """Add an element with a value, unless that is not known."""
    if value is not None:
        SubElement(element, tag).text = str(value)
