"""The frames or series of a scan, one by one, as trials of a method."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from fourfold.confidence.prediction import CoilPrediction
from fourfold.confidence.trial import Trial, on_full_grid
from fourfold.methods.method import Method, Progress
from fourfold.methods.series import find_series
from fourfold.scan import Reconstruction, Scan

__all__ = ["Reporter", "frames_of", "full_grid_image", "piece_name", "pieces_of", "trial_of"]


class Reporter:
    """Gives parts of the work their share of one progress callback.

    Parameters
    ----------
    progress
        The callback, or None.
    start, share, name
        The part of the whole that this one stands for, and what precedes its words.
    """

    def __init__(self, progress: Progress | None, start: float = 0.0, share: float = 1.0, name: str = "") -> None:
        self._progress, self._start, self._share, self._name = progress, start, share, name

    def part(self, start: float, share: float, name: str) -> Progress:
        """Return the callback of a part."""

        def report(fraction: float, words: str) -> None:
            if self._progress is not None:
                done = self._start + self._share * (start + share * fraction)
                self._progress(done, f"{self._name}{name}: {words}")

        return report

    def inner(self, start: float, share: float, name: str) -> Reporter:
        """Return the reporter of a part that has parts itself."""
        return Reporter(self._progress, self._start + self._share * start, self._share * share, self._name + name)


def pieces_of(method: Method, scan: Scan) -> list[tuple[int, ...]]:
    """Return the frames that the method needs at once: single ones, or those of each series."""
    if method.scope == "series":
        return [tuple(frames) for frames in find_series(scan, method.name, method.series_along).frames]
    return [(frame,) for frame in range(scan.frames)]


def piece_name(pieces: Sequence[Sequence[int]], number: int) -> str:
    """Return what precedes the words on one piece; nothing where it is the only one."""
    if len(pieces) == 1:
        return ""
    kind = "frame" if len(pieces[number]) == 1 else "series"
    return f"{kind} {number + 1} of {len(pieces)}, "


def trial_of(method: Method, full: Scan, frames: Sequence[int], seed: int, made: Reconstruction | None) -> Trial:
    """Return the trial of some frames of a scan on its full grid, with their image where it was made."""
    part = full.select(frames).without_silent_coils()
    return Trial(method, part, CoilPrediction.of(part), seed, made)


def full_grid_image(
    method: Method, scan: Scan, made: Reconstruction | None, progress: Progress | None
) -> Reconstruction:
    """Return the method's image on the full grid: the one that is at hand where it has that size, or a new one."""
    if made is not None and made.image.shape == (scan.frames, *scan.shape):
        return made
    made = method(on_full_grid(scan), progress)
    if made.record.interrupted:
        raise KeyboardInterrupt
    return made


def frames_of(made: Reconstruction, frames: Sequence[int]) -> Reconstruction:
    """Return some frames of a reconstruction, whose details are those of the first of them."""
    index = list(frames)
    return dataclasses.replace(
        made,
        image=made.image[index],
        std=None if made.std is None else made.std[index],
        members=None if made.members is None else made.members[:, index],
        before_data_consistency=None if made.before_data_consistency is None else made.before_data_consistency[index],
        geometry=made.geometry.select(index),
        labels=made.labels.select(index),
        record=dataclasses.replace(made.record, details=made.record.details_of(index[0]), by_frame=()),
    )
