"""The ISMRMRD XML header, which MRD and fastMRI files share.

Inati et al., "ISMRM Raw data format", Magn Reson Med 77:411 (2017), https://doi.org/10.1002/mrm.26089; the schema is
`ismrmrd.xsd` of the ISMRMRD project.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

from fourfold.errors import InputError
from fourfold.formats.lines.encoding import Encoding, Header, Limits, Size, Vector
from fourfold.formats.lines.ramp import Ramp
from fourfold.formats.mrd.facts import identity_of, protocol_of

__all__ = ["RAMP", "SHOWN", "parse_header"]

RAMP = ("rampUpTime", "flatTopTime", "rampDownTime", "acqDelayTime", "dwellTime")
"""User parameters of EPI's readout gradient, in the order of `Ramp`'s fields."""
SHOWN = ("shown_matrix_x", "shown_matrix_y", "shown_matrix_z")
"""User parameters with the points that the scanner shows, where fields of view in mm do not tell."""
LARGEST = 2**16 - 1
"""The schema stores matrix sizes and encoding steps in 16 bits."""
SMALLEST_FIELD_OF_VIEW = 1.0
"""In mm; smaller ones are in metres."""
MOST_OVERSAMPLING = 16
"""Encoded and shown fields of view that differ by more are not both in mm."""
Number = TypeVar("Number", int, float)

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


def parse_header(xml: bytes | str, path: Path) -> Header:
    """Return the header's content; raises InputError where it is no ISMRMRD header."""
    try:
        root = ElementTree.fromstring(xml)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        shown = _shown(root)
        encodings = tuple(_encoding(element, shown) for element in root.findall("encoding"))
        facts = _facts(root)
        protocol, protocol_notes = protocol_of(root)
        identity, identity_notes = identity_of(root)
    # A header that names another text encoding than its own raises LookupError.
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(
            f"The ISMRMRD header of '{path}' is damaged ({error}): correct it, or convert the scanner's file again."
        ) from None
    if not encodings:
        raise InputError(f"The ISMRMRD header of '{path}' describes no encoding: convert the scanner's file again.")
    return Header(encodings, facts, protocol, identity, (*protocol_notes, *identity_notes))


def _facts(root: ElementTree.Element) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, path in FACTS.items():
        values = [element.text.strip() for element in root.findall(path) if element.text and element.text.strip()]
        if not values:
            continue
        if name in TEXT_FACTS:
            facts[name] = values[0]
        else:
            numbers = [_known(_number(value, path, float, "a number")) for value in values]
            facts[name] = numbers[0] if len(numbers) == 1 else numbers
    return facts


def _known(value: float) -> float | None:
    """Return a fact, None where it is NaN or infinite, which JSON has no word for."""
    return value if math.isfinite(value) else None


def _encoding(element: ElementTree.Element, shown_matrix: Size | None) -> Encoding:
    encoding = Encoding(
        matrix=_size(element, "encodedSpace"),
        field_of_view=_field_of_view(element, "encodedSpace"),
        recon_matrix=_size(element, "reconSpace"),
        recon_field_of_view=_field_of_view(element, "reconSpace"),
        trajectory=(element.findtext("trajectory") or "cartesian").strip().lower(),
        lines=_limits(element, "kspace_encoding_step_1"),
        partitions=_limits(element, "kspace_encoding_step_2"),
        calibration_mode=element.findtext("parallelImaging/calibrationMode"),
        ramp=_ramp(element),
        shown=shown_matrix,
    )
    for axis, size, whole, shown in zip(
        "xyz", encoding.matrix, encoding.field_of_view, encoding.recon_field_of_view, strict=True
    ):
        known = 0 < whole < math.inf and 0 < shown < math.inf
        if axis != "z" and size > 1 and 0 < whole < SMALLEST_FIELD_OF_VIEW:
            raise ValueError(
                f"along {axis} the field of view of encodedSpace is {whole:g} mm, which seems to be in metres: it must "
                "be in millimetres"
            )
        if size > 1 and known and not 1 / MOST_OVERSAMPLING <= whole / shown <= MOST_OVERSAMPLING:
            raise ValueError(
                f"along {axis} the field of view of encodedSpace is {whole:g} mm and that of reconSpace {shown:g} mm, "
                f"which cannot differ by more than {MOST_OVERSAMPLING} times"
            )
    return encoding


def _shown(root: ElementTree.Element) -> Size | None:
    """Return the points that the scanner shows, which `write_header` states where no field of view is known."""
    values: dict[str, int] = {}
    for parameter in root.findall("userParameters/userParameterLong"):
        name, value = parameter.findtext("name"), parameter.findtext("value")
        if name in SHOWN and value is not None:
            values[name] = _number(value, f"userParameters/{name}", int, "a whole number")
    if set(values) != set(SHOWN) or not all(0 < size <= LARGEST for size in values.values()):
        return None
    x, y, z = (values[name] for name in SHOWN)
    return x, y, z


def _ramp(element: ElementTree.Element) -> Ramp | None:
    """Return the readout gradient of EPI, as converters of Siemens files describe it; None where there is no ramp."""
    description = element.find("trajectoryDescription")
    if description is None or (description.findtext("identifier") or "").strip() != "ConventionalEPI":
        return None
    values: dict[str, float] = {}
    for parameter in (*description.findall("userParameterLong"), *description.findall("userParameterDouble")):
        name, value = parameter.findtext("name"), parameter.findtext("value")
        if name in RAMP and value is not None:
            values[name] = _number(value, f"trajectoryDescription/{name}", float, "a time in µs")
    if not set(values) >= set(RAMP) or not (values["rampUpTime"] or values["rampDownTime"]):
        return None
    return Ramp(*(values[name] for name in RAMP))


def _number(text: str, path: str, kind: Callable[[str], Number], expected: str) -> Number:
    """Return the number of this kind in `text`; raises ValueError, which says where it stands and what is expected."""
    try:
        # Python reads underscores and the digits of all scripts as well, the schema does not.
        if "_" in text or not text.isascii():
            raise ValueError
        return kind(text)
    except ValueError:
        raise ValueError(f"{path} is '{text.strip()[:40]}', not {expected}") from None


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"it lacks encoding/{path}")
    return text


def _whole(element: ElementTree.Element, path: str, least: int) -> int:
    expected = f"a whole number from {least} to {LARGEST}"
    value = _number(_text(element, path), f"{element.tag}/{path}", int, expected)
    if not least <= value <= LARGEST:
        raise ValueError(f"{element.tag}/{path} is {value}, not {expected}")
    return value


def _size(element: ElementTree.Element, space: str) -> Size:
    x, y, z = (_whole(element, f"{space}/matrixSize/{axis}", least=1) for axis in "xyz")
    return x, y, z


def _field_of_view(element: ElementTree.Element, space: str) -> Vector:
    paths = [f"{space}/fieldOfView_mm/{axis}" for axis in "xyz"]
    x, y, z = (_number(_text(element, path), f"{element.tag}/{path}", float, "a length in mm") for path in paths)
    return x, y, z


def _limits(element: ElementTree.Element, step: str) -> Limits | None:
    limits = element.find(f"encodingLimits/{step}")
    if limits is None:
        return None
    return Limits(*(_whole(limits, name, least=0) for name in ("minimum", "maximum", "center")))
