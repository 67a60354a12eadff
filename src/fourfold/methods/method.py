"""The one interface: a method is a frozen, typed settings object that is called on a scan."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from pydantic import ValidationError

from fourfold.errors import InputError, explain_settings
from fourfold.methods.free_cores import FreeCoreThreads
from fourfold.methods.method_settings import MethodSettings
from fourfold.methods.series import Series, find_series, why_no_series
from fourfold.methods.side_by_side import solve_side_by_side
from fourfold.methods.solution import Solution, reconstruction_of
from fourfold.methods.workers import Workers, choose_workers
from fourfold.scan import TIMES, Reconstruction, Scan, check_scan

__all__ = ["Family", "Method", "Progress", "Scope", "Solution"]

Family = Literal["classical", "untrained", "trained", "generative"]

Scope = Literal["frame", "series"]

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a few words on what is being done; raising in it interrupts the work."""


MEMORY_FACTOR = 50
"""Memory that a frame takes over that of its samples; measured at 8×240×200: 7 for zero-filled, 24 to 27 for tv,
wavelet and cg-sense, 34 for pnp, 44 for dictionary."""


class Method(MethodSettings, ABC):
    """Base of every reconstruction method.

    A subclass declares `name`, `title`, `family` and its settings as typed fields, each with a docstring below it
    (the command line shows it), and writes `solve`. Settings are validated on construction and cannot change.
    """

    name: ClassVar[str]
    """Short name on the command line and in tables."""
    title: ClassVar[str]
    """Name in running text."""
    family: ClassVar[Family]
    display_order: ClassVar[int] = 100
    """Place in tables and pictures: simple methods first, those without a place last."""
    scope: ClassVar[Scope] = "frame"
    """Whether `solve` is given one frame at a time, which bounds the memory, or the whole series."""
    series_along: ClassVar[tuple[str, ...]] = TIMES
    """Of methods for series: the labels that a series may run along, the preferred one first."""
    slow: ClassVar[bool] = False
    """Whether a frame takes minutes: comparisons of all methods leave it out unless it is named."""
    checked: ClassVar[bool] = False
    """Whether `recon` compares it with simpler methods by held-back samples: it can be worse than these without a sign
    in its own data term."""
    workers_are_processes: ClassVar[bool] = True
    """Whether frames side by side may be computed in processes that are copies of this one, made by fork. Else threads
    compute them: for what such a copy must not use, as compilers that have processes of their own."""
    cartesian_only: ClassVar[bool] = True
    """Whether scans with a trajectory (radial, spiral) are refused."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "method", self.name, type(self).model_fields)) from None

    @abstractmethod
    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct `scan`, which has one frame unless the `scope` is a series or `frames_at_once` asks for more.

        Raises InputError where the data does not suit the method. Must not depend on anything but `scan`.
        """

    @torch.no_grad()
    def __call__(self, scan: Scan, progress: Progress | None = None, workers: Workers | None = None) -> Reconstruction:
        """Reconstruct `scan`: frame by frame, which bounds the memory, or series by series where the method needs them.

        Parameters
        ----------
        scan
            The acquisition; every tensor on the device that is to do the work.
        progress
            Called with the done fraction and a few words. A KeyboardInterrupt that is raised there or anywhere ends the
            work, unless the method keeps what it has reached: the record then says ``interrupted``, and frames that
            would follow are missing.
        workers
            On a CPU: this many frames are reconstructed side by side, with one core each, and each takes the memory
            of one; auto: as many as cores are free and the memory holds. The image does not depend on their number.
            When None, one frame after the other, each with as many of torch's threads as cores are free; images of
            different numbers of threads differ by rounding. A series and a GPU's frames are not divided.

        Raises
        ------
        InputError
            When the data does not suit the method, or `workers` is less than one or more than the memory holds.
        """
        check_scan(scan)
        if scan.trajectory is not None and self.cartesian_only:
            raise InputError(
                f"'{self.name}' works on Cartesian k-space and this scan has a trajectory ({scan.trajectory.kind}); "
                "choose a method such as 'cg-sense', 'tv' or 'wavelet'."
            )
        divided = workers is not None and self.scope == "frame" and scan.kspace.device.type == "cpu" and scan.frames > 1
        jobs = scan.frames if divided else 1
        number = 1 if workers is None else choose_workers(workers, jobs, self.frame_memory(scan))
        start = time.perf_counter()
        order: Sequence[int] = ()
        if self.scope == "series":
            series = find_series(scan, self.name, self.series_along)
            solutions = self._solve_series(scan, series, progress)
            order = [frame for frames in series.frames for frame in frames]
        elif divided:
            solutions = self._solve_side_by_side(scan, progress, number)
        else:
            solutions = self._solve_frames(scan, progress)
        seconds = time.perf_counter() - start
        return reconstruction_of(scan, solutions, self.name, self.model_dump(mode="json"), seconds, order)

    @classmethod
    def ready(cls) -> bool:
        """Return whether the method works with its default settings; one that needs weights may lack them."""
        return True

    @classmethod
    def suits(cls, scan: Scan) -> bool:
        """Return whether comparisons of all methods take it: those for series where the frames of `scan` are one."""
        return cls.scope == "frame" or not why_no_series(scan, cls.series_along)

    @property
    def ensemble_size(self) -> int:
        """How many members an image has; 1 for methods that make one image."""
        return 1

    def frame_memory(self, scan: Scan) -> int:
        """Return roughly how many bytes a frame of `scan` takes on a CPU while it is reconstructed."""
        return MEMORY_FACTOR * scan.kspace.numel() * scan.kspace.itemsize // scan.frames

    def frames_at_once(self, scan: Scan) -> int:  # noqa: ARG002  # most methods take one
        """Return how many frames `solve` is given at a time."""
        return 1

    def _solve_frames(self, scan: Scan, progress: Progress | None) -> list[Solution]:
        """Return the solutions of all frames, or of those up to an interruption."""
        # A coil that is silent in some frames is left out of these alone.
        together = 1 if scan.has_silent_coils else self.frames_at_once(scan)
        solutions: list[Solution] = []
        for first in range(0, scan.frames, together):
            stop = min(first + together, scan.frames)
            report = _share(progress, first, stop - first, scan.frames)
            solutions.append(self._solve_part(scan, first, stop, report))
            if solutions[-1].interrupted:
                break
        return solutions

    def _solve_side_by_side(self, scan: Scan, progress: Progress | None, workers: int) -> list[Solution]:
        """Return the solutions of all frames, reconstructed with one core each."""

        def solve(index: int, report: Progress) -> Solution:
            return self._solve_part(scan, index, index + 1, report)

        def interrupted(solution: Solution) -> bool:
            return solution.interrupted

        total = scan.frames
        solutions: list[Solution] = []
        results = solve_side_by_side(
            solve, range(total), total, workers, progress, interrupted, processes=self.workers_are_processes
        )
        with closing(results):
            for solution in results:
                solutions.append(solution)
                if solution.interrupted:
                    break
        return solutions

    def _solve_part(self, scan: Scan, start: int, stop: int, progress: Progress) -> Solution:
        """Return the solution of the frames from `start` to before `stop`."""
        last = f" to {stop}" if stop > start + 1 else ""
        name = f"frame {start + 1}{last} of {scan.frames}: " if scan.frames > 1 else ""
        return self._solve_scan(scan.part(start, stop), name, progress)

    def _solve_series(self, scan: Scan, series: Series, progress: Progress | None) -> list[Solution]:
        """Return the solution of each series."""
        solutions, total = [], len(series.frames)
        for number, frames in enumerate(series.frames):
            # A coil that is silent in some frames of a series is left out of this series alone.
            part = scan.select(frames).without_silent_coils()
            name = f"series {number + 1} of {total}: " if total > 1 else ""
            solution = self._solve_scan(part, name, _share(progress, number, 1, total))
            solutions.append(replace(solution, notes=(*series.notes, *solution.notes)))
        return solutions

    def _solve_scan(self, scan: Scan, name: str, progress: Progress) -> Solution:
        """Return the solution of a part of a scan, with the notes of its source; progress gives the part's name."""

        def report(fraction: float, words: str) -> None:
            if threads is not None:
                threads.adapt()
            progress(fraction, name + words)

        with FreeCoreThreads() if scan.kspace.device.type == "cpu" else nullcontext() as threads:
            solution = self.solve(scan, report)
        progress(1.0, name + self.title)
        return replace(solution, notes=(*scan.source.notes, *solution.notes))


def _share(progress: Progress | None, done: int, count: int, total: int) -> Progress:
    """Return the progress callback of `count` of `total` parts of the work, when so many are done."""

    def report(fraction: float, words: str) -> None:
        if progress is not None:
            progress((done + count * fraction) / total, words)

    return report
