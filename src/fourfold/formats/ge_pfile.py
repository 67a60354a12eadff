"""GE P-files (``P12345.7``) of header revision 26.002: two-dimensional Cartesian scans are read.

The layout was found with the sample of the ge_to_ismrmrd project (https://github.com/ismrmrd/ge_to_ismrmrd). Samples
are whole numbers, real and imaginary part in turn, by coil, slice, line. A line of zeros stands in front of those of
each slice, and every second line is negated.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.input import first_bytes
from fourfold.formats.masks import measured, merge_frames
from fourfold.formats.registry import FileFormat
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import FrameLabels, Geometry, Protocol, RawSampling, RawScan

__all__ = ["FORMAT", "PFile"]

Array = npt.NDArray[Any]

REVISION = 26.002
HEADER_BYTES = 213_684
# Where values stand in the header, and their types.
FIELDS = {
    "samples_start": (4, "i"),
    "slices_start": (16, "i"),
    "exam_start": (32, "i"),
    "image_start": (40, "i"),
    "passes": (140, "h"),
    "slices": (144, "h"),
    "echoes": (146, "h"),
    "lines": (150, "h"),
    "half_lines": (154, "h"),
    "samples": (178, "h"),
    "stored_lines": (180, "h"),
    "sample_bytes": (158, "h"),
    "first_coil": (264, "h"),
    "last_coil": (266, "h"),
}
SLICE_BYTES, SLICE_PLACE, SLICE_CORNERS = 72, 2, 4
FIELD_STRENGTH, FIELD_STRENGTH_UNIT = 572, 1e-4
FIELDS_OF_VIEW, THICKNESS, REPETITION_TIME, ECHO_TIME = 304, 316, 1056, 1064
SEQUENCE = slice(1632, 1665)
LOGO = b"GE_MED_NMR"
TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<i2"), 4: np.dtype("<i4")}
ORIENTATION_NOTE = (
    "Which way rows and columns run in the patient is not known of P-files: the image may be turned or mirrored."
)


@dataclass(frozen=True)
class Header:
    """The values that the reader needs, and all bytes of the header."""

    samples_start: int
    slices_start: int
    exam_start: int
    image_start: int
    passes: int
    slices: int
    echoes: int
    lines: int
    half_lines: int
    samples: int
    stored_lines: int
    sample_bytes: int
    first_coil: int
    last_coil: int
    content: bytes

    def number(self, place: int, kind: str) -> Any:
        """Return the number at a byte of the header."""
        return struct.unpack_from(f"<{kind}", self.content, place)[0]

    @property
    def coils(self) -> int:
        """Number of coils."""
        return self.last_coil - self.first_coil + 1


class PFile(ScanFile):
    """Reads the slices of a P-file in the order of their positions; the orientation is not known.

    Parameters
    ----------
    path
        The file.
    """

    format: ClassVar[str] = "GE P-file"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file has GE's mark in its header."""
        start = first_bytes(path, 512)
        return LOGO in start or b"INVALIDNMR" in start

    def __init__(self, path: Path) -> None:
        self.path = path
        header = self._read_header()
        self._check(header)
        self.header = header
        self.frames, self.coils = header.slices, header.coils
        self.matrix = header.lines, header.samples
        self.dtype = TYPES[header.sample_bytes].name
        entries = [header.slices_start + index * SLICE_BYTES for index in range(self.frames)]
        self.order = [int(header.number(entry + SLICE_PLACE, "h")) - 1 for entry in entries]
        if sorted(self.order) != list(range(self.frames)):
            raise InputError(
                f"'{path}' gives its {self.frames} slices the places {[place + 1 for place in self.order]}, of which "
                "each must occur once: export the scan again."
            )
        self.volume = self._geometry(entries)
        self.protocol = self._protocol()
        self.details = {"revision": REVISION, "vendor": "GE"}
        self.notes = (ORIENTATION_NOTE,)

    def _read_header(self) -> Header:
        content = first_bytes(self.path, HEADER_BYTES)
        revision = struct.unpack_from("<f", content)[0] if len(content) >= 4 else 0.0
        if abs(revision - REVISION) > 5e-4:
            raise InputError(
                f"'{self.path}' is a GE P-file of revision {revision:.3f}, whose header fourfold does not know (it "
                f"knows {REVISION}): convert it with ge_to_ismrmrd and open the result."
            )
        if len(content) < HEADER_BYTES:
            raise InputError(f"'{self.path}' ends within its header: copy it from the scanner again.")
        values = {name: struct.unpack_from(f"<{kind}", content, place)[0] for name, (place, kind) in FIELDS.items()}
        return Header(**values, content=content)

    def _check(self, header: Header) -> None:
        """Refuse scans of other kinds, and files of another size than the header gives."""
        unknown = []
        if header.passes != 1:
            unknown.append(f"{header.passes} passes")
        if header.echoes != 1:
            unknown.append(f"{header.echoes} echoes")
        if header.half_lines != 0:
            unknown.append("partial Fourier")
        if unknown:
            raise InputError(
                f"'{self.path}' is a P-file with {' and '.join(unknown)}, whose order of lines is not known: convert "
                "it with ge_to_ismrmrd and open the result."
            )
        sizes = (header.coils, header.slices, header.lines, header.samples)
        fits = (
            min(sizes) >= 1
            and header.stored_lines == header.lines + 1
            and header.sample_bytes in TYPES
            and header.samples_start == HEADER_BYTES
            and 0 < header.slices_start <= HEADER_BYTES - header.slices * SLICE_BYTES
            and 0 < header.exam_start <= HEADER_BYTES - FIELD_STRENGTH - 4
            and 0 < header.image_start <= HEADER_BYTES - SEQUENCE.stop
        )
        size = HEADER_BYTES
        if fits:
            size += header.coils * header.slices * header.stored_lines * header.samples * 2 * header.sample_bytes
        if not fits or self.path.stat().st_size != size:
            raise InputError(
                f"'{self.path}' has {self.path.stat().st_size:,} bytes, which do not fit its header ({sizes[0]} coils, "
                f"{sizes[1]} slices, {sizes[2]} lines of {sizes[3]} samples): copy it from the scanner again, or "
                "convert it with ge_to_ismrmrd where it is no plain Cartesian scan."
            )

    def _geometry(self, entries: Sequence[int]) -> Geometry:
        """Return voxel sizes; the spacing is the distance of the first two slices."""
        start = self.header.image_start
        field_x, field_y = (float(self.header.number(start + FIELDS_OF_VIEW + 4 * axis, "f")) for axis in (0, 1))
        thickness = float(self.header.number(start + THICKNESS, "f"))
        corners = [np.frombuffer(self.header.content, "<f4", 3, entry + SLICE_CORNERS) for entry in entries]
        spacing = float(np.linalg.norm(corners[1] - corners[0])) if len(corners) > 1 else thickness
        ny, nx = self.matrix
        dz, dy, dx, thick = (
            size if np.isfinite(size) and 0 < size < 1e4 else None
            for size in (spacing, field_y / ny, field_x / nx, thickness)
        )
        return Geometry((dz, dy, dx), slice_thickness=thick)

    def _protocol(self) -> Protocol:
        header, start = self.header, self.header.image_start
        repetition, echo = (header.number(start + place, "i") / 1000 for place in (REPETITION_TIME, ECHO_TIME))
        strength = header.number(header.exam_start + FIELD_STRENGTH, "i") * FIELD_STRENGTH_UNIT
        sequence = header.content[start + SEQUENCE.start : start + SEQUENCE.stop].partition(b"\0")[0]
        return Protocol(
            vendor="GE",
            field_strength=round(strength, 4) if strength > 0 else None,
            sequence=sequence.decode("ascii", "replace").strip() or None,
            acquisition="2D",
            repetition_times=(repetition,) if repetition > 0 else (),
            echo_times=(echo,) if echo > 0 else (),
        )

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return the numbers of the slices."""
        return FrameLabels({"slice": list(frames)})

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read slices; only these are loaded."""
        header = self.header
        shape = (self.coils, self.frames, header.stored_lines, header.samples, 2)
        stored = np.memmap(self.path, TYPES[header.sample_bytes], mode="r", offset=header.samples_start, shape=shape)
        kspace = np.empty((len(frames), self.coils, *self.matrix), np.complex64)
        for part, frame in zip(kspace, frames, strict=True):
            numbers = stored[:, self.order[frame], 1:].astype(np.float32)
            part[:] = numbers[..., 0] + 1j * numbers[..., 1]
            part[:, 1::2] *= -1
        return RawScan(
            kspace,
            sampling=RawSampling(merge_frames(measured(kspace, frames, self.path))),
            geometry=self.geometry(frames),
            source=self.source(),
            labels=self.labels(frames),
        )


FORMAT = FileFormat("GE P-file", PFile, order=40)
