"""Input files: whether they exist and may be read, and the text of small ones."""

from __future__ import annotations

import stat
from pathlib import Path

from fourfold.errors import InputError, nearest
from fourfold.memory import require_memory

__all__ = ["check_file", "first_bytes", "read_text"]

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_file(path: Path) -> None:
    """Raise InputError unless `path` is a file with content that may be read."""
    try:
        if path.is_dir():
            raise InputError(f"'{path}' is a folder, not a file: name one file in it.")
        if not path.exists():
            raise InputError(_missing(path))
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind != stat.S_IFREG:
            raise InputError(
                f"'{path}' is {_KINDS.get(kind, 'something else')}, not a file, and may never end: write what comes "
                "out of it to a file first."
            )
        if not first_bytes(path, 1):
            raise InputError(f"'{path}' is empty (0 bytes): copy or export it again.")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror}): check its permissions.") from None


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"'{path}' is a link to '{path.readlink()}', which leads to no file: correct the link."
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return f"There is no file '{path}': check the spelling.{nearest(path.name, siblings)}"


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first `count` bytes of the file, fewer where it is shorter."""
    with path.open("rb") as file:
        return file.read(count)


def read_text(path: Path, errors: str = "strict") -> str:
    """Return the text of a UTF-8 file, whatever the locale says.

    Parameters
    ----------
    path
        The file.
    errors
        What to do with bytes that are no UTF-8, as in `bytes.decode`.

    Raises
    ------
    InputError
        As `check_file`; when the file does not fit into the memory, or is no UTF-8.
    """
    check_file(path)
    require_memory(path.stat().st_size, f"The text of '{path}'", "it is no file of this kind; check its name")
    try:
        return path.read_text(encoding="utf-8", errors=errors)
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no text in UTF-8 (byte {error.start}): save it as UTF-8.") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror}): check its permissions.") from None
