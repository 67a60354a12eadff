"""Headers of BART's file pairs: ``name.hdr`` with the dimensions beside ``name.cfl`` with the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from fourfold.errors import InputError
from fourfold.files.input import read_text
from fourfold.files.output import write_text

__all__ = ["DIMENSIONS", "SLICE", "read_bart_header", "write_bart_header"]

DIMENSIONS = 16
SLICE = 13
"""BART's dimension of slices."""


def read_bart_header(path: Path) -> tuple[tuple[int, ...], dict[str, str]]:
    """Return the dimensions, filled up to 16, and the line below each title, such as ``Creator``.

    Raises
    ------
    InputError
        When the header is missing or gives no dimensions.
    """
    lines = read_text(path, errors="replace").splitlines()
    sections = {line[1:].strip(): text for line, text in pairwise(lines) if line.startswith("#")}
    try:
        sizes = tuple(int(size) for size in sections["Dimensions"].split())
    except (KeyError, ValueError):
        sizes = ()
    if not sizes or min(sizes) < 1 or len(sizes) > DIMENSIONS:
        given = f"the dimensions '{sections['Dimensions'][:60]}'" if sections.get("Dimensions") else "no dimensions"
        raise InputError(
            f"'{path}' gives {given}; a BART header has a line '# Dimensions' and below it up to {DIMENSIONS} whole "
            "numbers from 1 on: export the data again."
        )
    return sizes + (1,) * (DIMENSIONS - len(sizes)), sections


def write_bart_header(path: Path, sizes: Mapping[int, int], sections: Sequence[tuple[str, str]] = ()) -> None:
    """Write a header.

    Parameters
    ----------
    path
        The header's file.
    sizes
        Sizes of BART's dimensions by number; the others are of size 1.
    sections
        Titles and the line below each.
    """
    dimensions = " ".join(str(sizes.get(number, 1)) for number in range(DIMENSIONS))
    text = "".join(f"# {title}\n{line}\n" for title, line in (("Dimensions", dimensions), *sections))
    write_text(path, text)
