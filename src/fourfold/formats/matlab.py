"""MATLAB files (``.mat``) of versions 4 to 7: the user names the variable with k-space and its axes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.files.damage import damage_explained
from fourfold.files.hdf5 import is_hdf5
from fourfold.files.input import first_bytes
from fourfold.formats.array_file import ArrayFile
from fourfold.formats.registry import FileFormat
from fourfold.memory import array_bytes, require_memory

__all__ = ["FORMAT", "MatlabFile"]

Array = npt.NDArray[Any]

NUMBERS = ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
LARGEST_NUMBER = 16
"""Bytes of a complex number in double precision."""
BLOCK_BYTES = 2**30


class MatlabFile(ArrayFile):
    """Reads a variable of a MATLAB file; the whole variable is loaded for every read, since it is stored in one piece.

    Parameters
    ----------
    path
        The file.
    dataset
        Name of the variable, or those of real and imaginary part, separated by a comma.
    axes
        What its axes are, in the order of MATLAB's ``size``: ``coil``, ``ky``, ``kx``, ``complex`` (real and imaginary
        part), or labels of frames such as ``slice``.
    """

    format: ClassVar[str] = "MATLAB"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file begins as MATLAB files do, and is not HDF5, as those of version 7.3 are."""
        return first_bytes(path, 6) == b"MATLAB" and not is_hdf5(path)

    def __init__(self, path: Path, dataset: str | None = None, axes: str | None = None) -> None:
        from scipy.io import whosmat

        with _explained(path):
            variables = whosmat(str(path))
        stored: dict[str, tuple[tuple[int, ...], str]] = {
            name: (tuple(shape), kind) for name, shape, kind in variables if kind in NUMBERS and len(shape) > 1
        }
        for name in {part.strip() for part in (dataset or "").split(",")} & set(stored):
            shape, kind = stored[name]
            self._require(path, name, shape)
            # Only the samples themselves say whether they are complex.
            stored[name] = shape, "complex" if _variable(path, name, shape).dtype.kind == "c" else kind
        self.arrange(path, stored, dataset, axes)
        frame_bytes = self.coils * self.matrix[0] * self.matrix[1] * LARGEST_NUMBER
        self.block = min(self.frames, max(1, BLOCK_BYTES // frame_bytes))

    def _require(self, path: Path, name: str, shape: tuple[int, ...]) -> None:
        require_memory(
            array_bytes(shape, LARGEST_NUMBER),
            f"The variable '{name}' of shape {shape} in '{path}', which is stored in one piece,",
            "save it with save('-v7.3'), whose parts can be read, or take a computer with more memory",
        )

    def parts(self, name: str, indices: Sequence[tuple[int | slice, ...]]) -> list[Array]:
        """Return parts of a variable."""
        self._require(self.path, name, self.axes.sizes)
        variable = _variable(self.path, name, self.axes.sizes)
        return [variable[index] for index in indices]


def _variable(path: Path, name: str, shape: tuple[int, ...]) -> Array:
    from scipy.io import loadmat

    with _explained(path):
        variable = np.asarray(loadmat(str(path), variable_names=[name])[name])
        if variable.shape != shape or variable.dtype.kind not in "fiuc":
            raise ValueError(f"'{name}' is {variable.dtype} of shape {variable.shape}")
    return variable


def _explained(path: Path) -> AbstractContextManager[None]:
    return damage_explained(f"'{path}' ({path.stat().st_size:,} bytes) is truncated or damaged", "save it again")


FORMAT = FileFormat("MATLAB", MatlabFile, order=80)
