"""How much memory is free, and whether a file or a setting fits into it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fourfold.errors import InputError

__all__ = ["array_bytes", "is_out_of_memory", "memory_at_hand", "readable_size", "require_memory"]

# Folders of control groups, and their names for the limit, the memory in use, and the part that can be reclaimed.
_GROUPS = {
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
}


def require_memory(needed: int, what: str, advice: str) -> None:
    """Raise InputError where `needed` bytes are more than half of the memory at hand.

    Half of it, because processing the data takes as much memory again.

    Parameters
    ----------
    needed
        Bytes.
    what
        What needs them: the subject of the error's sentence.
    advice
        What to do: the end of the sentence.
    """
    free = memory_at_hand()
    if free is not None and needed > free / 2:
        raise InputError(
            f"{what} needs {readable_size(needed)} of memory, more than half of the {readable_size(free)} that are "
            f"free: {advice}."
        )


def array_bytes(shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes of an array, in whole numbers that do not overflow."""
    total = int(itemsize)
    for size in shape:
        total *= int(size)
    return total


def readable_size(count: int) -> str:
    """Return a number of bytes in the largest unit that suits: ``205 GB``."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 999.5 or unit == "PB":
            return f"{size:.2g} {unit}" if 0 < size < 9.95 else f"{size:,.0f} {unit}"
        size /= 1000
    raise AssertionError


def memory_at_hand() -> int | None:
    """Return the bytes of memory that are free for this process, None where not known.

    This is the least of what the computer, the control groups (containers, batch systems) and ``ulimit -v`` allow.
    """
    left = [*_of_computer(), *_of_groups(), *_of_process()]
    return max(0, min(left)) if left else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, as Python, NumPy and torch do in different ways."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    signs = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory")
    return isinstance(error, RuntimeError | OSError) and any(sign in text for sign in signs)


def _of_computer() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return


def _of_groups() -> Iterator[int]:
    """Yield what the control group of this process, and those around it, leave."""
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, place = line.split(":", 2)
        kind = "memory" if "memory" in controllers.split(",") else controllers
        if kind in _GROUPS:
            root, *names = _GROUPS[kind]
            group = Path(root, place.lstrip("/"))
            for folder in (group, *group.parents):
                if folder.is_relative_to(root):
                    yield from _of_group(folder, *names)


def _of_group(folder: Path, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    numbers = [text for name in (limit, used) for text in _lines(folder / name)]
    if len(numbers) == 2 and all(text.isdecimal() for text in numbers):
        cached = [int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.startswith(f"{reclaimable} ")]
        yield int(numbers[0]) - int(numbers[1]) + sum(cached)


def _of_process() -> Iterator[int]:
    """Yield what the limit on the address space leaves."""
    try:
        import resource
    except ImportError:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    for line in _lines(Path("/proc/self/statm")):
        if limit != resource.RLIM_INFINITY:
            yield limit - int(line.split()[0]) * resource.getpagesize()


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of the system, none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
