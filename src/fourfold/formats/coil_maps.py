"""Coil maps from a separate file: NumPy's, or BART's as ``bart ecalib`` writes it."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, as_path
from fourfold.files.input import check_file
from fourfold.files.numpy_arrays import array_names, is_numpy, is_single_array, stored_array
from fourfold.formats.cfl import read_header
from fourfold.memory import require_memory

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_maps"]

NAMES = ("coil_maps", "maps")


def read_maps(path: str | PathLike[str]) -> Tensor:
    """Return the coil maps in a file.

    Parameters
    ----------
    path
        ``.npy``, or ``.npz`` with ``coil_maps`` or ``maps``: (frame, set, coil, y, x), where leading axes may lack; or
        BART's ``.cfl`` of one slice, with coils in dimension 3 and sets in dimension 4.

    Returns
    -------
    Tensor
        complex64, (frame, set, coil, y, x). Whether they fit a scan is checked when the scan takes them.

    Raises
    ------
    InputError
        When the file is missing, damaged, of another kind, or holds no maps.
    """
    import torch

    path = as_path(path)
    check_file(path)
    array = _from_cfl(path) if path.suffix in (".cfl", ".hdr") else _from_numpy(path)
    if array.dtype.kind != "c" or not 3 <= array.ndim <= 5:
        raise InputError(
            f"The coil maps in '{path}' are {array.dtype} of shape {array.shape}; they must be complex, "
            "(coil, y, x) with up to two axes before, for frames and sets."
        )
    return torch.from_numpy(np.array(array[(None,) * (5 - array.ndim)], np.complex64))


def _from_numpy(path: Path) -> npt.NDArray[Any]:
    if not is_numpy(path):
        raise InputError(f"'{path}' cannot be read as coil maps; give .npz or .npy, or BART's .cfl.")
    names = list(NAMES) if is_single_array(path) else array_names(path)
    name = next((name for name in NAMES if name in names), None)
    if name is None:
        listed = ", ".join(names) or "no array"
        raise InputError(f"'{path}' holds {listed}; name the coil maps 'coil_maps' (coil, y, x).")
    return stored_array(path, name).load()


def _from_cfl(path: Path) -> npt.NDArray[Any]:
    sizes = read_header(path.with_suffix(".hdr"))[0]
    file = path.with_suffix(".cfl")
    check_file(file)
    count = file.stat().st_size // np.dtype(np.complex64).itemsize
    spatial, coils, sets = sizes[:3], sizes[3], sizes[4]
    if count != math.prod(sizes) or math.prod(sizes[5:]) > 1 or 1 not in spatial:
        dimensions = " × ".join(str(size) for size in sizes if size > 1)
        raise InputError(
            f"'{path}' has the dimensions {dimensions} and {count:,} values; coil maps are needed for one slice: "
            "two spatial dimensions, coils in dimension 3, sets in dimension 4."
        )
    require_memory(file.stat().st_size, f"The coil maps in '{path}'", "take maps of the size of the scan")
    array: npt.NDArray[Any] = np.fromfile(file, np.complex64).reshape((sets, coils, *spatial[::-1]))
    unused = 4 - spatial.index(1) if spatial.count(1) == 1 else 2
    plane: npt.NDArray[Any] = np.take(array, 0, axis=unused)
    return plane.swapaxes(-1, -2)
