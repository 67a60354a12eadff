"""`ScanFile`: a raw file whose frames are read on demand."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, SilentCoils, check_type
from fourfold.formats.content import SHORTEST, check_axes, check_centre, check_frames, energy_of, object_note
from fourfold.formats.geometry_facts import geometry_facts, missing_of
from fourfold.formats.line_direction import check_direction
from fourfold.formats.metadata import geometry_from, protocol_from
from fourfold.formats.orientation import placement_of_codes
from fourfold.formats.stacks import find_stacks, slice_spacing
from fourfold.formats.trajectories import extent_notes
from fourfold.memory import array_bytes, require_memory
from fourfold.scan import Axis, FrameLabels, Geometry, Identity, Protocol, RawScan, Scan, Source, check_labels

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ScanFile"]

Frames = int | slice | None
MOST_SORTED = 100_000
"""Frames that a summary sorts into stacks."""


class ScanFile(ABC):
    """An open raw file: its header is known, its frames are read on demand.

    Indexing gives a `Scan` of one frame. Iteration gives all frames one by one. `load` gives several in one scan. The
    file is closed between reads, so a ScanFile can be pickled and sent to worker processes.

    Attributes
    ----------
    path
        The file.
    frames, coils, matrix
        Number of frames, number of coils, k-space grid (ny, nx) or the matrix of a trajectory's image.
    shots
        Shots of a frame and samples of a shot where the file has a trajectory, else None.
    dtype
        How samples are stored in the file.
    volume
        Geometry of the whole file.
    line_axis
        As in `Scan`.
    label, simulated, details
        For the scans' `Source`: a short name (None: the file's), and facts from the header, JSON types only.
    notes
        Sentences that the record of every image made of the file begins with, as in `Source`.
    stated_labels
        Labels of all frames that the file or the user states; nothing known where they follow from the format.
    protocol, identity
        Scanner and sequence; patient and study.
    block
        Frames that one pass over the file yields at no further cost; iteration reads so many at a time.
    check_content
        Whether frames whose samples do not look like k-space are refused (`fourfold.formats.content`).
    axes_unchecked
        Whether frames, coils and samples are axes of a plain array, whose order the file does not state and
        `check_array` has not checked yet.
    """

    format: ClassVar[str]
    """The format's name, as `Source.format` and ``fourfold info`` give it."""
    options: ClassVar[tuple[str, ...]] = ()
    """Names of the keyword arguments that `open_scan` passes on to this format."""

    path: Path
    frames: int
    coils: int
    matrix: tuple[int, int]
    shots: tuple[int, int] | None = None
    dtype: str
    volume: Geometry
    line_axis: Axis = "ky"
    label: str | None = None
    simulated: bool = False
    details: dict[str, Any]
    notes: tuple[str, ...] = ()
    stated_labels: FrameLabels = FrameLabels()
    protocol: Protocol = Protocol()
    identity: Identity = Identity()
    block: int = 1
    check_content: bool = True
    axes_unchecked: bool = False

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the content of `path` is of this format."""

    @abstractmethod
    def read(self, frames: Sequence[int]) -> RawScan:
        """Read the frames with these indices (each from 0 to ``len(self) - 1``) into one scan, as the format has them.

        Each format implements this. Users call `load` or index the file, which check the samples and leave out silent
        coils.
        """

    def read_checked(self, frames: Sequence[int]) -> RawScan:
        """Read frames that fit into the memory, without silent coils.

        Frames that do not look like k-space are refused, unless `check_content` is off.
        """
        self._require_memory(len(frames), "export a smaller part of the data, or take a computer with more memory")
        scan = self._read_without_silent_coils(frames)
        notes = dict.fromkeys(self._check_samples(scan, frames) if self.check_content else ())
        source = dataclasses.replace(scan.source, notes=(*scan.source.notes, *notes))
        return scan.replace(source=source, protocol=self.protocol, identity=self.identity)

    def _check_samples(self, scan: RawScan, frames: Sequence[int]) -> list[str]:
        """Refuse frames whose samples do not look like k-space; return notes on what is likely, not certain."""
        arrays = dict(zip(frames, scan.kspace, strict=True))
        places = {index: f"'{self.path}', frame {index}" for index in frames}
        notes: list[str] = []
        if scan.trajectory is not None:
            shared = scan.trajectory.frames == 1
            for number, (index, samples) in enumerate(arrays.items()):
                points = scan.trajectory.points[0 if shared else number]
                notes += extent_notes(samples, points, places[index])
            return notes
        self.check_array(arrays)
        for index, kspace in arrays.items():
            self.check_frame(kspace, places[index])
            notes += [*check_direction(kspace, places[index]), *object_note(kspace)]
        return notes

    def check_array(self, known: Mapping[int, npt.NDArray[np.complex64]]) -> None:
        """Refuse an array whose axes are in another order; checks the middle frame and some around it, once.

        Frames at the edge of an object are not used: the object is small there, so its k-space is wide.

        Parameters
        ----------
        known
            Frames (coil, ky, kx) that have been read, by their indices; others are read.
        """
        if not self.axes_unchecked:
            return
        middle, away = self.frames // 2, self.frames // 8
        indices = [middle]
        if self.frames >= SHORTEST:
            indices += [middle - 1, middle + 1, middle - away, middle + away]
        energies: list[float] = []
        for start in range(0, len(indices), self.block):
            part = indices[start : start + self.block]
            try:
                stack = self._arrays(part, known)
            except InputError:  # raised again when this frame is read
                return
            if start == 0:
                check_axes(stack[0], f"'{self.path}', frame {middle}")
            energies += [energy_of(frame) for frame in stack]
        if len(indices) > 1:
            check_frames(energies, stack[-1], f"'{self.path}'")
        self.axes_unchecked = False

    def _arrays(
        self, frames: Sequence[int], known: Mapping[int, npt.NDArray[np.complex64]]
    ) -> Sequence[npt.NDArray[np.complex64]]:
        """Return frames (coil, ky, kx): those that are `known`, or read together."""
        if all(frame in known for frame in frames):
            return [known[frame] for frame in frames]
        return list(self._read_without_silent_coils(frames).kspace)

    def check_frame(self, kspace: npt.NDArray[np.complex64], where: str) -> None:
        """Refuse a frame (coil, ky, kx) whose centre lies elsewhere."""
        check_centre(kspace, where)

    def geometry(self, frames: Sequence[int]) -> Geometry:
        """Return size and place of these frames."""
        chosen = self.volume.select(frames)
        spacing, dy, dx = self.volume.voxel_size
        if chosen.placements:
            spacing = slice_spacing(chosen) or spacing
        elif spacing is not None and len(frames) > 1:
            spacing *= abs(frames[1] - frames[0])
        return dataclasses.replace(chosen, voxel_size=(spacing, dy, dx))

    def orient(self, codes: str) -> None:
        """State the orientation of a file that does not say it, as in `open_scan`.

        Raises
        ------
        InputError
            For codes that are none, for a file that knows its orientation, and where the places of slices do not
            follow from voxel size and labels.
        """
        placement = placement_of_codes(codes)
        if any(each for each in (self.volume.placements, self.geometry([0]).placements)):
            raise InputError(f"'{self.path}' says itself how its frames lie: leave out the orientation.")
        numbers = self.labels(range(self.frames)).numbers
        slices = numbers.get("slice", (0,) * self.frames if numbers or self.frames == 1 else ())
        spacing = self.volume.voxel_size[0] or (None if len(set(slices)) > 1 else 0.0)
        if not slices or spacing is None or {"partition", "readout"} & set(numbers):
            raise InputError(
                f"The places of the {self.frames} frames of '{self.path}' do not follow from its slice spacing and "
                "slice numbers, which an orientation needs: say what the frames are (--frames-are), and store "
                "voxel_size."
            )
        middle = (max(slices) + min(slices)) / 2
        central = dataclasses.replace(placement, centre=(0.0, 0.0, 0.0))
        placed = tuple(central.moved((number - middle) * spacing) for number in slices)
        self.volume = dataclasses.replace(self.volume, placements=placed)
        self.notes = (
            *self.notes,
            f"The orientation {codes.upper()} was stated by the user. The position in the scanner is not known: the "
            "middle of the volume was put at 0.",
        )

    def labels(self, frames: Sequence[int]) -> FrameLabels:
        """Return what these frames are."""
        return self.stated_labels.select(frames) if self.stated_labels.known else self.labels_of_format(frames)

    def frame_name(self, index: int) -> str:
        """Return the labels of a frame in words, or its number where they do not tell it from the others."""
        if self.frames <= MOST_SORTED:
            labels = self.labels(range(self.frames))
            if labels.known and [labels.of(frame) for frame in range(self.frames)].count(labels.of(index)) == 1:
                return labels.words(index)
        return f"frame {index}"

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:  # noqa: ARG002  # most formats tell something
        """Return what these frames are by the format's own rules, made on request: a header can declare any number."""
        return FrameLabels()

    def source(self) -> Source:
        """Return where the frames come from."""
        label = self.path.stem if self.label is None else self.label
        return Source(str(self.path), self.format, label, self.simulated, dict(self.details), self.notes)

    def restore(self, record: Mapping[str, Any]) -> None:
        """Set what `scan_record` wrote into a file by fourfold; nothing where `record` is empty."""
        if record:
            source = record["source"]
            self.volume, self.line_axis = geometry_from(record["geometry"]), record["line_axis"]
            self.label, self.simulated = source["label"], source["simulated"]
            self.details = dict(source["details"])
            self.notes = tuple(source.get("notes", ()))
            # These number the frames of another file; in this one they count from 0.
            self.details.pop("file_frames", None)
            self.stated_labels = FrameLabels(record["labels"])
            self.protocol = protocol_from(record)
            check_labels(self.stated_labels, self.frames)

    def raw_reference(self, index: int) -> npt.NDArray[np.float32] | None:  # noqa: ARG002  # most formats carry none
        """Return the image of frame `index` that came with the file, float32 (y, x), or None."""
        return None

    def reference(self, index: int) -> Tensor | None:
        """Return the image of frame `index` that came with the file as a tensor, float32 (y, x), or None."""
        import torch

        image = self.raw_reference(index)
        return None if image is None else torch.from_numpy(image)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frame, coil, ky, kx) of the whole file, (frame, coil, shot, sample) with a trajectory."""
        return self.frames, self.coils, *(self.shots or self.matrix)

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: int) -> Scan:
        """Read one frame; raises IndexError past the last one, as sequences do."""
        if not -self.frames <= index < self.frames:
            raise IndexError(f"'{self.path}' has frames 0 to {self.frames - 1}; {index} was asked for")
        return Scan.from_raw(self.read_checked([index % self.frames]))

    def __iter__(self) -> Iterator[Scan]:
        for start in range(0, self.frames, self.block):
            indices = range(start, min(start + self.block, self.frames))
            scan = Scan.from_raw(self.read_checked(indices))
            for position, index in enumerate(indices):
                yield scan if len(indices) == 1 else scan.frame(position).replace(geometry=self.geometry([index]))

    def load(self, frames: Frames = None) -> Scan:
        """Read several frames into one scan.

        Parameters
        ----------
        frames
            One index, a slice of indices, or None for all.

        Raises
        ------
        InputError
            When the frames do not exist, or would fill more than half of the memory at hand.
        """
        indices = self._indices(frames)
        self._require_memory(len(indices), "load a part of the frames, or go through open_scan(path) frame by frame")
        return Scan.from_raw(self.read_checked(indices))

    def _read_without_silent_coils(self, frames: Sequence[int]) -> RawScan:
        """Read frames without coils that are silent in them but not in the whole file; a note names these coils."""
        try:
            return self._with_file_frames(self.read(frames), frames)
        except SilentCoils as refusal:
            wider = self._read_with_further_frames(frames, len(refusal.coils))
            if wider is None:
                raise
            part = wider.without_coils(refusal.coils, frames).part(0, len(frames))
            return part.replace(geometry=self.geometry(frames))

    def _with_file_frames(self, scan: RawScan, frames: Sequence[int]) -> RawScan:
        """Return `scan` with the frames' numbers in the file where a coil is silent in some, for the note on it."""
        if not scan.has_silent_coils:
            return scan
        details = {**scan.source.details, "file_frames": list(frames)}
        return scan.replace(source=dataclasses.replace(scan.source, details=details))

    def _read_with_further_frames(self, frames: Sequence[int], silent: int) -> RawScan | None:
        """Return frames followed by others in which their `silent` coils have signal, None where no others have."""
        wider = list(frames)
        for other in range(self.frames):
            if other not in frames:
                try:
                    return self.read([*wider, other])
                except SilentCoils as refusal:
                    if len(refusal.coils) < silent:
                        silent = len(refusal.coils)
                        wider.append(other)
        return None

    def _require_memory(self, count: int, advice: str) -> None:
        needed = array_bytes((count, *self.shape[1:]), np.dtype(np.complex64).itemsize)
        what = "One frame" if count == 1 else f"A block of {count} frames"
        require_memory(needed, f"{what} of '{self.path}'", advice)

    def _indices(self, frames: Frames) -> Sequence[int]:
        if frames is not None:
            check_type("The choice of frames", frames, (int, slice), "give an index, or slice(first, last + 1)")
        if isinstance(frames, int):
            if not -self.frames <= frames < self.frames:
                raise InputError(
                    f"Frame {frames} was asked for; '{self.path}' has frames 0 to {self.frames - 1}: "
                    "choose one of them."
                )
            return [frames % self.frames]
        indices = range(self.frames)[frames or slice(None)]
        if not indices:
            raise InputError(
                f"The frames asked for lie outside '{self.path}', which has frames 0 to {self.frames - 1}: "
                "choose among them."
            )
        return indices

    def summary(self, first: RawScan | None = None) -> dict[str, Any]:
        """Return the facts of the header and the first frame as JSON types; reads that frame unless it is given."""
        scan = first or self.read_checked([0])
        geometry = scan.geometry
        return {
            "path": str(self.path),
            "format": self.format,
            "bytes": self.path.stat().st_size,
            "dtype": self.dtype,
            "frames": self.frames,
            "frames_by_label": self._count_labels(),
            "coils": self.coils,
            "matrix": list(self.matrix),
            "image_size": list(geometry.image_size or self.matrix),
            **geometry_facts(geometry, self.volume.placements),
            "stacks": self._count_stacks(),
            "line_axis": scan.line_axis,
            "protocol": self.protocol.summary(),
            "identity_known": list(self.identity.known),
            "missing": [*missing_of(self.volume), *self.protocol.missing],
            "sampling": scan.sampling_summary(),
            "noise_samples": None if scan.noise is None else scan.noise.shape[1],
            "calibration_scan": None if scan.calibration_kspace is None else list(scan.calibration_kspace.shape[-2:]),
            "coil_map_sets": None if scan.coil_maps is None else scan.coil_maps.shape[1],
            "reference": self.raw_reference(0) is not None,
            "notes": list(scan.source.notes),
            "details": self.details,
        }

    def _count_labels(self) -> dict[str, int] | None:
        """Return how many slices, phases and so on there are, None where that is not known, or of too many frames."""
        return self.labels(range(self.frames)).counts or None if self.frames <= MOST_SORTED else None

    def _count_stacks(self) -> int | None:
        """Return the number of stacks; None of files with too many frames to sort."""
        if self.frames > MOST_SORTED:
            return None
        return len(find_stacks(self.volume, self.labels(range(self.frames)), self.frames))

    def __repr__(self) -> str:
        ny, nx = self.matrix
        return f"<{self.format} '{self.path}': {self.frames} frame(s), {self.coils} coil(s), {ny}×{nx}>"
