"""Which method reconstructs a file, and what is known of how far to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import Scan

if TYPE_CHECKING:
    # They load torch, which the help does not need.
    from fourfold.confidence.result import Trust
    from fourfold.methods.method import Method, Progress

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, eq=False)
class Decision:
    """The method, notes for the record of every image, and the trust where it was asked for."""

    solver: Method
    notes: tuple[str, ...]
    trust: Trust | None = None


def decide(
    volume: ScanFile,
    frames: range,
    method: Method | None,
    prepare: Preparation,
    *,
    device: str,
    quick: bool,
    with_trust: bool,
    progress: Progress,
) -> Decision:
    """Return the method that was named, or the one that suits the middle frame best, and what speaks against it.

    Parameters
    ----------
    volume, frames
        The file and the frames that are reconstructed. The middle one is tried.
    method
        The method that was named.
    prepare
        What is done to each scan before.
    device
        Where to compute.
    quick
        Choose by rule, and leave out the comparison with simpler methods.
    with_trust
        Compute all parts of the trust; of a method for series on all frames.
    progress
        Called with the done fraction.
    """
    from fourfold.confidence.check import check_method
    from fourfold.confidence.choose import choose_method
    from fourfold.confidence.trust import trust

    middle = frames[len(frames) // 2]
    read = volume[middle]
    notes = prepare.notes(read)
    scan = prepare(read).to(device)
    chosen = method is None
    if method is None:
        choice = choose_method(scan, quick=quick, progress=progress)
        method = choice.method
        where = f", on frame {middle}" if choice.scores and len(frames) > 1 else ""
        notes = (f"The method '{method.name}' was chosen: {choice.reason}{where}.", *notes)
    if with_trust:
        found = trust(method, _frames_for(method, volume, frames, prepare, device, scan), progress=progress)
        return Decision(method, (*notes, *found.warnings), found)
    if method.checked and not chosen and not quick:
        notes = (*notes, *check_method(method, scan, progress=progress))
    return Decision(method, notes)


def _frames_for(
    method: Method, volume: ScanFile, frames: range, prepare: Preparation, device: str, middle: Scan
) -> Scan:
    """Return what the trust is computed on: the middle frame, or all frames for a method for series."""
    if method.scope == "frame":
        return middle
    return prepare(volume.load(slice(frames.start, frames.stop, frames.step))).to(device)
