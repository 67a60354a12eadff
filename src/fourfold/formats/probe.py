"""What every reader needs before it knows the format: is the file there, its first bytes, HDF5 opened safely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from fourfold.errors import InputError, nearest

__all__ = ["check_file", "first_bytes", "is_hdf5", "open_hdf5"]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_file(path: Path) -> None:
    """Raise InputError unless `path` is a file with content that may be read."""
    try:
        if path.is_dir():
            raise InputError(f"'{path}' is a folder, not a raw file: name one file in it.")
        if not path.exists():
            siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(f"There is no file '{path}': check the spelling.{nearest(path.name, siblings)}")
        if not first_bytes(path, 1):
            raise InputError(f"'{path}' is empty (0 bytes): copy or export it again.")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror}): check its permissions.") from None


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first `count` bytes of the file, fewer where it is shorter."""
    with path.open("rb") as file:
        return file.read(count)


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
            yield file
    except InputError:
        raise
    # HDF5 raises almost anything on damaged content: OSError, KeyError, RuntimeError, ValueError, TypeError, …
    except Exception as error:
        reason = "truncated" if "truncated" in str(error) else "damaged"
        raise InputError(
            f"'{path}' ({path.stat().st_size:,} bytes) is a {reason} HDF5 file: copy or download it again."
        ) from error
