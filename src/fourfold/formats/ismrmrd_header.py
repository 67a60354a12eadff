"""The ISMRMRD XML header, which MRD and fastMRI files share.

Inati et al., "ISMRM Raw data format", Magn Reson Med 77:411 (2017), https://doi.org/10.1002/mrm.26089; the schema is
`ismrmrd.xsd` of the ISMRMRD project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fourfold.errors import InputError

__all__ = ["Encoding", "Header", "Limits", "field_of_view_notes", "parse_header", "voxel_size", "write_header"]

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
Vector = tuple[float, float, float]
Size = tuple[int, int, int]

FACTS = {
    "vendor": "acquisitionSystemInformation/systemVendor",
    "model": "acquisitionSystemInformation/systemModel",
    "field_strength_T": "acquisitionSystemInformation/systemFieldStrength_T",
    "relative_receiver_noise_bandwidth": "acquisitionSystemInformation/relativeReceiverNoiseBandwidth",
    "patient_position": "measurementInformation/patientPosition",
    "protocol": "measurementInformation/protocolName",
    "TR_ms": "sequenceParameters/TR",
    "TE_ms": "sequenceParameters/TE",
    "TI_ms": "sequenceParameters/TI",
    "flip_angle_deg": "sequenceParameters/flipAngle_deg",
    "sequence": "sequenceParameters/sequence_type",
}
TEXT_FACTS = ("vendor", "model", "patient_position", "protocol", "sequence")


@dataclass(frozen=True)
class Limits:
    """First, last and centre index of an encoding step."""

    minimum: int
    maximum: int
    centre: int


@dataclass(frozen=True)
class Encoding:
    """One encoding space.

    Attributes
    ----------
    matrix, field_of_view
        Encoded grid (x, y, z) and its field of view in mm.
    recon_matrix, recon_field_of_view
        The same for the image that the scanner shows.
    trajectory
        ``cartesian``, ``epi``, ``radial``, …
    lines, partitions
        Limits of encoding steps 1 and 2, None where the header has none.
    calibration_mode
        ``embedded``, ``separate``, …, None where the header does not say.
    """

    matrix: Size
    field_of_view: Vector
    recon_matrix: Size
    recon_field_of_view: Vector
    trajectory: str
    lines: Limits | None
    partitions: Limits | None
    calibration_mode: str | None


@dataclass(frozen=True)
class Header:
    """The encodings, and facts about scanner and sequence as JSON types."""

    encodings: tuple[Encoding, ...]
    facts: dict[str, Any]


def parse_header(xml: bytes | str, path: Path) -> Header:
    """Return the header's content; raises InputError where it is no ISMRMRD header."""
    try:
        root = ElementTree.fromstring(xml)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        encodings = tuple(_encoding(element) for element in root.findall("encoding"))
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(
            f"The ISMRMRD header of '{path}' is damaged ({error}): convert the scanner's file again."
        ) from None
    if not encodings:
        raise InputError(f"The ISMRMRD header of '{path}' describes no encoding: convert the scanner's file again.")
    return Header(encodings, _facts(root))


def _facts(root: ElementTree.Element) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, path in FACTS.items():
        values = [element.text.strip() for element in root.findall(path) if element.text and element.text.strip()]
        if not values:
            continue
        if name in TEXT_FACTS:
            facts[name] = values[0]
        else:
            numbers = [float(value) for value in values]
            facts[name] = numbers[0] if len(numbers) == 1 else numbers
    return facts


def _encoding(element: ElementTree.Element) -> Encoding:
    return Encoding(
        matrix=_size(element, "encodedSpace"),
        field_of_view=_field_of_view(element, "encodedSpace"),
        recon_matrix=_size(element, "reconSpace"),
        recon_field_of_view=_field_of_view(element, "reconSpace"),
        trajectory=element.findtext("trajectory", "cartesian").strip().lower(),
        lines=_limits(element, "kspace_encoding_step_1"),
        partitions=_limits(element, "kspace_encoding_step_2"),
        calibration_mode=element.findtext("parallelImaging/calibrationMode"),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"it lacks encoding/{path}")
    return text


def _size(element: ElementTree.Element, space: str) -> Size:
    x, y, z = (int(_text(element, f"{space}/matrixSize/{axis}")) for axis in "xyz")
    return x, y, z


def _field_of_view(element: ElementTree.Element, space: str) -> Vector:
    x, y, z = (float(_text(element, f"{space}/fieldOfView_mm/{axis}")) for axis in "xyz")
    return x, y, z


def _limits(element: ElementTree.Element, step: str) -> Limits | None:
    limits = element.find(f"encodingLimits/{step}")
    if limits is None:
        return None
    return Limits(*(int(_text(limits, name)) for name in ("minimum", "maximum", "center")))


def voxel_size(matrix: Size, field_of_view: Vector) -> tuple[float | None, float | None, float | None]:
    """Return the voxel size in mm along the axes of a grid; None where the field of view is 0 or no number."""
    x, y, z = (
        whole / size if size > 0 and 0 < whole < math.inf else None
        for size, whole in zip(matrix, field_of_view, strict=True)
    )
    return x, y, z


def field_of_view_notes(encoding: Encoding) -> tuple[str, ...]:
    """Return what a reader must know of axes whose fields of view are not known."""
    notes = []
    encoded = voxel_size(encoding.matrix, encoding.field_of_view)
    shown = voxel_size(encoding.recon_matrix, encoding.recon_field_of_view)
    for axis, size, shown_size, matrix in zip("xyz", encoded, shown, encoding.matrix, strict=True):
        if size is None:
            notes.append(f"The header gives no field of view along {axis}: the voxel size along it is not known.")
        if matrix > 1 and (size is None or shown_size is None):
            notes.append(
                f"Oversampling along {axis}, if there is any, remains in the image: the header does not give both the "
                "encoded and the shown field of view."
            )
    return tuple(notes)


def write_header(encoding: Encoding) -> bytes:
    """Return the XML header of one encoding, with what the schema demands."""
    root = ElementTree.Element("ismrmrdHeader", xmlns=NAMESPACE)
    conditions = ElementTree.SubElement(root, "experimentalConditions")
    ElementTree.SubElement(conditions, "H1resonanceFrequency_Hz").text = "0"
    element = ElementTree.SubElement(root, "encoding")
    spaces = (
        ("encodedSpace", encoding.matrix, encoding.field_of_view),
        ("reconSpace", encoding.recon_matrix, encoding.recon_field_of_view),
    )
    for name, matrix, field_of_view in spaces:
        space = ElementTree.SubElement(element, name)
        _write_vector(space, "matrixSize", matrix)
        _write_vector(space, "fieldOfView_mm", field_of_view)
    limits = ElementTree.SubElement(element, "encodingLimits")
    for name, step in (("kspace_encoding_step_1", encoding.lines), ("kspace_encoding_step_2", encoding.partitions)):
        if step is not None:
            entry = ElementTree.SubElement(limits, name)
            for key, value in (("minimum", step.minimum), ("maximum", step.maximum), ("center", step.centre)):
                ElementTree.SubElement(entry, key).text = str(value)
    ElementTree.SubElement(element, "trajectory").text = encoding.trajectory
    xml: bytes = ElementTree.tostring(root, xml_declaration=True, encoding="utf-8")
    return xml


def _write_vector(parent: ElementTree.Element, name: str, values: Size | Vector) -> None:
    vector = ElementTree.SubElement(parent, name)
    for axis, value in zip("xyz", values, strict=True):
        ElementTree.SubElement(vector, axis).text = str(value)
