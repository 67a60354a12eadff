"""Reconstructs the frames of a file one after the other, or all at once where the method takes a series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fourfold.cli.console import part_of, print_note
from fourfold.cli.files import frames_in_words
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.cli.reconstruction.resumable_run import ResumableRun
from fourfold.errors import InputError
from fourfold.formats import ScanFile
from fourfold.methods.method import Method, Progress
from fourfold.scan import Reconstruction, Scan

__all__ = ["Part", "VolumeRun"]


@dataclass(frozen=True)
class Part:
    """What is reconstructed at a time."""

    name: str
    """The frames in words."""
    frames: range
    """Their indices in the file."""
    scan: Scan
    """Their data."""
    number: int
    """How many parts come before."""


@dataclass(frozen=True)
class VolumeRun:
    """The reconstruction of some frames of a file."""

    volume: ScanFile
    """The file."""
    frames: range
    """Indices of the frames."""
    solver: Method
    """The method."""
    prepare: Preparation
    """What is done to a scan before."""
    device: str
    """Where to compute."""
    notes: tuple[str, ...]
    """Sentences that the record of each image begins with."""
    resumable: ResumableRun | None
    """Frames that an earlier call has finished, and where finished frames are kept; None where nothing is kept."""

    def parts(self) -> Iterator[Part]:
        """Yield each frame, or for a method for series all at once.

        A whole file is read in its own order, which may be much faster.

        Raises
        ------
        InputError
            Where the frames of a series would fill the memory.
        """
        frames, total = self.frames, len(self.volume)
        if self.solver.scope == "series":
            scan = self.volume.load(slice(frames.start, frames.stop, frames.step))
            yield Part(frames_in_words(frames, total), frames, scan, 0)
            return
        scans = self.volume if len(frames) == total else (self.volume[index] for index in frames)
        for number, (index, scan) in enumerate(zip(frames, scans, strict=True)):
            frame = range(index, index + 1)
            yield Part(frames_in_words(frame, total), frame, scan, number)

    def reconstruct(self, part: Part, progress: Progress) -> tuple[Reconstruction, Scan]:
        """Return the reconstruction of a part, kept or made now, and its scan as it was prepared."""
        prepared = self.prepare(part.scan).to(self.device)
        result = self.resumable.frame(part.name, prepared) if self.resumable is not None else None
        if result is None:
            parts = len(self.frames) // len(part.frames)
            result = self.solver(prepared, part_of(progress, part.number, parts, part.name))
            if self.resumable is not None and not result.record.interrupted:
                self.resumable.keep(part.name, prepared, result)
        record = replace(result.record, notes=(*self.notes, *result.record.notes))
        return replace(result, record=record), prepared

    @contextmanager
    def kept_frames_announced(self) -> Iterator[None]:
        """Print how many frames an earlier call has finished, and how many are kept where the block is interrupted."""
        count, total = (0 if self.resumable is None else self.resumable.frames), len(self.frames)
        if count:
            print_note(
                f"An earlier call has finished {count} of the {total} frames, which are taken over "
                "(--no-resume starts anew)."
            )
        try:
            yield
        except (KeyboardInterrupt, InputError):
            if self.resumable is not None and self.resumable.frames:
                print_note(
                    f"{self.resumable.frames} of {total} frames are kept; the same command goes on with the others."
                )
            raise
