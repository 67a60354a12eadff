"""The lines of an MRD file: their headers as a table, their roles, and their samples on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from numpy.lib.recfunctions import repack_fields

from fourfold.errors import InputError
from fourfold.files.hdf5 import check_dataset

__all__ = [
    "LINES_AT_ONCE",
    "STEPS",
    "Indices",
    "Roles",
    "Table",
    "is_reversed",
    "read_samples",
    "read_table",
    "roles",
    "valid_range",
]

Table = npt.NDArray[np.void]
Indices = npt.NDArray[np.intp]

# Bits of an acquisition's flags, as ISMRMRD's ismrmrd.h numbers them.
NOISE, CALIBRATION, CALIBRATION_AND_IMAGING, REVERSE = (1 << bit for bit in (18, 19, 20, 21))
# Navigator, phase correction, feedback (two kinds), dummy, surface coil correction, phase stabilisation (two kinds).
NOT_FOR_IMAGES = sum(1 << bit for bit in (22, 23, 25, 26, 27, 28, 29, 30))

COLUMNS = [
    "flags",
    "number_of_samples",
    "active_channels",
    "discard_pre",
    "discard_post",
    "center_sample",
    "encoding_space_ref",
    "sample_time_us",
    "position",
    "read_dir",
    "phase_dir",
    "slice_dir",
    "idx",
]
STEPS = ("kspace_encode_step_1", "kspace_encode_step_2")
"""Counters of lines and partitions."""
COUNTERS = (*STEPS, "average", "slice", "contrast", "phase", "repetition", "set")
HEADERS_AT_ONCE = 1 << 16
LINES_AT_ONCE = 128


@dataclass(frozen=True)
class Roles:
    """Indices of the lines by role; a line may be both an imaging and a calibration line."""

    imaging: Indices
    calibration: Indices
    noise: Indices
    left_out: int


def read_table(lines: h5py.Dataset, path: Path) -> Table:
    """Return the needed columns of every line's header; no sample is read where the chunks are not compressed.

    Raises
    ------
    InputError
        When the headers lack one of them.
    """
    head = lines.dtype["head"]
    if not (set(COLUMNS) <= set(head.names or ()) and set(COUNTERS) <= set(head["idx"].names or ())):
        raise InputError(f"The line headers of '{path}' are not those of ISMRMRD: convert the scanner's file again.")
    check_dataset(lines, path)
    layout = lines.id.get_create_plist()
    plain = layout.get_layout() == h5py.h5d.CHUNKED and layout.get_nfilters() == 0
    blocks = _stored_heads(lines) if plain else _converted_heads(lines)
    return np.concatenate([repack_fields(block[COLUMNS]) for block in blocks])[: len(lines)]


def _stored_heads(lines: h5py.Dataset) -> Iterator[Table]:
    """Yield the headers from the bytes of the chunks: HDF5's own conversion would fetch each line's samples too."""
    stored = lines.id.get_type()
    member = stored.get_member_index(b"head")
    dtype, offset, size = stored.get_member_type(member).dtype, stored.get_member_offset(member), stored.get_size()
    starts = range(0, len(lines), lines.chunks[0])
    at_once = max(1, HEADERS_AT_ONCE // lines.chunks[0])
    for first in range(0, len(starts), at_once):
        content = b"".join(lines.id.read_direct_chunk((start,))[1] for start in starts[first : first + at_once])
        yield np.ndarray(len(content) // size, dtype, content, offset, (size,))


def _converted_heads(lines: h5py.Dataset) -> Iterator[Table]:
    heads = lines.fields("head")
    for start in range(0, len(lines), HEADERS_AT_ONCE):
        yield heads[start : start + HEADERS_AT_ONCE]


def roles(table: Table, encoding: int, embedded: bool) -> Roles:
    """Sort the lines of one encoding space by their flags.

    Calibration lines that are not marked as imaging lines too serve as both where the calibration is `embedded` in the
    acquisition; elsewhere their contrast may differ, and they are kept apart.
    """
    flags = table["flags"]

    def flagged(bits: int) -> npt.NDArray[np.bool_]:
        return np.asarray((flags & np.uint64(bits)) != 0)

    noise = flagged(NOISE)
    usable = ~noise & ~flagged(NOT_FOR_IMAGES) & (table["encoding_space_ref"] == encoding)
    apart = flagged(CALIBRATION) & ~flagged(CALIBRATION_AND_IMAGING) & (not embedded)
    calibration = usable & flagged(CALIBRATION | CALIBRATION_AND_IMAGING) & bool((usable & apart).any())
    return Roles(
        imaging=np.flatnonzero(usable & ~apart),
        calibration=np.flatnonzero(calibration),
        noise=np.flatnonzero(noise),
        left_out=int((~usable & ~noise).sum()),
    )


def is_reversed(rows: Table) -> npt.NDArray[np.bool_]:
    """Return which lines were acquired from the end to the start."""
    return np.asarray((rows["flags"] & np.uint64(REVERSE)) != 0)


def valid_range(rows: Table) -> tuple[Indices, Indices]:
    """Return each line's first valid sample and the one after its last, counted in the turned line."""
    before, after = rows["discard_pre"].astype(int), rows["discard_post"].astype(int)
    reverse = is_reversed(rows)
    before, after = np.where(reverse, after, before), np.where(reverse, before, after)
    return before, rows["number_of_samples"].astype(int) - after


def read_samples(lines: h5py.Dataset, table: Table, indices: Indices, path: Path) -> Iterator[tuple[Indices, Any]]:
    """Yield (indices, samples): a few lines at a time, all of one length, complex64 (line, coil, sample).

    Reversed lines are turned round, so that all run the same way.
    """
    indices = np.sort(indices)
    ends = np.flatnonzero((np.diff(indices) != 1) | (np.diff(table["number_of_samples"][indices].astype(int)) != 0))
    for run in np.split(indices, ends + 1):
        for start in range(0, len(run), LINES_AT_ONCE):
            part = run[start : start + LINES_AT_ONCE]
            shape = int(table["active_channels"][part[0]]), int(table["number_of_samples"][part[0]])
            stored = lines.fields("data")[part[0] : part[-1] + 1]
            for index, line in zip(part, stored, strict=True):
                if line.size != 2 * shape[0] * shape[1]:
                    raise InputError(
                        f"Line {index} of '{path}' has {line.size // 2} samples; its header stands for {shape[0]} "
                        f"coils of {shape[1]}: the file is damaged, convert the scanner's file again."
                    )
            samples = np.stack(list(stored)).view(np.complex64).reshape(-1, *shape)
            reverse = is_reversed(table[part])
            samples[reverse] = samples[reverse, :, ::-1]
            yield part, samples
