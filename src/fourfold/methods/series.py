"""Which frames of a scan form a series: those that differ in time alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from fourfold.errors import InputError
from fourfold.scan import PLACE_LABELS, Scan

__all__ = ["CONTRASTS", "TIMES", "Series", "find_series", "has_series"]

TIMES = ("phase", "time", "time2", "repetition", "repeat")
"""Labels that count times, the preferred one first: phases of the heart before repetitions of the whole cycle."""
CONTRASTS = ("contrast", "echo")
"""Labels that count echoes or other contrasts of one slice."""


@dataclass(frozen=True)
class Series:
    """The series of a scan."""

    frames: tuple[tuple[int, ...], ...]
    """Indices of each series' frames, in the order of their times."""
    notes: tuple[str, ...] = ()
    """What a reader must know of them."""


def has_series(scan: Scan, along: Sequence[str]) -> bool:
    """Return whether a method for series along these labels takes `scan`; see `find_series`."""
    try:
        find_series(scan, "", along)
    except InputError:
        return False
    return True


def find_series(scan: Scan, method: str, along: Sequence[str]) -> Series:
    """Return the series of a scan: frames that differ in one label of time and agree in all others.

    Slices, and within them contrasts, sets and whatever else the labels count, are separate series. Frames without
    labels are taken for one slice in time, and a note says so.

    Parameters
    ----------
    scan
        The acquisition.
    method
        The method's name, for messages.
    along
        Labels that a series may run along; the first of them that varies is taken.

    Raises
    ------
    InputError
        When there is a single frame, no label of time varies, or a series would have a single frame.
    """
    if scan.frames == 1:
        raise InputError(
            f"The scan has a single frame; '{method}' works on what frames have in common: choose a method "
            "for single frames such as 'tv' or 'wavelet'."
        )
    labels = _labels(scan)
    if labels is None:
        note = f"The data does not say what its {scan.frames} frames are; '{method}' took them for one slice in time."
        return Series((tuple(range(scan.frames)),), (note,))
    axis = _axis(labels, along)
    if axis is None:
        raise InputError(_refusal(labels, method))
    groups: dict[Hashable, list[int]] = {}
    for frame, label in enumerate(labels):
        groups.setdefault(_without(label, axis), []).append(frame)
    short = next((frames[0] for frames in groups.values() if len(frames) == 1), None)
    if short is not None:
        raise InputError(
            f"Frame {short} ({_words(labels[short])}) is the only one along {axis} of its series; '{method}' works on "
            "what frames have in common: leave it out with --frames, or choose a method for single frames such as 'tv'."
        )
    in_order = [tuple(sorted(frames, key=lambda frame: labels[frame].get(axis, 0))) for frames in groups.values()]
    if len(in_order) == 1:
        return Series(tuple(in_order))
    note = (
        f"'{method}' reconstructed {len(in_order)} series along {axis} of {scan.frames} frames, each on its own: one "
        f"for each {' and '.join(_varying(labels, axis))}."
    )
    return Series(tuple(in_order), (note,))


def _labels(scan: Scan) -> Sequence[Mapping[str, int]] | None:
    """Return what each frame is, None where the scan does not say."""
    labels = scan.source.details.get("frames") or ()
    return labels if len(labels) == scan.frames else None


def _axis(labels: Sequence[Mapping[str, int]], along: Sequence[str]) -> str | None:
    """Return the first label of `along` that differs between frames which agree in all others, None without one."""
    for name in along:
        times: dict[Hashable, set[int | None]] = {}
        for label in labels:
            times.setdefault(_without(label, name), set()).add(label.get(name))
        if any(len(values) > 1 for values in times.values()):
            return name
    return None


def _without(label: Mapping[str, int], name: str) -> Hashable:
    return tuple(sorted((other, value) for other, value in label.items() if other != name))


def _varying(labels: Sequence[Mapping[str, int]], axis: str) -> list[str]:
    names = dict.fromkeys(name for label in labels for name in label)
    return [name for name in names if name != axis and len({label.get(name) for label in labels}) > 1]


def _words(label: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in label.items())


def _refusal(labels: Sequence[Mapping[str, int]], method: str) -> str:
    """Return why frames are no series in time: they are slices, echoes, or whatever varies."""
    varying = _varying(labels, "")
    places = [name for name in varying if name in PLACE_LABELS]
    if places:
        count = len({tuple(label.get(name) for name in PLACE_LABELS) for label in labels})
        found = f"The {len(labels)} frames lie at {count} places (slices or partitions) and not at several times"
    else:
        found = f"The {len(labels)} frames differ in {' and '.join(varying) or 'nothing'} and not in time"
    advice = "choose a method for single frames such as 'tv' or 'wavelet', or save a series in time as .npz"
    if set(varying) & set(CONTRASTS):
        advice += "; 'locally-low-rank' takes contrasts too"
    return f"{found}; '{method}' works on what the frames of one slice have in common: {advice}."
