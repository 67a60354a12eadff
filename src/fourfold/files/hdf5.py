"""HDF5 files, opened safely: links lead to files, and what is declared fits into the memory before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from fourfold.errors import InputError
from fourfold.files.input import check_file, first_bytes
from fourfold.memory import array_bytes, require_memory

__all__ = ["check_dataset", "is_hdf5", "open_hdf5", "read_dataset"]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether the file starts as HDF5 does, whole or truncated; MATLAB's 512-byte preface is allowed for."""
    start = first_bytes(path, 520)
    return start[:8] == HDF5_SIGNATURE or start[512:] == HDF5_SIGNATURE


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, for as long as one read takes.

    Files are opened for each read and closed after it, so that readers can be pickled and used in worker processes.

    Raises
    ------
    InputError
        When the file is truncated or damaged, here or inside the block.
    """
    try:
        # A lock is not needed to read, and network folders often refuse it.
        with h5py.File(path, "r", locking=False) as file:
            _check_links(file, path)
            yield file
    except (InputError, MemoryError):
        raise
    # HDF5 raises almost anything on damaged content: OSError, KeyError, RuntimeError, ValueError, TypeError, …
    except Exception as error:
        reason = "truncated" if "truncated" in str(error) else "damaged"
        raise InputError(
            f"'{path}' ({path.stat().st_size:,} bytes) is a {reason} HDF5 file: copy or download it again."
        ) from error


def _check_links(file: h5py.File, path: Path) -> None:
    """Refuse a link to another file that is none, such as a pipe, for which HDF5 would wait for ever."""
    links: list[Any] = []
    file.visititems_links(lambda _, link: links.append(link))
    for link in links:
        if isinstance(link, h5py.ExternalLink):
            check_file(path.parent / link.filename)


def check_dataset(dataset: h5py.Dataset, path: Path, rows: int | None = None) -> None:
    """Raise InputError where `rows` entries along the first axis, or all, do not fit into the memory.

    A few bytes of HDF5 can stand for any number of values. What was packed is unpacked in whole chunks. Other files
    that the values lie in must be files, no pipes.
    """
    others = [name for name, *_ in dataset.external or ()]
    others += [source.file_name for source in dataset.virtual_sources()] if dataset.is_virtual else []
    for name in set(others) - {"."}:
        # A name with % stands for several.
        if "%" not in name:
            check_file(path.parent / name)
    shape = dataset.shape if rows is None else (rows, *dataset.shape[1:])
    packed = dataset.chunks if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else ()
    advice = "export a smaller part of the data, or take a computer with more memory"
    name = f"'{dataset.name.lstrip('/')}' of shape {dataset.shape} in '{path}'"
    what = "all" if rows is None else f"{rows} of {dataset.shape[0]} entries"
    require_memory(array_bytes(shape, dataset.dtype.itemsize), f"Reading {what} of {name}", advice)
    require_memory(array_bytes(packed, dataset.dtype.itemsize), f"Unpacking a chunk {packed} of {name}", advice)


def read_dataset(dataset: h5py.Dataset, path: Path) -> Any:
    """Return all that a dataset holds; raises InputError where it does not fit into the memory."""
    check_dataset(dataset, path)
    return dataset[()]
