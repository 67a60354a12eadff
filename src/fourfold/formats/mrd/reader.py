"""The lines of an MRD file: their headers as a table, their samples on demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fourfold.errors import InputError
from fourfold.files.hdf5 import check_dataset
from fourfold.formats.lines.table import COUNTERS, LINES_AT_ONCE, TABLE, Indices, Table, turn_reversed

__all__ = ["read_points", "read_samples", "read_table"]

OPTIONAL = ("trajectory_dimensions",)
OPTIONAL_COUNTERS = ("segment",)
HEADERS_AT_ONCE = 1 << 16


def read_table(lines: h5py.Dataset, path: Path) -> Table:
    """Return the needed columns of every line's header; no sample is read where the chunks are not compressed.

    Raises
    ------
    InputError
        When the headers lack one of them.
    """
    head = lines.dtype["head"]
    names, counters = set(head.names or ()) | set(OPTIONAL), set()
    if "idx" in names:
        counters = set(head["idx"].names or ()) | set(OPTIONAL_COUNTERS)
    if not (set(TABLE.names or ()) <= names and set(COUNTERS) <= counters):
        raise InputError(f"The line headers of '{path}' are not those of ISMRMRD: convert the scanner's file again.")
    check_dataset(lines, path)
    layout = lines.id.get_create_plist()
    plain = layout.get_layout() == h5py.h5d.CHUNKED and layout.get_nfilters() == 0
    blocks = _stored_heads(lines) if plain else _converted_heads(lines)
    return np.concatenate([_as_table(block) for block in blocks])[: len(lines)]


def _as_table(block: Table) -> Table:
    table = np.zeros(len(block), TABLE)
    stored = set(block.dtype.names or ())
    for name in TABLE.names or ():
        if name == "idx":
            for counter in set(COUNTERS) & set(block.dtype["idx"].names or ()):
                table["idx"][counter] = block["idx"][counter]
        elif name in stored:
            table[name] = block[name]
    return table


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


def read_samples(lines: h5py.Dataset, table: Table, indices: Indices, path: Path) -> Iterator[tuple[Indices, Any]]:
    """Yield lines as `LineReader` does, from a dataset that is open."""
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
            turn_reversed(samples, table[part])
            yield part, samples


def read_points(lines: h5py.Dataset, table: Table, indices: Indices, path: Path) -> list[Any]:
    """Return the trajectory of each line, float32 (sample, dimension), as it stands in the file."""
    stored = [lines.fields("traj")[int(index)] for index in indices]
    points = []
    for index, values in zip(indices, stored, strict=True):
        shape = int(table["number_of_samples"][index]), int(table["trajectory_dimensions"][index])
        if values.size != shape[0] * shape[1]:
            raise InputError(
                f"The trajectory of line {index} of '{path}' has {values.size} numbers; its header stands for "
                f"{shape[0]} samples of {shape[1]}: the file is damaged, convert the scanner's file again."
            )
        points.append(np.asarray(values, np.float32).reshape(shape))
    return points
