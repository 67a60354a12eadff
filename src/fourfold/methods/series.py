"""Which frames of a scan form a series: those that differ in time alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from fourfold.errors import InputError
from fourfold.scan import CONTRASTS, PLACES, FrameLabels, Scan

__all__ = ["Series", "find_series", "why_no_series"]


@dataclass(frozen=True)
class Series:
    """The series of a scan."""

    frames: tuple[tuple[int, ...], ...]
    """Indices of each series' frames, in the order of their times."""
    notes: tuple[str, ...] = ()
    """What a reader must know of them."""


def why_no_series(scan: Scan, along: Sequence[str]) -> str:
    """Return why the frames of a scan form no series along any of these labels; empty where they do."""
    labels = scan.labels
    if scan.frames == 1:
        return "The scan has a single frame"
    if not labels.known:
        return ""
    axis = _axis(scan, along)
    if axis is None:
        return _what_varies(labels, scan.frames)
    short = next((frames[0] for frames in _groups(scan, axis) if len(frames) == 1), None)
    if short is None:
        return ""
    return f"Frame {short} ({labels.words(short)}) is the only one along {axis} of its series"


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
    why = why_no_series(scan, along)
    if why:
        advice, shared = _advice(scan, along), "frames" if scan.frames == 1 else "the frames of one slice"
        raise InputError(f"{why}; '{method}' works on what {shared} have in common: {advice}.")
    axis = _axis(scan, along)
    if axis is None:
        note = (
            f"The data does not say what its {scan.frames} frames are; '{method}' took them for one slice in time "
            "(--frames-are slice, or Python's frames_are='slice', says that they are slices)."
        )
        return Series((tuple(range(scan.frames)),), (note,))
    times = scan.labels.numbers[axis]
    in_order = tuple(tuple(sorted(frames, key=times.__getitem__)) for frames in _groups(scan, axis))
    if len(in_order) == 1:
        return Series(in_order)
    others = [name for name in scan.labels.varying if name != axis]
    note = (
        f"'{method}' reconstructed {len(in_order)} series along {axis} of {scan.frames} frames, each on its own: one "
        f"for each {' and '.join(others)}."
    )
    return Series(in_order, (note,))


def _groups(scan: Scan, axis: str) -> list[list[int]]:
    """Return the frames that agree in all labels but one."""
    groups: dict[Hashable, list[int]] = {}
    for frame in range(scan.frames):
        groups.setdefault(scan.labels.without(frame, (axis,)), []).append(frame)
    return list(groups.values())


def _axis(scan: Scan, along: Sequence[str]) -> str | None:
    """Return the first label of `along` that differs between frames which agree in all others, None without one."""
    for name in along:
        if name in scan.labels.varying:
            others = {scan.labels.without(frame, (name,)) for frame in range(scan.frames)}
            if len(others) < len({scan.labels.without(frame, ()) for frame in range(scan.frames)}):
                return name
    return None


def _what_varies(labels: FrameLabels, frames: int) -> str:
    """Return what frames are that are no series in time: slices, echoes, or whatever varies."""
    varying = labels.varying
    if not set(varying) & set(PLACES):
        return f"The {frames} frames differ in {' and '.join(varying) or 'nothing'} and not in time"
    not_places = [name for name in labels.numbers if name not in PLACES]
    count = len({labels.without(frame, not_places) for frame in range(frames)})
    return f"The {frames} frames lie at {count} places (slices or partitions) and not at several times"


def _advice(scan: Scan, along: Sequence[str]) -> str:
    advice = "choose a method for single frames such as 'tv' or 'wavelet'"
    if scan.frames == 1:
        return advice
    if _axis(scan, along) is not None:
        return f"leave this frame out with --frames, or {advice}"
    if set(scan.labels.varying) & set(CONTRASTS):
        advice += ", or 'locally-low-rank' for series of contrasts"
    return f"{advice}, or, where frames of an npz, cfl or fastMRI file are a series, say so with --frames-are time"
