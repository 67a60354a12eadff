"""Reconstructs the frames of a file side by side, or all at once where the method takes a series."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fourfold.cli.console import part_of, print_note
from fourfold.cli.files import frames_in_words
from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.cli.reconstruction.resumable_run import ResumableRun
from fourfold.errors import InputError
from fourfold.formats import ScanFile
from fourfold.intervals.apply import with_interval
from fourfold.intervals.calibration import Calibration
from fourfold.methods.dithering import dither
from fourfold.methods.method import Method, Progress
from fourfold.methods.side_by_side import solve_side_by_side
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
    workers: int | None
    """Frames side by side, each by one core; None: one part after the other, each by all free cores."""
    calibration: Calibration | None = None
    """What intervals are made by; None for no intervals."""
    dithering: float | None = None
    """Level of the noise that is added to the images, after they are kept; None for none."""

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
            yield Part(frames_in_words(frames, total), frames, scan)
            return
        scans = self.volume if len(frames) == total else (self.volume[index] for index in frames)
        for index, scan in zip(frames, scans, strict=True):
            frame = range(index, index + 1)
            yield Part(frames_in_words(frame, total), frame, scan)

    def reconstructions(self, progress: Progress) -> Generator[tuple[range, Reconstruction], None, None]:
        """Yield the frames of each part and their reconstruction, kept or made now, in the order of the file."""
        if self.workers is None:
            total = len(self.frames)
            for number, part in enumerate(self.parts()):
                yield self._reconstruct(part, part_of(progress, number, total // len(part.frames), part.name))
            return

        def solve(part: Part, report: Progress) -> tuple[range, Reconstruction]:
            return self._reconstruct(part, part_of(report, 0, 1, part.name))

        def interrupted(result: tuple[range, Reconstruction]) -> bool:
            return result[1].record.interrupted

        yield from solve_side_by_side(
            solve,
            self.parts(),
            len(self.frames),
            self.workers,
            progress,
            interrupted,
            processes=self.solver.workers_are_processes,
        )

    def scan_of(self, frames: range) -> Scan:
        """Return the scan of some of the frames, as it is prepared."""
        return self.prepare(self.volume.load(slice(frames.start, frames.stop, frames.step))).to(self.device)

    def _reconstruct(self, part: Part, progress: Progress) -> tuple[range, Reconstruction]:
        prepared = self.prepare(part.scan).to(self.device)
        result = self.resumable.frame(part.name, prepared) if self.resumable is not None else None
        if result is None:
            result = self.solver(prepared, progress)
            if self.resumable is not None and not result.record.interrupted:
                self.resumable.keep(part.name, prepared, result)
        if self.calibration is not None and not result.record.interrupted:
            result = with_interval(result, self.calibration)
        if self.dithering is not None:
            result = dither(result, prepared, self.dithering, first_frame=part.frames[0])
        record = replace(result.record, notes=(*self.notes, *result.record.notes))
        # What was kept of an earlier call holds neither protocol nor identity.
        return part.frames, replace(result, record=record, protocol=prepared.protocol, identity=prepared.identity)

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
