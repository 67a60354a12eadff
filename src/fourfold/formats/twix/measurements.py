"""The measurements of a twix file: where each lies, and its protocol."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.input import first_bytes
from fourfold.formats.twix.line_headers import VB, VD, Layout
from fourfold.memory import require_memory

__all__ = ["Measurement", "ProtocolText", "is_twix", "measurements", "read_protocol"]

_RAID_HEADER, _RAID_ENTRY, _MOST_MEASUREMENTS = 8, 152, 64
_FIRST_MEASUREMENT = 10240
_LARGEST_VB_HEADER = 1 << 28
_MOST_BUFFERS = 64
_LARGEST_NUMBER = 1e15


@dataclass(frozen=True)
class Measurement:
    """Where a measurement lies in the file."""

    start: int
    """Its first byte."""
    end: int
    """The byte behind its last one."""
    layout: Layout
    """How its lines are laid out."""


def is_twix(path: Path) -> bool:
    """Whether the file begins as twix files do."""
    start = first_bytes(path, 32)
    return len(start) == 32 and (_has_several(start) or start[8:15] == b"Config\0")


def _has_several(start: bytes) -> bool:
    """Whether the file begins with a table of measurements, as those of VD and later do."""
    first, count, _, _, offset = struct.unpack_from("<IIIIQ", start)
    return bool(first == 0 and 1 <= count <= _MOST_MEASUREMENTS and offset == _FIRST_MEASUREMENT)


def measurements(path: Path) -> list[Measurement]:
    """Return the measurements in the file, the scan last: those before it are adjustments.

    Raises
    ------
    InputError
        When the file is shorter than it says.
    """
    size = path.stat().st_size
    start = first_bytes(path, _RAID_HEADER + _MOST_MEASUREMENTS * _RAID_ENTRY)
    if not _has_several(start):
        return [Measurement(0, size, VB)]
    (count,) = struct.unpack_from("<I", start, 4)
    if len(start) < _RAID_HEADER + count * _RAID_ENTRY:
        raise InputError(f"'{path}' ends within its first header: copy it from the scanner again.")
    found = []
    for index in range(count):
        offset, length = struct.unpack_from("<QQ", start, _RAID_HEADER + index * _RAID_ENTRY + 8)
        # Some files of one measurement leave its length out.
        length = size - offset if length == 0 and count == 1 else length
        if not 0 < offset < size or length == 0 or offset + length > size:
            raise InputError(
                f"'{path}' has {size:,} bytes, but its measurement {index} of {count} ends at byte "
                f"{offset + length:,}: it was cut when it was copied; copy it from the scanner again."
            )
        found.append(Measurement(offset, offset + length, VD))
    return found


@dataclass(frozen=True)
class ProtocolText:
    """The protocol of a measurement, as text."""

    values: dict[str, str]
    """Assignments of the protocol's ASCCONV part, such as ``sKSpace.lBaseResolution``."""
    buffers: dict[str, str]
    """All parts by name; in XProtocol, which `parameter` looks into."""
    lines_start: int
    """The byte of the file at which the lines begin."""

    def number(self, name: str, default: float | None = None) -> float | None:
        """Return a number of the ASCCONV part, which leaves out what is zero; `default` for what is no number."""
        text = self.values.get(name)
        if text is None:
            return default
        try:
            value = float(int(text, 16)) if text.lower().startswith("0x") else float(text)
        except (ValueError, OverflowError):
            return default
        return value if abs(value) < _LARGEST_NUMBER else default

    def numbers(self, name: str, count: int) -> list[float]:
        """Return the first `count` numbers of an array of the ASCCONV part; those left out are zero."""
        return [self.number(f"{name}[{index}]", 0.0) or 0.0 for index in range(count)]

    def parameter(self, name: str, *buffers: str) -> list[str]:
        """Return the words of an XProtocol parameter, from the first of these parts that has it; else nothing."""
        for buffer in buffers:
            pattern = rf'<Param\w+\."{re.escape(name)}">\s*{{([^}}]*)}}'
            for match in re.finditer(pattern, self.buffers.get(buffer, "")):
                text = re.sub(r'<\w+>\s*(?:"[^"]*"|[-\d.]+(?=\s+[-\d."]))', " ", match.group(1))
                words = re.findall(r'"([^"]*)"|(\S+)', text)
                found = [quoted or plain for quoted, plain in words if quoted or plain]
                if found:
                    return found
        return []

    def parameter_numbers(self, name: str, *buffers: str) -> list[float]:
        """Return the numbers of an XProtocol parameter; nothing where it has other words."""
        try:
            numbers = [float(word) for word in self.parameter(name, *buffers)]
        except ValueError:
            return []
        return numbers if all(abs(number) < _LARGEST_NUMBER for number in numbers) else []


def read_protocol(path: Path, measurement: Measurement) -> ProtocolText:
    """Return a measurement's protocol.

    Raises
    ------
    InputError
        When its header is damaged, or has no protocol.
    """
    damaged = f"The protocol in '{path}' is damaged or missing: copy the file from the scanner again."
    with path.open("rb") as file:
        file.seek(measurement.start)
        start = file.read(8)
        length, count = struct.unpack("<II", start) if len(start) == 8 else (0, 0)
        fits = 8 < length <= min(measurement.end - measurement.start, _LARGEST_VB_HEADER)
        if not fits or not 0 < count <= _MOST_BUFFERS:
            raise InputError(damaged)
        require_memory(length, f"The protocol of '{path}'", "copy the file from the scanner again")
        text = file.read(length - 8)
    buffers: dict[str, str] = {}
    place = 0
    for _ in range(count):
        end = text.find(b"\0", place)
        if end < 0 or end - place > 64 or end + 5 > len(text):
            raise InputError(damaged)
        size = int.from_bytes(text[end + 1 : end + 5], "little")
        if end + 5 + size > len(text):
            raise InputError(damaged)
        buffers[text[place:end].decode("latin1")] = text[end + 5 : end + 5 + size].decode("latin1")
        place = end + 5 + size
    values = _assignments(buffers.get("MeasYaps", "")) or _assignments(buffers.get("Phoenix", ""))
    if not values:
        raise InputError(damaged)
    return ProtocolText(values, buffers, measurement.start + length)


def _assignments(text: str) -> dict[str, str]:
    """Return the assignments of the protocol's ASCCONV part; the last one where a buffer has several."""
    parts: list[Any] = re.findall(r"### ASCCONV BEGIN[^\n]*###\s*\n(.*?)### ASCCONV END", text, flags=re.DOTALL)
    pairs = re.findall(r"^(\S+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", parts[-1] if parts else "", flags=re.MULTILINE)
    return {name: value.strip('"') for name, value in pairs}
