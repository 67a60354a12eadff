"""The option by which a user says where the centre of k-space lies in a raw file whose header is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fourfold.errors import InputError
from fourfold.formats.lines.centre import Centre, LineEnergies
from fourfold.formats.lines.table import Table, is_reversed

__all__ = ["FROM_DATA", "choose_centre", "parse_centre"]

FROM_DATA = "data"
PLACES = ("line", "partition", "sample")


def parse_centre(text: str) -> dict[str, int]:
    """Return the places that the user gives, such as ``line=32,sample=60``; raises InputError for anything else."""
    places: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name not in PLACES or not number.strip().isdigit():
            raise InputError(
                f"The centre is '{text}'; it must be '{FROM_DATA}', or places such as 'line=32' or "
                "'line=32,partition=8,sample=60': steps 1 and 2, and the sample along the readout."
            )
        places[name] = int(number)
    return places


def choose_centre(
    option: str | None,
    stated: Centre,
    imaging: Table,
    sizes: tuple[int, int, int],
    energies: Callable[[], LineEnergies],
) -> tuple[Centre, tuple[str, ...]]:
    """Return where the centre of k-space lies, and a note where that is not what the header states.

    Parameters
    ----------
    option
        ``data``, places as in `parse_centre`, or None for what is stated.
    stated
        The centre by the header.
    imaging
        Headers of the imaging lines.
    sizes
        Encoded matrix (x, y, z).
    energies
        Reads the energies of a group of lines whose peak is clear.
    """
    if option is None:
        return stated, ()
    if option == FROM_DATA:
        changes = energies().contradictions(stated, sizes)
    else:
        changes = _offsets(parse_centre(option), imaging)
    centre = replace(stated, **changes)
    if centre == stated:
        return stated, ()
    origin = "the data" if option == FROM_DATA else "the option"
    return centre, (f"The centre of k-space was taken from {origin}: {centre.differences(stated)}.",)


def _offsets(places: dict[str, int], imaging: Table) -> dict[str, int]:
    """Return places with the sample as its distance from the ``center_sample`` of forward and of reversed lines."""
    changes = dict(places)
    sample = changes.pop("sample", None)
    if sample is not None:
        for name, chosen in (("forward", ~is_reversed(imaging)), ("reverse", is_reversed(imaging))):
            if chosen.any():
                changes[name] = sample - int(imaging["center_sample"][chosen][0])
    return changes
