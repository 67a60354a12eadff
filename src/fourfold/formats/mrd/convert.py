"""Any raw file as MRD (ISMRMRD) HDF5."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np

from fourfold.files.output import atomically, check_target, suffix_of
from fourfold.formats.lines.file import LineFile
from fourfold.formats.lines.table import LINES_AT_ONCE, turn_reversed
from fourfold.formats.mrd.frame_lines import Block, encoding_of_frames, lines_of_frames
from fourfold.formats.mrd.header_writer import write_header
from fourfold.formats.mrd.writer import line_writer
from fourfold.formats.scan_file import ScanFile

__all__ = ["SUFFIXES", "write_mrd"]

SUFFIXES = (".mrd.h5", ".mrd")
"""Suffixes of MRD files."""


def write_mrd(file: ScanFile, path: str | PathLike[str], *, replace: bool = True) -> dict[str, Any]:
    """Write a raw file as MRD, a few lines at a time; the file appears when it is whole.

    Of files of lines every line is written as it was acquired, with its flags and counters: noise, calibration and
    navigators too. Of other files each frame's lines are written. The header names no patient.

    Parameters
    ----------
    file
        The open file.
    path
        The file to write: .mrd.h5 or .mrd.
    replace
        Whether a file that exists is replaced.

    Returns
    -------
    dict
        Facts of what was written.

    Raises
    ------
    InputError
        For frames that no lines can hold, and when the system refuses to write.
    """
    path = check_target(path, SUFFIXES)
    left_out: list[str] = []
    if isinstance(file, LineFile):
        encodings, blocks = file.header.encodings, _lines_of_file(file)
    else:
        first = file.read_checked([0])
        encodings, blocks = (encoding_of_frames(file, first),), lines_of_frames(file, first)
        left_out = [] if first.coil_maps is None else ["coil maps"]
    header = write_header(encodings, file.protocol)
    with atomically(path, suffix_of(path, SUFFIXES), replace) as temporary, line_writer(temporary, header) as writer:
        for rows, samples, points in blocks:
            writer.add(rows, samples, points)
        lines = writer.count
    return {"format": file.format, "lines": lines, "left_out": left_out}


def _lines_of_file(file: LineFile) -> Iterator[Block]:
    """Yield all lines of a file as they were acquired."""
    with file.open_lines() as read:
        for start in range(0, len(file.table), LINES_AT_ONCE):
            for part, samples in read(np.arange(start, min(start + LINES_AT_ONCE, len(file.table)))):
                rows = file.table[part]
                turn_reversed(samples, rows)
                yield rows, samples, None
