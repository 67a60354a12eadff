"""Output files: checked before long work, written beside their place, and moved there when they are whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from fourfold.errors import InputError, as_path, nearest

__all__ = ["atomically", "check_target", "files_of", "suffix_of"]

# Formats of several files, by the suffix that is named.
_PAIRS = {".cfl": ".hdr", ".hdr": ".cfl"}


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


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that an output or an input called `path` stands for: BART's are pairs."""
    other = _PAIRS.get(path.suffix.lower())
    return (path,) if other is None else (path, path.with_suffix(other))


@contextmanager
def atomically(path: Path, suffix: str, replace: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block succeeds, what was written there takes the place of `path`.

    Whatever goes wrong in the block, an interruption included, leaves neither the target changed nor a temporary file.
    A format of several files writes them under the temporary path's stem. Without `replace` a target that exists by
    then, perhaps written by another process meanwhile, is kept.

    Raises
    ------
    InputError
        When the system refuses to write (disk full, permissions), or when the target exists and is not to be replaced.
    """
    target = path.name[: -len(suffix)]
    stem = f".{target}.{secrets.token_hex(4)}"
    try:
        yield path.with_name(stem + path.name[-len(suffix) :])
        written = {file: path.with_name(target + file.name.removeprefix(stem)) for file in _written(path.parent, stem)}
        if replace:
            for file, final in written.items():
                file.replace(final)
        else:
            _place(written)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"'{path}' could not be written ({reason}): free some space or choose another folder."
        ) from error
    finally:
        for left in _written(path.parent, stem):
            left.unlink()


def _place(written: Mapping[Path, Path]) -> None:
    """Give files their final names, none of which may be taken; all of them or none."""
    placed: list[Path] = []
    try:
        for file, final in written.items():
            _place_one(file, final)
            placed.append(final)
    except FileExistsError:
        for file in placed:
            file.unlink()
        raise InputError(
            f"The output '{final}' was written by another program in the meantime and is kept: choose another name, or "
            "replace it (--force)."
        ) from None


def _place_one(file: Path, final: Path) -> None:
    """Give a file its final name; raises FileExistsError where that is taken, however late it was."""
    try:
        os.link(file, final)
    except FileExistsError:
        raise
    except OSError:
        # File systems without hard links: an empty file takes the name first.
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        file.replace(final)


def _written(folder: Path, stem: str) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.name.startswith(stem + "."))
