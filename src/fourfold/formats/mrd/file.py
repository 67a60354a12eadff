"""MRD (ISMRMRD) HDF5, read with h5py alone.

Inati et al., "ISMRM Raw data format: A proposed standard for MRI raw datasets", Magn Reson Med 77:411 (2017),
https://doi.org/10.1002/mrm.26089. The meaning of header fields and flags is that of the ISMRMRD project.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from fourfold.files.hdf5 import is_hdf5, open_hdf5, read_dataset
from fourfold.formats.lines.file import LineFile
from fourfold.formats.lines.repeats import Repeats
from fourfold.formats.lines.table import LineReader
from fourfold.formats.mrd.groups import choose_group, line_groups
from fourfold.formats.mrd.header import parse_header
from fourfold.formats.mrd.reader import read_samples, read_table

__all__ = ["MRDFile"]


class MRDFile(LineFile):
    """Reads the lines of one group of an MRD file; `LineFile` describes the frames.

    Parameters
    ----------
    path
        The file.
    dataset
        The HDF5 group to read; needed where there are several with lines.
    encoding, repeats, centre, embedded, keep_oversampling
        As in `LineFile.arrange`.
    """

    format: ClassVar[str] = "MRD (ISMRMRD) HDF5"
    options: ClassVar[tuple[str, ...]] = ("dataset", *LineFile.options)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is HDF5 with a group that holds ``xml`` and ``data`` with line headers."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return bool(line_groups(file))

    def __init__(
        self,
        path: Path,
        dataset: str | None = None,
        encoding: int = 0,
        repeats: Repeats | None = None,
        centre: str | None = None,
        embedded: bool | None = None,
        keep_oversampling: bool = False,
    ) -> None:
        self.path = path
        with open_hdf5(path) as file:
            self.group = choose_group(line_groups(file), dataset, path)
            header = parse_header(np.asarray(read_dataset(file[self.group]["xml"], path)).item(), path)
            table = read_table(file[self.group]["data"], path)
        self.arrange(
            header,
            table,
            encoding=encoding,
            repeats=repeats,
            centre=centre,
            embedded=embedded,
            keep_oversampling=keep_oversampling,
        )

    @contextmanager
    def open_lines(self) -> Iterator[LineReader]:
        """Open the file for as long as lines are read."""
        with open_hdf5(self.path) as file:
            lines = file[self.group]["data"]
            yield lambda indices: read_samples(lines, self.table, indices, self.path)
