"""The index of Philips' exported raw data: general values, and the complex vectors with their counters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.input import read_text

__all__ = ["COLUMNS", "TITLE", "Index", "Vectors", "read_index"]

Array = npt.NDArray[Any]

TITLE = b"DATA DESCRIPTION FILE"
"""Words in the first line of an index."""
COLUMNS = (
    "mix",
    "dyn",
    "card",
    "echo",
    "loca",
    "chan",
    "extr1",
    "extr2",
    "ky",
    "kz",
    "unused",
    "aver",
    "sign",
    "rf",
    "grad",
    "enc",
    "rtop",
    "rr",
    "size",
    "offset",
)
"""Columns of a vector behind its type, as the file's own comments name them."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of one type."""

    rows: Array
    """int64, (vector, column), by `COLUMNS`."""

    def column(self, name: str) -> Array:
        """Return a column."""
        column: Array = self.rows[:, COLUMNS.index(name)]
        return column


@dataclass(frozen=True)
class Index:
    """What the index holds."""

    values: dict[str, tuple[float, ...]]
    """General values by their names; the first where mixes or echoes have values of their own."""
    vectors: dict[str, Vectors]
    """Vectors by their type: ``STD`` (standard), ``NOI`` (noise), …"""


def read_index(path: Path) -> Index:
    """Return the content of an index; raises InputError where it is damaged or lists no standard vectors."""
    values: dict[str, tuple[float, ...]] = {}
    rows: dict[str, list[list[int]]] = {}
    for number, line in enumerate(read_text(path, errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            if text.startswith("."):
                name, _, numbers = text.partition(":")
                key = re.sub(r"^[.\s\d]+", "", name).strip()
                values.setdefault(key, tuple(float(word) for word in numbers.split()))
            else:
                kind, *words = text.split()
                row = [int(word) for word in words]
                if len(row) != len(COLUMNS):
                    raise ValueError(f"{len(row)} numbers in the place of {len(COLUMNS)}")
                rows.setdefault(kind, []).append(row)
        except (ValueError, OverflowError) as error:
            raise InputError(f"Line {number} of '{path}' is damaged ({error}): export the scan again.") from None
    try:
        vectors = {kind: Vectors(np.array(entries, np.int64)) for kind, entries in rows.items()}
    except OverflowError:
        raise InputError(f"'{path}' holds numbers that are too large: export the scan again.") from None
    if "STD" not in vectors:
        raise InputError(f"'{path}' lists no standard vectors (STD), which hold the image: export the scan again.")
    return Index(values, vectors)
