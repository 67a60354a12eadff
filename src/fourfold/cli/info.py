"""`fourfold info`: what a raw file holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.console import print_facts, print_json
from fourfold.cli.files import FormatOptions
from fourfold.cli.flags import DATA, OUTPUT, Flag
from fourfold.formats import open_scan
from fourfold.methods.choose import choose_name

__all__ = ["info"]

PLACE = (
    "voxel_size_mm",
    "slice_thickness_mm",
    "orientation",
    "first_centre_mm",
    "last_centre_mm",
    "right_handed",
    "phase_axis",
)
"""Facts that every image has, known or not."""
LISTS = ("identity_known", "missing")
"""Facts that are lists of names."""
CENTRES = ("first_centre_mm", "last_centre_mm")
"""Facts that are positions."""
FRAMES_UNKNOWN = "not known: say what the frames are with --frames-are slice, time, contrast, … or slice=8,time"


def info(
    file: Path,
    /,
    *,
    format_options: Annotated[FormatOptions | None, Parameter(name="*", group=DATA)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Show what a raw file holds and which method `recon --quick` would take, by rule.

    Reads the header and the first frame, however large the file is: dimensions, protocol, where the frames lie in the
    patient, and what is missing. Of patient and study only the names of what is known are shown.

    Parameters
    ----------
    file
        Raw k-space.
    json
        Print the facts on stdout as JSON.
    """
    volume = open_scan(file, **(format_options or {}))
    first = volume.read_checked([0])
    method, reason = choose_name(first)
    facts = {**volume.summary(first), "method_chosen": method, "because": reason}
    if json:
        print_json(facts)
    else:
        unknown = {name: "not known" for name in PLACE if facts[name] is None}
        if volume.frames > 1 and facts["frames_by_label"] is None:
            unknown["frames_by_label"] = FRAMES_UNKNOWN
        lists = {name: ", ".join(facts[name]).replace("_", " ") or "nothing" for name in LISTS}
        places = {name: _place(facts[name]) for name in CENTRES if facts[name] is not None}
        print_facts({**facts, **lists, **places, **unknown})


def _place(centre: Sequence[float]) -> str:
    """Return a position in words, such as ``12 left, 30.5 front, 4 head``."""
    sides = (("right", "left"), ("front", "back"), ("foot", "head"))
    return ", ".join(f"{abs(at):g} {side[at >= 0]}" for at, side in zip(centre, sides, strict=True))
