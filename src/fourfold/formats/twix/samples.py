"""The samples of twix lines, read on demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.table import LINES_AT_ONCE, Indices, Table, turn_reversed
from fourfold.formats.twix.line_headers import Layout

__all__ = ["coil_numbers", "read_samples"]

Array = npt.NDArray[Any]


def read_samples(
    path: Path, layout: Layout, offsets: Array, table: Table, indices: Indices
) -> Iterator[tuple[Indices, Array]]:
    """Yield lines as `LineReader` does.

    Parameters
    ----------
    path, layout
        The file, and how its lines are laid out.
    offsets
        int64, (line,): where in the file each line begins.
    table
        The headers of all lines.
    indices
        The lines to read.
    """
    indices = np.sort(indices)
    rows = table[indices]
    shapes = np.stack([rows["active_channels"].astype(int), rows["number_of_samples"].astype(int)], axis=1)
    ends = np.flatnonzero((np.diff(shapes, axis=0) != 0).any(axis=1)) + 1
    with path.open("rb", buffering=0) as file:
        for run in np.split(indices, ends):
            for start in range(0, len(run), LINES_AT_ONCE):
                part = run[start : start + LINES_AT_ONCE]
                channels, count = (int(table[name][part[0]]) for name in ("active_channels", "number_of_samples"))
                samples = np.empty((len(part), channels, count), np.complex64)
                for row, index in zip(samples, part, strict=True):
                    blocks = _blocks(file, path, layout, int(offsets[index]), channels, count)
                    row[:] = np.ascontiguousarray(blocks[:, layout.each :]).view(np.complex64)
                turn_reversed(samples, table[part])
                yield part, samples


def coil_numbers(path: Path, layout: Layout, offset: int, header: np.void) -> list[int]:
    """Return the numbers of the coils of the line at a byte of the file, of which the header is given."""
    with path.open("rb", buffering=0) as file:
        blocks = _blocks(file, path, layout, offset, int(header["channels"]), int(header["samples"]))
    numbers = np.ascontiguousarray(blocks[:, layout.channel_id : layout.channel_id + 2]).view("<u2")
    found: list[int] = numbers[:, 0].tolist()
    return found


def _blocks(file: Any, path: Path, layout: Layout, offset: int, channels: int, samples: int) -> Array:
    """Return the bytes of a line by channel (channel, byte): its header, then its samples."""
    length = layout.line_bytes(channels, samples)
    file.seek(offset)
    content = file.read(length)
    if len(content) < length:
        raise InputError(f"'{path}' has become shorter since it was opened: open it again.")
    return np.frombuffer(content, np.uint8)[layout.once :].reshape(channels, -1)
