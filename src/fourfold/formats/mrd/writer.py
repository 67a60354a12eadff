"""Writes lines as MRD (ISMRMRD) HDF5, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from fourfold.files.output import late_refusal
from fourfold.formats.lines.table import COUNTERS, TABLE, Table

__all__ = ["LineWriter", "line_writer"]

Array = npt.NDArray[Any]

GROUP = "dataset"
LINES_A_CHUNK = 64
VERSION = 1

_FLOATS = h5py.vlen_dtype(np.dtype("<f4"))
_COUNTERS = np.dtype([*((name, "<u2") for name in COUNTERS), ("user", "<u2", (8,))])
_HEAD = np.dtype(
    [
        ("version", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", (3,)),
        ("number_of_samples", "<u2"),
        ("available_channels", "<u2"),
        ("active_channels", "<u2"),
        ("channel_mask", "<u8", (16,)),
        ("discard_pre", "<u2"),
        ("discard_post", "<u2"),
        ("center_sample", "<u2"),
        ("encoding_space_ref", "<u2"),
        ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"),
        ("position", "<f4", (3,)),
        ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)),
        ("slice_dir", "<f4", (3,)),
        ("patient_table_position", "<f4", (3,)),
        ("idx", _COUNTERS),
        ("user_int", "<i4", (8,)),
        ("user_float", "<f4", (8,)),
    ]
)
_LINE = np.dtype([("head", _HEAD), ("traj", _FLOATS), ("data", _FLOATS)])


class LineWriter:
    """Appends lines to a dataset that is open."""

    def __init__(self, lines: h5py.Dataset) -> None:
        self._lines = lines
        self.count = 0
        """Lines that have been written."""

    def add(self, rows: Table, samples: Array, points: Array | None = None) -> None:
        """Append lines.

        Parameters
        ----------
        rows
            Their headers.
        samples
            complex64, (line, coil, sample), in the order in which they were acquired.
        points
            float32, (line, sample, dimension): the trajectory; None for Cartesian lines.
        """
        block = np.zeros(len(rows), _LINE)
        for name in TABLE.names or ():
            if name != "idx":
                block["head"][name] = rows[name]
        for name in COUNTERS:
            block["head"]["idx"][name] = rows["idx"][name]
        block["head"]["version"] = VERSION
        block["head"]["available_channels"] = rows["active_channels"]
        block["head"]["scan_counter"] = self.count + np.arange(len(rows))
        numbers = np.ascontiguousarray(samples, "<c8").view("<f4").reshape(len(rows), -1)
        for index in range(len(rows)):
            block["data"][index] = numbers[index]
            block["traj"][index] = np.zeros(0, "<f4") if points is None else points[index].astype("<f4").ravel()
        self._lines.resize(self.count + len(rows), axis=0)
        self._lines[self.count :] = block
        self.count += len(rows)


@contextmanager
def line_writer(path: Path, header: bytes) -> Iterator[LineWriter]:
    """Open a new MRD file with this XML header.

    Raises
    ------
    OSError
        When the system refuses to write.
    """
    with late_refusal(path) as target, h5py.File(target, "w") as file:
        group = file.create_group(GROUP)
        group.create_dataset("xml", data=[header.decode()], dtype=h5py.string_dtype(), maxshape=(None,))
        lines = group.create_dataset("data", shape=(0,), maxshape=(None,), chunks=(LINES_A_CHUNK,), dtype=_LINE)
        yield LineWriter(lines)
