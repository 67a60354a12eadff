"""HDF5 files, opened safely: all samples must lie in the file itself, and sizes must fit into the memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from fourfold.errors import InputError
from fourfold.files.input import first_bytes
from fourfold.memory import array_bytes, require_memory

__all__ = ["check_dataset", "is_hdf5", "open_hdf5", "read_dataset"]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# How a data set names its own file as a source.
SAME_FILE = b"."


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
        When the file is truncated or damaged, here or inside the block, or when it points to another file.
    """
    try:
        # A lock is not needed to read, and network folders often refuse it.
        with h5py.File(path, "r", locking=False) as file:
            _check_links(file, path)
            file.visititems(lambda name, item: _check_storage(name, item, path))
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
    """Refuse a link to another file: it may lead to any file of this computer, or to a pipe that never ends."""
    links: dict[str, Any] = {}
    file.visititems_links(links.__setitem__)
    for name, link in links.items():
        if isinstance(link, h5py.ExternalLink):
            raise InputError(
                f"'{path}' holds a link '{name}' to another file, '{link.filename}'; fourfold reads only what is "
                "inside the file itself: give that file, or copy it into this one (h5copy)."
            )


def _check_storage(name: str, item: h5py.Group | h5py.Dataset, path: Path) -> None:
    """Refuse a data set whose samples are bytes or data sets of another file; neither is opened."""
    if not isinstance(item, h5py.Dataset):
        return
    layout = item.id.get_create_plist()
    others = [layout.get_external(index)[0] for index in range(layout.get_external_count())]
    if layout.get_layout() == h5py.h5d.VIRTUAL:
        sources = [layout.get_virtual_filename(index) for index in range(layout.get_virtual_count())]
        others += [source for source in sources if source not in (SAME_FILE, SAME_FILE.decode())]
    if others:
        other = os.fsdecode(others[0])
        raise InputError(
            f"The data set '{name}' of '{path}' stores its samples in another file, '{other}'; fourfold reads only "
            "what is inside the file itself: copy the samples into it (h5repack), if you trust whoever made it."
        )


def check_dataset(dataset: h5py.Dataset, path: Path, rows: int | None = None) -> None:
    """Raise InputError where `rows` entries along the first axis, or all, do not fit into the memory.

    A few bytes of HDF5 can stand for any number of values. What was packed is unpacked in whole chunks.
    """
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
