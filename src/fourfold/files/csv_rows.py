"""CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fourfold.files.output import atomically

__all__ = ["write_csv"]

# A name that the system gave and that is no text is written as code writes it.
_ERRORS = "backslashreplace"
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of names and values; text that a spreadsheet would compute gets an apostrophe in front."""
    rows = [{_as_text(name): _as_text(value) for name, value in row.items()} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomically(path, ".csv") as target, target.open("w", newline="", encoding="utf-8", errors=_ERRORS) as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _as_text(value: Any) -> Any:
    """Return text, from a file's name or label, such that no spreadsheet takes it for a formula; all else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
