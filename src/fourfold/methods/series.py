"""Which frames of a scan form a series: those that differ in time alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from fourfold.errors import InputError
from fourfold.scan import CONTRASTS, PLACES, FrameLabels, Scan

__all__ = ["Series", "find_series", "has_series"]


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
    labels = scan.labels
    if not labels.known:
        note = (
            f"The data does not say what its {scan.frames} frames are; '{method}' took them for one slice in time "
            "(--frames-are slice, or Python's frames_are='slice', says that they are slices)."
        )
        return Series((tuple(range(scan.frames)),), (note,))
    axis = _axis(scan, along)
    if axis is None:
        raise InputError(_refusal(labels, scan.frames, method))
    groups: dict[Hashable, list[int]] = {}
    for frame in range(scan.frames):
        groups.setdefault(labels.without(frame, (axis,)), []).append(frame)
    short = next((frames[0] for frames in groups.values() if len(frames) == 1), None)
    if short is not None:
        raise InputError(
            f"Frame {short} ({labels.words(short)}) is the only one along {axis} of its series; '{method}' works on "
            "what frames have in common: leave it out with --frames, or choose a method for single frames such as 'tv'."
        )
    in_order = tuple(tuple(sorted(frames, key=labels.numbers[axis].__getitem__)) for frames in groups.values())
    if len(in_order) == 1:
        return Series(in_order)
    others = [name for name in labels.varying if name != axis]
    note = (
        f"'{method}' reconstructed {len(in_order)} series along {axis} of {scan.frames} frames, each on its own: one "
        f"for each {' and '.join(others)}."
    )
    return Series(in_order, (note,))


def _axis(scan: Scan, along: Sequence[str]) -> str | None:
    """Return the first label of `along` that differs between frames which agree in all others, None without one."""
    for name in along:
        if name in scan.labels.varying:
            others = {scan.labels.without(frame, (name,)) for frame in range(scan.frames)}
            if len(others) < len({scan.labels.without(frame, ()) for frame in range(scan.frames)}):
                return name
    return None


def _refusal(labels: FrameLabels, frames: int, method: str) -> str:
    """Return why frames are no series in time: they are slices, echoes, or whatever varies."""
    varying = labels.varying
    if set(varying) & set(PLACES):
        not_places = [name for name in labels.numbers if name not in PLACES]
        count = len({labels.without(frame, not_places) for frame in range(frames)})
        found = f"The {frames} frames lie at {count} places (slices or partitions) and not at several times"
    else:
        found = f"The {frames} frames differ in {' and '.join(varying) or 'nothing'} and not in time"
    advice = (
        "choose a method for single frames such as 'tv' or 'wavelet', or, where frames of an npz, cfl or fastMRI file "
        "are a series, say so with --frames-are time"
    )
    if set(varying) & set(CONTRASTS):
        advice += "; 'locally-low-rank' takes contrasts too"
    return f"{found}; '{method}' works on what the frames of one slice have in common: {advice}."
