"""HDF5 files of any layout: the user names the data set with k-space and its axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.hdf5 import check_dataset, is_hdf5, open_hdf5
from fourfold.files.input import first_bytes
from fourfold.formats.array_file import ArrayFile
from fourfold.formats.registry import FileFormat
from fourfold.formats.unsupported import is_named
from fourfold.memory import array_bytes, require_memory

__all__ = ["FORMAT", "HDF5ArrayFile"]

Array = npt.NDArray[Any]

PAIRS = (("real", "imag"), ("re", "im"), ("r", "i"))
"""Names of fields that hold real and imaginary part."""


class HDF5ArrayFile(ArrayFile):
    """Reads a data set of an HDF5 file, or of a MATLAB file of version 7.3.

    MATLAB's axes are named in its own order, as its ``size`` gives them, which is the reverse of HDF5's.

    Parameters
    ----------
    path
        The file.
    dataset
        Path of the data set in the file, or those of real and imaginary part, separated by a comma.
    axes
        What its axes are: ``coil``, ``ky``, ``kx``, ``complex`` (real and imaginary part), or labels of frames such as
        ``slice``.
    """

    format: ClassVar[str] = "HDF5 or MATLAB 7.3 arrays"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is HDF5 with numbers, of no other known kind."""
        if not is_hdf5(path) or is_named(path):
            return False
        with open_hdf5(path) as file:
            return bool(_arrays(file))

    def __init__(self, path: Path, dataset: str | None = None, axes: str | None = None) -> None:
        self.is_matlab = first_bytes(path, 6) == b"MATLAB"
        with open_hdf5(path) as file:
            stored = _arrays(file)
        if self.is_matlab:
            stored = {name: (shape[::-1], dtype) for name, (shape, dtype) in stored.items()}
        if dataset is not None and dataset not in stored:
            dataset = ",".join(name.strip().strip("/") for name in dataset.split(","))
        self.arrange(path, stored, dataset, axes)

    def parts(self, name: str, indices: Sequence[tuple[int | slice, ...]]) -> list[Array]:
        """Return parts of a data set; only these are read."""
        with open_hdf5(self.path) as file:
            dataset = file[name]
            check_dataset(dataset, self.path, 0)
            parts = []
            for index in indices:
                shape = [size for size, place in zip(self.axes.sizes, index, strict=True) if isinstance(place, slice)]
                needed = array_bytes(shape, dataset.dtype.itemsize)
                require_memory(needed, f"A frame of '{name}' in '{self.path}'", "export a smaller part of the data")
                part = dataset[index[::-1]] if self.is_matlab else dataset[index]
                parts.append(_as_complex(part.transpose() if self.is_matlab else part))
        return parts


def _arrays(file: h5py.File) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and type of all arrays of numbers."""
    found: dict[str, tuple[tuple[int, ...], str]] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim > 1 and not name.startswith("#"):
            if item.dtype.kind in "fiuc":
                found[name] = item.shape, str(item.dtype)
            elif _pair(item.dtype) is not None:
                found[name] = item.shape, "complex"

    file.visititems(add)
    return found


def _pair(dtype: np.dtype[Any]) -> tuple[str, str] | None:
    """Return the names of the fields of real and imaginary part, None where there are others."""
    names = tuple(dtype.names or ())
    return next((pair for pair in PAIRS if tuple(name.lower() for name in names) == pair), None) and (
        names[0],
        names[1],
    )


def _as_complex(part: Array) -> Array:
    pair = _pair(part.dtype)
    if pair is None:
        return part
    real, imaginary = (part[name] for name in pair)
    if real.dtype.kind not in "fiu" or imaginary.dtype.kind not in "fiu":
        raise InputError(f"The fields {pair[0]} and {pair[1]} are no numbers: store complex samples.")
    joined: Array = real + 1j * imaginary
    return joined


FORMAT = FileFormat("HDF5 or MATLAB 7.3 arrays", HDF5ArrayFile, order=90)
