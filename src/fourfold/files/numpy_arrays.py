"""Arrays in NumPy's ``.npy`` and ``.npz`` files: headers first, numbers only where they fit into the memory."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fourfold.files.damage import damage_explained
from fourfold.files.input import check_file, first_bytes
from fourfold.memory import array_bytes, require_memory

__all__ = ["StoredArray", "array_names", "is_numpy", "is_single_array", "stored_array"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, of which only the header has been read.

    Attributes
    ----------
    path, name
        The file, and the array's name in it.
    shape, dtype, fortran
        As the header gives them.
    start
        Byte of the array's stream at which the numbers begin.
    offset
        Byte of the file at which they begin, None where they are compressed.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int
    offset: int | None

    @property
    def is_mapped(self) -> bool:
        """Whether `read` maps the file, so that nothing is in memory until it is used."""
        return self.offset is not None and len(self.shape) > 1 and 0 not in self.shape

    def read(self) -> Array:
        """Return the array, mapped where `is_mapped`; raises InputError where it does not fit into the memory."""
        with _explained(self.path):
            if self.is_mapped:
                return np.memmap(self.path, self.dtype, "r", self.offset or 0, self.shape, "F" if self.fortran else "C")
            self._require_memory(self.shape)
            with _stream(self.path, self.name) as file:
                return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def load(self) -> Array:
        """Return the array in memory; raises InputError where it does not fit."""
        self._require_memory(self.shape)
        return np.array(self.read()) if self.is_mapped else self.read()

    def rows(self, indices: Sequence[int]) -> Array:
        """Return a copy of some entries along the first axis; other entries of a compressed array are discarded."""
        self._require_memory((len(indices), *self.shape[1:]), f"{len(indices)} of {self.shape[0]} entries")
        if self.fortran:
            array = self.read()
            return np.stack([array[index] for index in indices])
        if self.offset is not None:
            return np.stack([self._row(index) for index in indices])
        size = array_bytes(self.shape[1:], self.dtype.itemsize)
        rows: dict[int, Array] = {}
        with _explained(self.path), _stream(self.path, self.name) as file:
            for index in sorted(set(indices)):
                file.seek(self.start + index * size)
                rows[index] = np.frombuffer(file.read(size), self.dtype).reshape(self.shape[1:])
            # Behind the last byte zip files are compared with their checksum.
            file.read(1)
        return np.stack([rows[index] for index in indices])

    def _row(self, index: int) -> Array:
        """Return one entry of an array that is not compressed, mapped."""
        start = (self.offset or 0) + index * array_bytes(self.shape[1:], self.dtype.itemsize)
        with _explained(self.path):
            return np.memmap(self.path, self.dtype, "r", start, self.shape[1:])

    def _require_memory(self, shape: Sequence[int], part: str = "all") -> None:
        require_memory(
            array_bytes(shape, self.dtype.itemsize),
            f"Reading {part} of '{self.name}' of shape {self.shape} in '{self.path}'",
            "store it uncompressed, export a smaller part of the data, or take a computer with more memory",
        )


def is_numpy(path: Path) -> bool:
    """Whether a file starts as ``.npy`` and ``.npz`` do; other zip archives do so too."""
    return first_bytes(path, 6) == b"\x93NUMPY" or first_bytes(path, 2) == b"PK"


def is_single_array(path: Path) -> bool:
    """Whether a file is ``.npy``, by its content."""
    return first_bytes(path, 1) == b"\x93"


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file; raises InputError when it is damaged or missing."""
    check_file(path)
    with _explained(path), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def stored_array(path: Path, name: str) -> StoredArray:
    """Return an array of a file by its name, or the one of a ``.npy`` file under any name.

    Raises
    ------
    InputError
        When the file is damaged or missing, or holds Python objects.
    """
    check_file(path)
    with _explained(path), _stream(path, name) as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version} of NumPy's format")
        shape, fortran, dtype = readers[version](file)
        if dtype.hasobject:
            raise ValueError("the array holds Python objects")
        if any(size < 0 for size in shape):
            raise ValueError(f"the shape is {shape}")
        start = file.tell()
    return StoredArray(path, name, shape, dtype, fortran, start, _offset(path, name, start))


def _offset(path: Path, name: str, start: int) -> int | None:
    """Return where in the file the numbers begin, None where they are compressed."""
    if is_single_array(path):
        return start
    with _explained(path):
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            return None
        with path.open("rb") as file:
            # The local header's name and extra field, of lengths at byte 26, stand before the data.
            file.seek(member.header_offset + 26)
            lengths = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + sum(lengths) + start


@contextmanager
def _stream(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open the stream of one array: header and numbers."""
    if is_single_array(path):
        with path.open("rb") as file:
            yield file
    else:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            yield member


def _explained(path: Path) -> AbstractContextManager[None]:
    found = f"'{path}' ({path.stat().st_size:,} bytes) is truncated, damaged or holds Python objects"
    return damage_explained(found, "write it again as plain arrays")
