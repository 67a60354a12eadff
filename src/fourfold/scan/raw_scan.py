"""A scan as a file holds it, in NumPy arrays, and what it has in common with `Scan`, whose arrays are tensors.

Readers make a `RawScan`, so that the content of a file can be described without torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Self, cast

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan.frame_labels import FrameLabels, check_labels
from fourfold.scan.geometry import Geometry, check_placements
from fourfold.scan.identity import Identity
from fourfold.scan.kspace_checks import check_centred, check_kspace, check_mask_centre, dtype_name, host, is_finite
from fourfold.scan.protocol import Protocol
from fourfold.scan.raw_sampling import AnySampling, Axis, RawSampling
from fourfold.scan.trajectory import A, AnyTrajectory, RawTrajectory

__all__ = ["AnyScan", "RawScan", "Source", "counted"]


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Source:
    """Where a scan came from.

    Attributes
    ----------
    path, format, label
        The file, the name of its format, a short name for pages and tables.
    simulated
        Whether the samples were computed from an image.
    details
        Facts from the header, JSON types only. ``file_frames`` are the frames' numbers in the file, where a note may
        have to name one.
    notes
        Sentences that a reader of any image made of the scan must know: what its file leaves open or contradicts.
        They lead the notes of every reconstruction.
    """

    path: str | None = None
    format: str | None = None
    label: str = ""
    simulated: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, eq=False)
class AnyScan(Generic[A]):
    """What scans of tensors and of NumPy arrays have in common; `fourfold.scan.Scan` describes the fields."""

    kspace: A
    sampling: AnySampling[A]
    line_axis: Axis = "ky"
    coil_maps: A | None = None
    calibration_kspace: A | None = None
    noise: A | None = None
    geometry: Geometry = field(default_factory=Geometry)
    source: Source = field(default_factory=Source)
    trajectory: AnyTrajectory[A] | None = None
    labels: FrameLabels = field(default_factory=FrameLabels)
    protocol: Protocol = field(default_factory=Protocol)
    identity: Identity = field(default_factory=Identity)

    def __post_init__(self) -> None:
        energy = check_kspace(self.kspace)
        if self.trajectory is None:
            check_centred(energy)
        else:
            self._check_trajectory(self.trajectory)
        self._check_companions()
        if self.trajectory is None:
            check_mask_centre(self.mask)

    def __repr__(self) -> str:
        """Return the facts in one line."""
        ny, nx = self.shape
        sampling = "fully sampled" if self.fully_sampled else f"{self.acceleration:.2f}× {self.sampling.kind}"
        label = f", '{self.source.label}'" if self.source.label else ""
        frames, coils = counted(self.frames, "frame"), counted(self.coils, "coil")
        return f"Scan({frames} of {coils}, {ny}×{nx}, {sampling}{label})"

    def _check_companions(self) -> None:
        frames, coils, *held = self.kspace.shape
        ny, nx = self.shape
        mask = self.sampling.mask
        if mask.shape[0] not in (1, frames) or list(mask.shape[1:]) != held:
            raise InputError(
                f"The mask has shape {tuple(mask.shape)} but the k-space has {frames} frame(s) of {held[0]}×{held[1]}; "
                f"give a mask of shape (1, {held[0]}, {held[1]}) or ({frames}, {held[0]}, {held[1]})."
            )
        if not isinstance(self.line_axis, str) or self.line_axis not in ("ky", "kx"):
            raise InputError(f"line_axis is '{self.line_axis}'; it must be 'ky' or 'kx'.")
        check_placements(self.geometry, frames)
        check_labels(self.labels, frames)
        if self.coil_maps is not None:
            self._check_array("coil_maps", self.coil_maps, 5)
            if self.coil_maps.shape[0] not in (1, frames) or self.coil_maps.shape[2:] != (coils, ny, nx):
                raise InputError(
                    f"The coil maps have shape {tuple(self.coil_maps.shape)}; this k-space needs "
                    f"(1 or {frames}, sets, {coils}, {ny}, {nx}); estimate them anew or leave them out."
                )
        if self.calibration_kspace is not None:
            self._check_array("calibration_kspace", self.calibration_kspace, 4)
            if self.calibration_kspace.shape[0] not in (1, frames) or self.calibration_kspace.shape[1] != coils:
                raise InputError(
                    f"The calibration k-space has shape {tuple(self.calibration_kspace.shape)}; this scan needs "
                    f"(1 or {frames}, {coils}, ky, kx)."
                )
        if self.noise is not None:
            self._check_array("noise", self.noise, 2)
            if self.noise.shape[0] != coils:
                raise InputError(f"The noise scan has {self.noise.shape[0]} coils but the k-space has {coils}.")

    def _check_trajectory(self, trajectory: AnyTrajectory[A]) -> None:
        frames, _, shots, samples = self.kspace.shape
        if (trajectory.shots, trajectory.samples) != (shots, samples) or trajectory.frames not in (1, frames):
            raise InputError(
                f"The trajectory has {trajectory.frames} frame(s) of {trajectory.shots} shots and {trajectory.samples} "
                f"samples but the k-space has {frames} frame(s) of {shots} and {samples}; they must belong together."
            )

    def _check_kind(self, name: str, value: Any) -> None:
        """Refuse arrays of another kind than the class holds; readers give none."""

    def _held(self, array: npt.NDArray[Any]) -> A:
        """Return an array as the class holds it."""
        return cast(A, array)

    def _check_array(self, name: str, array: A, ndim: int) -> None:
        self._check_kind(name, array)
        if dtype_name(array) != "complex64" or array.ndim != ndim:
            raise InputError(f"{name} is {array.dtype} with {array.ndim} axes; it must be complex64 with {ndim} axes.")
        if not is_finite(array):
            raise InputError(f"{name} contains NaN or Inf; find and remove the corrupt samples first.")

    @property
    def mask(self) -> A:
        """bool, (frame or 1, ky, kx), with a trajectory (frame or 1, shot, sample): True where acquired."""
        return self.sampling.mask

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.kspace.shape[0])

    @property
    def coils(self) -> int:
        """Number of receiver coils."""
        return int(self.kspace.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Grid size (ny, nx); with a trajectory that of the image's matrix."""
        return self.kspace.shape[2:4] if self.trajectory is None else self.trajectory.matrix

    @property
    def fully_sampled(self) -> bool:
        """Whether every sample of the grid was acquired; never with a trajectory, which no grid sample lies on."""
        return self.trajectory is None and bool(self.mask.all())

    @cached_property
    def grid_sampling(self) -> AnySampling[A]:
        """The sampling on the grid of `shape`: with a trajectory, the cells that hold a sample (`Trajectory.cells`)."""
        if self.trajectory is None:
            return self.sampling
        return dataclasses.replace(self.sampling, mask=self._held(self.trajectory.cells(self.mask)))

    @property
    def acceleration(self) -> float:
        """Grid points over acquired ones; with a trajectory as in `Trajectory.acceleration`."""
        return self.sampling.acceleration if self.trajectory is None else self.trajectory.acceleration(self.mask)

    @cached_property
    def _silent(self) -> npt.NDArray[np.bool_]:
        """bool, (frame, coil): whether a coil holds only zeros in a frame."""
        return host((self.kspace == 0).all(axis=3).all(axis=2))

    @property
    def has_silent_coils(self) -> bool:
        """Whether some coil holds only zeros in some of several frames."""
        return self.frames > 1 and bool(self._silent.any())

    def sampling_summary(self) -> dict[str, Any]:
        """Return the sampling's provenance as JSON types, with the trajectory's shots where there is one."""
        if self.trajectory is None:
            return self.sampling.summary()
        return {
            **self.grid_sampling.summary(),
            "acceleration": round(self.acceleration, 4),
            "trajectory": self.trajectory.kind,
            "shots": self.trajectory.shots,
            "samples_per_shot": self.trajectory.samples,
            "samples_used": round(float(host(self.mask).mean(dtype=np.float32)), 4),
        }

    def replace(self, **changes: Any) -> Self:
        """Return a copy with the given fields changed; it is validated like any other scan."""
        return dataclasses.replace(self, **changes)

    def frame(self, index: int) -> Self:
        """Return a scan of the one frame `index`; raises InputError outside the range."""
        if not -self.frames <= index < self.frames:
            raise InputError(f"Frame {index} was asked for; this scan has frames 0 to {self.frames - 1}.")
        index %= self.frames
        return self.part(index, index + 1)

    def part(self, start: int, stop: int) -> Self:
        """Return a scan of the frames from `start` up to and without `stop`, as `select`."""
        return self.select(range(start, stop))

    def select(self, frames: Sequence[int]) -> Self:
        """Return a scan of the frames with these indices, in this order.

        A coil that is silent in them, but not in the others, is left out, and a note of the source says so.

        Raises
        ------
        InputError
            Without an index, or for one that the scan does not have.
        """
        unknown = next((frame for frame in frames if not 0 <= frame < self.frames), None)
        if unknown is not None or not frames:
            raise InputError(
                f"Frame {unknown} was asked for; this scan has frames 0 to {self.frames - 1}."
                if frames
                else f"No frame was asked for; give some of this scan's frames 0 to {self.frames - 1}."
            )
        if list(frames) == list(range(self.frames)):
            return self
        # A slice keeps the samples where they are, indices would copy them.
        index: slice | list[int] = list(frames)
        if isinstance(frames, range) and frames.step > 0:
            index = slice(frames.start, frames.stop, frames.step)

        def pick(array: A | None) -> A | None:
            return array if array is None or array.shape[0] == 1 else array[index]

        silent = self._silent[index].all(axis=0)
        if silent.any():
            return self.without_coils(np.flatnonzero(silent).tolist(), frames).select(frames)
        mask = pick(self.mask)
        assert mask is not None
        return self.replace(
            source=self._source_of(frames),
            kspace=self.kspace[index],
            sampling=dataclasses.replace(self.sampling, mask=mask),
            coil_maps=pick(self.coil_maps),
            calibration_kspace=pick(self.calibration_kspace),
            geometry=self.geometry.select(frames),
            trajectory=self.trajectory and self.trajectory.of(frames),
            labels=self.labels.select(frames),
        )

    def _source_of(self, frames: Sequence[int]) -> Source:
        numbers = self.source.details.get("file_frames") or ()
        if len(numbers) != self.frames:
            return self.source
        details = {**self.source.details, "file_frames": [numbers[frame] for frame in frames]}
        return dataclasses.replace(self.source, details=details)

    def without_coils(self, coils: Sequence[int], frames: Sequence[int] = ()) -> Self:
        """Return the scan without some of its coils.

        Parameters
        ----------
        coils
            Their numbers.
        frames
            Frames in which they are silent, where this is why they are left out: a note of the source says so.

        Raises
        ------
        InputError
            When no coil is left.
        """
        before = self.source.details.get("coils_left_out", [])
        numbers = [coil for coil in range(self.coils + len(before)) if coil not in before]
        left_out = [numbers[coil] for coil in coils]
        if len(left_out) == self.coils:
            raise InputError(
                f"All {self.coils} coils would be left out, for each is silent in some frame; leave out such frames."
            )
        verb = "was" if len(left_out) == 1 else "were"
        in_file = self.source.details.get("file_frames")
        where = _words("frame", [in_file[frame] for frame in frames] if in_file else frames)
        note = f"{_words('Coil', left_out)} contained only zeros in {where} and {verb} left out."
        source = dataclasses.replace(
            self.source,
            details={**self.source.details, "coils_left_out": sorted([*before, *left_out])},
            notes=(*self.source.notes, *((note,) if frames else ())),
        )
        kept = [coil for coil in range(self.coils) if coil not in coils]
        return self.replace(
            kspace=self.kspace[:, kept],
            coil_maps=None if self.coil_maps is None else self.coil_maps[:, :, kept],
            calibration_kspace=None if self.calibration_kspace is None else self.calibration_kspace[:, kept],
            noise=None if self.noise is None else self.noise[kept],
            source=source,
        )

    def without_silent_coils(self) -> Self:
        """Return the scan without coils that are silent in some frame, for what treats all frames alike."""
        if not self.has_silent_coils:
            return self
        frames, coils = self._silent.any(axis=1), self._silent.any(axis=0)
        return self.without_coils(np.flatnonzero(coils).tolist(), np.flatnonzero(frames).tolist())


@dataclass(frozen=True, eq=False, repr=False)
class RawScan(AnyScan[npt.NDArray[Any]]):
    """A `Scan` as readers give it, of NumPy arrays."""

    sampling: RawSampling
    trajectory: RawTrajectory | None = None


def _words(name: str, numbers: Sequence[int]) -> str:
    """Return a name in front of numbers, such as ``Coil 3`` or ``frames 1, 2``."""
    return f"{name}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
