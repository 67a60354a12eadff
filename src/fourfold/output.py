"""Output files: checked before long work, written beside their place, and moved there when they are whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from fourfold.errors import InputError, as_path, nearest

__all__ = ["atomically", "check_target", "suffix_of"]


def suffix_of(path: Path, known: Iterable[str]) -> str:
    """Return which of the `known` suffixes `path` ends in; raises InputError with the nearest one for others."""
    known = list(known)
    for suffix in sorted(known, key=len, reverse=True):
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return suffix
    found = f"has the suffix '{path.suffix}'" if path.suffix else "has no suffix"
    raise InputError(
        f"'{path}' {found}, which says no format; end it in one of {', '.join(known)}.{nearest(path.suffix, known)}"
    )


def check_target(path: str | PathLike[str], known: Iterable[str]) -> Path:
    """Return `path` when a file of one of the `known` suffixes can be written there, else raise InputError."""
    path = as_path(path)
    suffix_of(path, known)
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' of the output '{path.name}' does not exist: create it first.")
    if path.is_dir():
        raise InputError(f"The output '{path}' is a folder: name a file.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder '{folder}' of the output '{path.name}' is not writable: choose another folder.")
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"The output '{path}' exists and is write-protected: choose another name.")
    return path


@contextmanager
def atomically(path: Path, suffix: str) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block succeeds, what was written there takes the place of `path`.

    Whatever goes wrong in the block, an interruption included, leaves neither the target changed nor a temporary file.
    A format of several files writes them under the temporary path's stem.

    Raises
    ------
    InputError
        When the system refuses to write (disk full, permissions).
    """
    target = path.name[: -len(suffix)]
    stem = f".{target}.{secrets.token_hex(4)}"
    try:
        yield path.with_name(stem + path.name[-len(suffix) :])
        for written in _files_of(path.parent, stem):
            written.replace(path.with_name(target + written.name.removeprefix(stem)))
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"'{path}' could not be written ({reason}): free some space or choose another folder."
        ) from error
    finally:
        for left in _files_of(path.parent, stem):
            left.unlink()


def _files_of(folder: Path, stem: str) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.name.startswith(stem + "."))
