"""Reads sampling patterns from files."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from fourfold.errors import InputError, as_path, nearest
from fourfold.files.bart import read_bart_header
from fourfold.files.documents import parse_json
from fourfold.files.hdf5 import open_hdf5, read_dataset
from fourfold.files.input import check_file
from fourfold.files.numpy_arrays import array_names, stored_array
from fourfold.memory import require_memory
from fourfold.sampling.validation import check_shape
from fourfold.scan import Axis, Sampling

__all__ = ["read_sampling"]

PROVENANCE = ("kind", "seed", "target_acceleration", "details")


def read_sampling(path: str | Path, shape: Sequence[int] | None = None, axis: Axis | None = None) -> Sampling:
    """Return the sampling pattern in a file.

    Parameters
    ----------
    path
        ``.npz`` (array ``mask``; provenance where `write_sampling` wrote it), ``.npy``, ``.h5`` (data set
        ``mask``, as in fastMRI's test files), or BART's ``.cfl``/``.hdr``. Masks hold 0 and 1 alone and have
        the shape (line,), (ky, kx) or (frame, ky, kx); an axis of size one stands for the whole axis of
        `shape`.
    shape
        Grid (ny, nx) that the mask is for. Needed for masks of lines, except in an HDF5 file with its
        k-space.
    axis
        Axis of a mask of lines. Found from `shape` where only one axis has that many lines; ``kx``, the last
        axis, in HDF5 files, as fastMRI defines it.

    Returns
    -------
    Sampling
        mask bool, (frame, ny, nx); kind ``file`` where the file tells nothing else.

    Raises
    ------
    InputError
        For a missing, damaged or unknown file, other values than 0 and 1, or a mask that does not fit
        `shape`.
    """
    path = as_path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"A mask cannot be read from a '{path.suffix}' file ('{path}'); use {', '.join(READERS)}."
            f"{nearest(path.suffix, READERS)}"
        )
    check_file(path)
    values, facts = reader(path)
    if values.dtype.kind not in "buifc" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"The mask in '{path}' holds values other than 0 and 1; store it as bool, True where acquired."
        )
    mask = values.astype(bool)
    if mask.ndim == 1:
        shape = facts.get("shape") if shape is None else shape
        mask = _place_lines(mask, path, shape, facts.get("axis") if axis is None else axis)
    mask = mask[None] if mask.ndim == 2 else mask
    if mask.ndim != 3:
        raise InputError(
            f"The mask in '{path}' has shape {values.shape}; it must be (line,), (ky, kx) or (frame, ky, kx)."
        )
    if shape is not None:
        mask = _fit(mask, path, check_shape(shape))
    provenance = facts.get("provenance", {"kind": "file", "details": {"file": path.name}})
    return Sampling(torch.tensor(mask), **provenance)


def _read_npz(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    names = array_names(path)
    if "mask" not in names:
        raise InputError(f"'{path}' holds {', '.join(names) or 'nothing'} but no array 'mask'; name it so.")
    mask = stored_array(path, "mask").load()
    if "provenance" not in names:
        return mask, {}
    provenance = parse_json(str(stored_array(path, "provenance").load()), f"'provenance' in '{path}'")
    with _damage_refused(path):
        return mask, {"provenance": {name: provenance[name] for name in PROVENANCE}}


def _read_npy(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    return stored_array(path, "mask").load(), {}


def _read_hdf5(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    with open_hdf5(path) as file:
        if not isinstance(file.get("mask"), h5py.Dataset):
            raise InputError(f"'{path}' holds {', '.join(file) or 'nothing'} but no data set 'mask'; name it so.")
        facts: dict[str, Any] = {"axis": "kx"}
        if isinstance(file.get("kspace"), h5py.Dataset):
            facts["shape"] = file["kspace"].shape[-2:]
        return read_dataset(file["mask"], path), facts


def _read_cfl(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    sizes, samples = read_bart_header(path.with_suffix(".hdr"))[0], path.with_suffix(".cfl")
    check_file(samples)
    require_memory(samples.stat().st_size, f"The mask in '{path}'", "give the mask that belongs to this data")
    with _damage_refused(path):
        values = np.fromfile(samples, np.complex64).reshape(sizes, order="F")
    if 1 not in sizes[:3] or sizes[3:5] != (1, 1):
        raise InputError(
            f"'{path}' has BART's dimensions {list(sizes[:5])}…; a mask has two in space and none of coils or maps."
        )
    unused = max(axis for axis in range(3) if sizes[axis] == 1)
    plane = [sizes[axis] for axis in range(3) if axis != unused]
    return np.moveaxis(values.reshape(*plane, math.prod(sizes[5:]), order="F"), -1, 0), {}


READERS: dict[str, Callable[[Path], tuple[NDArray[Any], dict[str, Any]]]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".cfl": _read_cfl,
    ".hdr": _read_cfl,
}


@contextmanager
def _damage_refused(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes its library raise into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"The mask file '{path}' is damaged or no '{path.suffix}' file; copy it again.") from error


def _place_lines(
    lines: NDArray[np.bool_], path: Path, shape: Sequence[int] | None, axis: str | None
) -> NDArray[np.bool_]:
    """Return the mask (ky, kx) of acquired lines (line,)."""
    if shape is None:
        raise InputError(
            f"The mask in '{path}' is a list of {lines.size} lines; give the grid it is for: shape=(ny, nx)."
        )
    sizes = dict(zip(("ky", "kx"), check_shape(shape), strict=True))
    fitting = [name for name, size in sizes.items() if size == lines.size and axis in (None, name)]
    if not fitting:
        where = f"along {axis}" if axis else "along either axis"
        raise InputError(
            f"The mask in '{path}' has {lines.size} lines, which does not fit a grid of "
            f"{sizes['ky']}×{sizes['kx']} {where}; give the mask that belongs to this data."
        )
    if len(fitting) > 1:
        raise InputError(
            f"The mask in '{path}' has {lines.size} lines, which fits both axes of the grid; say which with "
            "axis='ky' or axis='kx'."
        )
    return np.broadcast_to(lines[:, None] if fitting == ["ky"] else lines, tuple(sizes.values()))


def _fit(mask: NDArray[np.bool_], path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask (frame, ky, kx) with axes of size one repeated to `shape`."""
    if any(stored not in (1, size) for stored, size in zip(mask.shape[1:], shape, strict=True)):
        turned = ", or transpose this one, which then fits" if mask.shape[:0:-1] == shape else ""
        raise InputError(
            f"The mask in '{path}' is for a grid of {mask.shape[1]}×{mask.shape[2]} but this one is "
            f"{shape[0]}×{shape[1]}; give the mask that belongs to this data{turned}."
        )
    return np.broadcast_to(mask, (len(mask), *shape))
