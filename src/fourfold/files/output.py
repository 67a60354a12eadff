"""Output files: checked before long work, written to a temporary file beside the target, renamed when complete."""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any

from fourfold.errors import InputError, as_path, nearest

__all__ = [
    "FOLDER",
    "atomically",
    "check_target",
    "files_of",
    "folder_atomically",
    "late_refusal",
    "refusals_explained",
    "suffix_of",
    "write_buffer",
    "write_text",
]

FOLDER = "folder/"
"""Stands among suffixes for a folder of files, whose name has no suffix."""

# Formats of several files, by the suffix that is named.
_PAIRS = {".cfl": ".hdr", ".hdr": ".cfl"}


def suffix_of(path: Path, known: Iterable[str]) -> str:
    """Return which of the `known` suffixes `path` ends in; raises InputError with the nearest one for others."""
    known = list(known)
    for suffix in sorted(known, key=len, reverse=True):
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return suffix
    if FOLDER in known and path.name and not path.suffix and not path.name.startswith("."):
        return FOLDER
    problem = f"has the suffix '{path.suffix}'" if path.suffix else "has no suffix"
    raise InputError(
        f"'{path}' {problem}, which says no format; end it in one of {', '.join(known)}.{nearest(path.suffix, known)}"
    )


def check_target(path: str | PathLike[str], known: Iterable[str]) -> Path:
    """Return `path` when a file of one of the `known` suffixes can be written there, else raise InputError."""
    path = as_path(path)
    is_folder = suffix_of(path, known) == FOLDER
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' of the output '{path.name}' does not exist: create it first.")
    if path.is_dir() and not is_folder:
        raise InputError(f"The output '{path}' is a folder: name a file.")
    if path.is_file() and is_folder:
        raise InputError(f"The output '{path}' is a file: name a folder, or a file with a suffix.")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"The output '{path}' is a pipe, a socket or a device: name a file.")
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
    """Yield a temporary path beside `path`; when the block succeeds, the file written there replaces `path`.

    An error or an interruption in the block leaves the target unchanged and no temporary file.
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
        with refusals_explained(path):
            yield path.with_name(stem + path.name[-len(suffix) :])
            files = _written(path.parent, stem)
            written = {file: path.with_name(target + file.name.removeprefix(stem)) for file in files}
            if replace:
                for file, final in written.items():
                    file.replace(final)
            else:
                _place(written)
    finally:
        for left in _written(path.parent, stem):
            left.unlink()


@contextmanager
def folder_atomically(path: Path, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block succeeds, the folders in it are moved to `path`.

    An error or an interruption in the block leaves the target unchanged and no temporary folder. Folders of the same
    names in the target are replaced, where they hold nothing but files of the same suffixes.

    Raises
    ------
    InputError
        When the system refuses to write, when the target holds something and is not to be replaced, and when a folder
        to replace holds other files.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with refusals_explained(path):
            temporary.mkdir()
            yield temporary
            if path.exists() and any(path.iterdir()) and not replace:
                raise InputError(
                    f"The output '{path}' holds files already: choose another name, or replace them (--force)."
                )
            path.mkdir(exist_ok=True)
            made = sorted(temporary.iterdir())
            for each in made:
                _check_replaceable(path / each.name, each)
            for each in made:
                shutil.rmtree(path / each.name, ignore_errors=True)
                each.rename(path / each.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_replaceable(old: Path, new: Path) -> None:
    """Refuse to replace a folder by a new one where it holds other things than files of the same suffixes."""
    if not os.path.lexists(old):
        return
    suffixes = {file.suffix for file in new.iterdir()}
    if (
        not old.is_dir()
        or old.is_symlink()
        or not all(file.is_file() and file.suffix in suffixes for file in old.iterdir())
    ):
        raise InputError(f"'{old}' holds other files than {', '.join(sorted(suffixes))}: name another folder.")


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Turn an error of the system in writing into an InputError that names the file and the cause."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"'{path}' could not be written ({reason}): free some space or choose another folder."
        ) from error


@contextmanager
def late_refusal(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file for a library that cannot handle write errors: they are raised when the library has finished.

    HDF5 ends the process where it cannot write what it has to close; torch hides the cause.

    Raises
    ------
    OSError
        When the system refuses to write (disk full, file too large).
    """
    with _Target(path) as target:
        try:
            yield target
        finally:
            if target.refusal is not None:
                raise target.refusal


class _Target(io.FileIO):
    """A file that remembers the first write error; what is written after it is dropped."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.refusal: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while self.refusal is None and rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.refusal = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.refusal = self.refusal or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        """Read as much as was to be written, zeros in the place of what was dropped."""
        view = memoryview(buffer).cast("B")
        count = super().readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8; characters that it cannot encode, such as undecodable bytes of file names, are escaped."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_buffer(file: IO[bytes], values: Any) -> None:
    """Write the bytes of an array in C order; unlike NumPy's own ``tofile`` it says why the system refuses."""
    file.write(memoryview(values).cast("B") if values.size else b"")
    file.flush()


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
