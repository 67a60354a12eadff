"""The headers of a twix file's lines, the measurement data headers (MDH).

The layout is that of Siemens' raw data; the fields' names follow twixtools (https://github.com/pehses/twixtools).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError

__all__ = ["FLAGS", "VB", "VD", "Layout", "Lines", "find_lines"]

Array = npt.NDArray[Any]

FLAGS = {
    "ACQEND": 0,
    "RTFEEDBACK": 1,
    "HPFEEDBACK": 2,
    "SYNCDATA": 5,
    "REFPHASESTABSCAN": 14,
    "PHASESTABSCAN": 15,
    "PHASCOR": 21,
    "PATREFSCAN": 22,
    "PATREFANDIMASCAN": 23,
    "REFLECT": 24,
    "NOISEADJSCAN": 25,
    "SLICE_ACCEL_REFSCAN": 38,
    "SLICE_ACCEL_PHASCOR": 39,
    "RETRO_DUMMYSCAN": 51,
    "FIDNAV": 60,
}
"""Bits of the evaluation mask that decide what a line is for."""
_NO_LINE = 1 << FLAGS["ACQEND"] | 1 << FLAGS["SYNCDATA"]
_DMA_LENGTH = (1 << 25) - 1
_MOST_CHANNELS = 1024

_COUNTERS = [(name, "<u2") for name in ("lin", "ave", "sli", "par", "eco", "phs", "rep", "set", "seg")]
_COUNTERS += [(name, "<u2") for name in ("ida", "idb", "idc", "idd", "ide")]
_START = [("dma", "<u4"), ("meas_uid", "<i4"), ("scan_counter", "<u4"), ("time", "<u4"), ("pmu_time", "<u4")]
_MIDDLE = [
    ("flags", "<u8"),
    ("samples", "<u2"),
    ("channels", "<u2"),
    ("counter", _COUNTERS),
    ("cutoff", "<u2", (2,)),
    ("centre_column", "<u2"),
    ("coil_select", "<u2"),
    ("readout_offcentre", "<f4"),
    ("time_since_rf", "<u4"),
    ("centre_line", "<u2"),
    ("centre_partition", "<u2"),
]
_SLICE = [("position", "<f4", (3,)), ("quaternion", "<f4", (4,))]


@dataclass(frozen=True)
class Layout:
    """How the lines of a version of the format are laid out."""

    header: np.dtype[Any]
    """A line's header."""
    once: int
    """Bytes in front of all channels of a line."""
    each: int
    """Bytes in front of each channel's samples."""
    channel_id: int
    """Where in them the channel's number stands."""

    def offset(self, field: str) -> int:
        """Return where in a header a field begins."""
        fields: Any = self.header.fields
        return int(fields[field][1])

    def line_bytes(self, channels: int, samples: int) -> int:
        """Return the bytes of a line.

        The length that a header states is wrong in some EPI files, so it is not used.
        """
        return self.once + channels * (self.each + 8 * samples)


VB = Layout(
    np.dtype([*_START, *_MIDDLE, ("ice", "<u2", (8,)), *_SLICE, ("channel_id", "<u2"), ("ptab", "<u2")]), 0, 128, 124
)
"""VA and VB: every channel has the whole header."""
VD = Layout(
    np.dtype([*_START, ("table", "V20"), *_MIDDLE, *_SLICE, ("ice", "V48"), ("reserved", "V16")]),
    192,
    32,
    24,
)
"""VD, VE and XA: one header for a line, and a short one for each channel."""


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of one measurement."""

    headers: Array
    """As `Layout.header` has them, (line,)."""
    offsets: Array
    """int64, (line,): where in the file each line begins."""
    ended: bool
    """Whether the measurement has its end mark."""


def find_lines(path: Path, layout: Layout, start: int, end: int) -> Lines:
    """Return the headers of the lines between two bytes of a file; no sample is read.

    Raises
    ------
    InputError
        When the file is cut within a line, or a header cannot be one.
    """
    size = layout.header.itemsize
    # Flags, samples and channels stand side by side.
    sizes_at, sizes_of = layout.offset("flags"), struct.Struct("<QHH").unpack_from
    end_mark, other_data = 1 << FLAGS["ACQEND"], 1 << FLAGS["SYNCDATA"]
    headers: list[bytes] = []
    offsets: list[int] = []
    place, ended = start, False
    with path.open("rb", buffering=0) as file:
        descriptor = file.fileno()
        while place + size <= end:
            header = os.pread(descriptor, size, place)
            flags, samples, channels = sizes_of(header, sizes_at)
            if flags & end_mark:
                ended = True
                break
            if flags & other_data:
                length = int.from_bytes(header[:4], "little") & _DMA_LENGTH
            else:
                length = layout.line_bytes(channels, samples)
            if length < size or not (flags & _NO_LINE or (samples and 0 < channels <= _MOST_CHANNELS)):
                raise InputError(
                    f"'{path}' is damaged: at byte {place:,} stands no header of a line ({channels} channels of "
                    f"{samples} samples); copy the file from the scanner again."
                )
            if place + length > end:
                raise InputError(
                    f"'{path}' ends within line {len(offsets)}: it was cut when it was copied; copy it from the "
                    "scanner again."
                )
            if not flags & _NO_LINE:
                headers.append(header)
                offsets.append(place)
            place += length
    if not ended and place != end and end - place >= layout.once + layout.each:
        raise InputError(f"'{path}' ends within a line: it was cut when it was copied; copy it from the scanner again.")
    return Lines(np.frombuffer(b"".join(headers), layout.header), np.array(offsets, np.int64), ended)
