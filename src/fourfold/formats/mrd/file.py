"""MRD (ISMRMRD) HDF5, Cartesian, read with h5py alone.

Inati et al., "ISMRM Raw data format: A proposed standard for MRI raw datasets", Magn Reson Med 77:411 (2017),
https://doi.org/10.1002/mrm.26089. The meaning of header fields and flags is that of the ISMRMRD project.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.hdf5 import is_hdf5, open_hdf5, read_dataset
from fourfold.formats.masks import merge_frames
from fourfold.formats.mrd.centre import FROM_DATA, Centre, LineEnergies, parse_centre
from fourfold.formats.mrd.header import (
    Encoding,
    Header,
    Limits,
    check_limits,
    field_of_view_notes,
    parse_header,
    voxel_size,
)
from fourfold.formats.mrd.lines import LINES_AT_ONCE, Indices, is_reversed, read_samples, read_table, roles, valid_range
from fourfold.formats.mrd.repeats import (
    LARGEST_DIFFERENCE,
    NOTED_DIFFERENCE,
    Repeats,
    check_choice,
    describe,
    difference,
    ranks,
)
from fourfold.formats.numpy_fourier import crop_field_of_view, inverse_rows, to_image
from fourfold.formats.scan_file import FrameLabels, ScanFile
from fourfold.formats.stacks import FRAME_BYTES, TURN, slice_spacing
from fourfold.memory import array_bytes, require_memory
from fourfold.scan import Geometry, Placement, RawSampling, RawScan, centre_slice, crop_centre
from fourfold.scan.kspace_checks import check_mask_centre

__all__ = ["MRDFile"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

BLOCK_BYTES = 2**28
# A frame is one combination of these counters; the last one changes fastest.
COUNTERS = ("repetition", "set", "phase", "contrast", "slice")
STEPS = ("kspace_encode_step_1", "kspace_encode_step_2")
# Places of k-space, nearest to its centre, whose repeated lines are compared.
PLACES_COMPARED = 32
# An encoded matrix that is so many times larger than what all lines together cover is not theirs.
LARGEST_GAP = 16
POINTS_ADVICE = "save the samples as 'kspace' and their points as 'trajectory' in an .npz file"
FRAMES_ADVICE = "--repeats frames (in Python repeats='frames')"
EPI_ADVICE = "EPI needs ramp sampling and ghosts corrected first, then lines on a grid"


@dataclass(frozen=True)
class Grid:
    """The encoded k-space grid, and what of the encoded field of view is kept.

    Attributes
    ----------
    nx, ny, nz
        Encoded samples, lines and partitions.
    line_centre, partition_centre
        Encoding steps 1 and 2 at the centre of k-space.
    kept_x, kept_y, kept_z
        Points of the image grid that the scanner shows; the rest is oversampling.
    dx, dy, dz
        Voxel size in mm, None where the field of view is not known.
    """

    nx: int
    ny: int
    nz: int
    line_centre: int
    partition_centre: int
    kept_x: int
    kept_y: int
    kept_z: int
    dx: float | None
    dy: float | None
    dz: float | None

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Encoded matrix (x, y, z)."""
        return self.nx, self.ny, self.nz

    @classmethod
    def of(cls, encoding: Encoding) -> Grid:
        """Return the grid that the header describes."""
        nx, ny, nz = encoding.matrix
        fields = zip(encoding.matrix, encoding.field_of_view, encoding.recon_field_of_view, strict=True)
        kept_x, kept_y, kept_z = (
            max(1, round(min(size, size * shown / whole))) if 0 < whole < math.inf and 0 < shown < math.inf else size
            for size, whole, shown in fields
        )
        dx, dy, dz = voxel_size(encoding.matrix, encoding.field_of_view)

        def centre(limits: Limits | None, size: int) -> int:
            return size // 2 if limits is None else limits.centre

        return cls(
            nx, ny, nz, centre(encoding.lines, ny), centre(encoding.partitions, nz), kept_x, kept_y, kept_z, dx, dy, dz
        )


@dataclass(frozen=True)
class Part:
    """Frames of one group of lines: k-space (point, coil, *matrix), mask (*matrix), calibration as k-space or None."""

    kspace: Array
    mask: Mask
    calibration: Array | None
    notes: tuple[str, ...]


class MRDFile(ScanFile):
    """Reads Cartesian lines, frame by frame.

    Frames are slices (in the order of their positions), contrasts, phases, sets and repetitions; averages are averaged,
    readout oversampling is removed, lines stand where the header's centre and limits put them, zeros elsewhere.
    A three-dimensional scan is split along its partitions where these are fully sampled, else along the readout; one
    whose lines are all of one partition is two-dimensional, whatever the header's matrix.

    Parameters
    ----------
    path
        The file.
    dataset
        The HDF5 group to read; needed where there are several with lines.
    encoding
        Index of the encoding space to read.
    repeats
        What becomes of lines that were acquired more than once, as averages or under the same counters: ``average``
        averages them, ``frames`` makes a frame of each repeat. None averages them and refuses those that differ far
        beyond noise.
    centre
        Where the centre of k-space lies, where the header is wrong: ``data``, or places such as ``line=32,sample=60``.
    embedded
        Whether lines that are flagged as calibration alone belong to the image too; None: as the header says.
    """

    format: ClassVar[str] = "MRD (ISMRMRD) HDF5"
    options: ClassVar[tuple[str, ...]] = ("dataset", "encoding", "repeats", "centre", "embedded")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is HDF5 with a group that holds ``xml`` and ``data`` with line headers."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return bool(_groups(file))

    def __init__(
        self,
        path: Path,
        dataset: str | None = None,
        encoding: int = 0,
        repeats: Repeats | None = None,
        centre: str | None = None,
        embedded: bool | None = None,
    ) -> None:
        check_choice(repeats)
        self.path, self.repeats = path, repeats
        with open_hdf5(path) as file:
            self.group = self._choose_group(_groups(file), dataset)
            header = parse_header(np.asarray(read_dataset(file[self.group]["xml"], path)).item(), path)
            self.table = read_table(file[self.group]["data"], path)
        if not 0 <= encoding < len(header.encodings):
            raise InputError(
                f"'{path}' has encoding spaces 0 to {len(header.encodings) - 1}; {encoding} was asked for: "
                "choose one of them."
            )
        space = header.encodings[encoding]
        self._check_trajectory(space.trajectory)
        in_image = space.calibration_mode == "embedded" if embedded is None else embedded
        self.roles = roles(self.table, encoding, embedded=in_image)
        if not self.roles.imaging.size:
            raise InputError(
                f"'{path}' has no imaging line in encoding space {encoding}: convert the scanner's file again."
            )
        self.groups = self._group_lines()
        space = self._place_lines(space, centre)
        self._check_lines()
        self.coils = int(self.table["active_channels"][self.roles.imaging[0]])
        self._check_matrix()
        self.by_readout = not self._partitions_are_full()
        self._describe(header, space)

    def _choose_group(self, groups: list[str], dataset: str | None) -> str:
        if dataset is None and len(groups) == 1:
            return groups[0]
        if dataset in groups:
            return dataset
        found = "has no such group" if dataset else "has several groups with lines"
        raise InputError(f"'{self.path}' {found}: choose one with dataset='…' of {', '.join(groups)}.")

    def _check_trajectory(self, trajectory: str) -> None:
        if trajectory != "cartesian":
            advice = EPI_ADVICE if trajectory == "epi" else POINTS_ADVICE
            raise InputError(
                f"'{self.path}' has the trajectory '{trajectory}'; fourfold reads Cartesian MRD files: {advice}."
            )

    def _check_matrix(self) -> None:
        """Refuse a matrix that does not fit into the memory: a frame, a few lines, and the steps of a volume."""
        grid = self.grid
        plane = (grid.kept_x, grid.ny) if grid.nz == 1 else (grid.ny, min(grid.nz, grid.kept_x))
        for shape in ((self.coils, *plane), (LINES_AT_ONCE, self.coils, grid.nx), (grid.ny, grid.nz)):
            require_memory(
                array_bytes(shape, np.dtype(np.complex64).itemsize),
                f"The encoded matrix {grid.nx}×{grid.ny}×{grid.nz} of '{self.path}', with {self.coils} coils,",
                "convert the scanner's file again, or take a computer with more memory",
            )

    def _place_lines(self, space: Encoding, centre: str | None) -> Encoding:
        """Set the grid and each line's place on it; return the encoding space, without partitions where all are one."""
        step_1, step_2 = (self.table["idx"][name].astype(int) for name in STEPS)
        check_limits(space.lines, STEPS[0], self.path)
        partitions = np.unique(step_2[np.union1d(self.roles.imaging, self.roles.calibration)])
        if len(partitions) > 1:
            check_limits(space.partitions, STEPS[1], self.path)
            self.grid = Grid.of(space)
        else:
            if space.matrix[2] > 1:
                self.notes += (
                    f"The header's matrix has {space.matrix[2]} partitions, but all lines are of the same one "
                    f"({STEPS[1]} is {partitions[0]}); the scan was read as two-dimensional.",
                )
            space = _two_dimensional(space)
            self.grid = Grid.of(space)
        self.centre = self._choose_centre(centre)
        self.kz = step_2 - self.centre.partition + self.grid.nz // 2 if len(partitions) > 1 else np.zeros_like(step_2)
        self.ky = step_1 - self.centre.line + self.grid.ny // 2
        return space

    def _cells(self) -> tuple[Array, Array]:
        """Return the counters that say which sample an imaging line gives, (line, counter), and its average counter."""
        idx = self.table["idx"][self.roles.imaging]
        return np.stack([idx[name].astype(int) for name in (*COUNTERS, *STEPS)], axis=1), idx["average"].astype(int)

    def _choose_centre(self, asked: str | None) -> Centre:
        """Return where the centre of k-space lies: as the header says, but for what `asked` takes from elsewhere."""
        stated = Centre(self.grid.line_centre, self.grid.partition_centre)
        if asked is None:
            return stated
        if asked == FROM_DATA:
            changes = self._energies_of_clear_group().contradictions(stated, self.grid.sizes)
        else:
            changes = parse_centre(asked)
            if "sample" in changes:
                rows, sample = self.table[self.roles.imaging], changes.pop("sample")
                for name, chosen in (("forward", ~is_reversed(rows)), ("reverse", is_reversed(rows))):
                    if chosen.any():
                        changes[name] = sample - int(rows["center_sample"][chosen][0])
        centre = replace(stated, **changes)
        if centre != stated:
            source = "the data" if asked == FROM_DATA else "the option"
            self.notes += (f"The centre of k-space was taken from {source}: {centre.differences(stated)}.",)
        return centre

    def _energies_of_clear_group(self) -> LineEnergies:
        """Return the energies of the first group of lines, from the middle on, whose peak is clear."""
        middle = len(self.groups) // 2
        with open_hdf5(self.path) as file:
            lines = file[self.group]["data"]
            for group in self.groups[middle:] + self.groups[:middle]:
                energies = self._line_energies(lines, group)
                if energies.has_clear_peak:
                    return energies
        raise InputError(
            f"The lines of '{self.path}' have no clear peak, which would show their centre: give its place, such as "
            "--centre line=32 (in Python centre='line=32')."
        )

    def _line_energies(self, lines: h5py.Dataset, chosen: Indices) -> LineEnergies:
        """Return the energies of these lines."""
        energies = LineEnergies(self.table, chosen)
        for part, samples in read_samples(lines, self.table, chosen, self.path):
            energies.add(part, samples)
        return energies

    def _check_centre(self, lines: h5py.Dataset, group: int, energies: LineEnergies) -> tuple[str, ...]:
        """Refuse a centre that this group contradicts; notes where its slice's first group confirms the centre."""
        first = int(np.argmax(self.counters[:, -1] == self.counters[group][-1]))
        contradicted = first != group and energies.contradictions(self.centre, self.grid.sizes)
        reference = self._line_energies(lines, self.groups[first]) if contradicted else None
        return energies.check(self.centre, self.grid.sizes, f"'{self.path}'", reference)

    def _check_lines(self) -> None:
        """Refuse lines that do not fit the encoded grid, and lines of different coils."""
        grid, used = self.grid, np.union1d(self.roles.imaging, self.roles.calibration)
        for name, places, size in zip(STEPS, (self.ky, self.kz), (grid.ny, grid.nz), strict=True):
            if places[used].min() < 0 or places[used].max() >= size:
                found = self.table["idx"][name][used]
                raise InputError(
                    f"'{self.path}' has {name} from {found.min()} to {found.max()}, not fitting the {size} steps "
                    "of its encoded matrix around the header's centre: convert the scanner's file again, or take the "
                    "centre from the data with --centre data (in Python centre='data')."
                )
        first, last = self._spans(used)
        if first.min() < 0 or last.max() >= grid.nx:
            line = self.table[used[np.argmax((first < 0) | (last >= grid.nx))]]
            raise InputError(
                f"'{self.path}' has lines of {line['number_of_samples']} samples with the centre at "
                f"{line['center_sample']}, which do not fit its encoded matrix of {grid.nx}: convert the scanner's "
                "file again."
            )
        extents = np.ptp(self.ky[used]) + 1, np.ptp(self.kz[used]) + 1, last.max() - first.min() + 1
        for name, covered, size in zip((*STEPS, "samples"), extents, (grid.ny, grid.nz, grid.nx), strict=True):
            if covered * LARGEST_GAP < size:
                raise InputError(
                    f"The lines of '{self.path}' cover {covered} {name} of the {size} of the encoded matrix, less than "
                    "a sixteenth of it: lines are missing or the header is of another scan; convert the scanner's "
                    "file again."
                )
        coils = np.unique(self.table["active_channels"][used])
        if 0 in coils or self.table["number_of_samples"][used].min() == 0:
            raise InputError(f"'{self.path}' has lines without coils or samples: convert the scanner's file again.")
        if len(coils) > 1:
            raise InputError(f"'{self.path}' has lines of {', '.join(map(str, coils))} coils; all must have the same.")

    def _starts(self, lines: Indices) -> Array:
        """Return the place on the encoded grid of each line's first sample."""
        rows = self.table[lines]
        shift = np.where(is_reversed(rows), self.centre.reverse, self.centre.forward)
        return self.grid.nx // 2 - rows["center_sample"].astype(int) - shift

    def _spans(self, lines: Indices) -> tuple[Array, Array]:
        """Return the places on the encoded grid of each line's first and last valid sample."""
        first, end = valid_range(self.table[lines])
        starts = self._starts(lines)
        return starts + first, starts + end - 1

    def _group_lines(self) -> list[Indices]:
        """Return the imaging lines of each frame (of each volume in 3D), parallel slices in the order of position."""
        lines = self.roles.imaging
        cells, averages = self._cells()
        repeat = ranks(cells, averages) if self.repeats == "frames" else np.zeros(len(lines), int)
        counters = np.column_stack([repeat, cells[:, : len(COUNTERS)]])
        keys, inverse = np.unique(counters, axis=0, return_inverse=True)
        slices = {index: self.table[lines[np.argmax(counters[:, -1] == index)]] for index in np.unique(counters[:, -1])}
        order = sorted(range(len(keys)), key=lambda key: (*keys[key][:-1], *_rank(slices, keys[key][-1])))
        self.counters = keys[order]
        return [lines[inverse.ravel() == key] for key in order]

    def _partitions_are_full(self) -> bool:
        """Whether every line position was acquired in all partitions (in one range around the centre)."""
        for lines in self.groups:
            pattern = np.zeros((self.grid.ny, self.grid.nz), bool)
            pattern[self.ky[lines], self.kz[lines]] = True
            partitions = np.flatnonzero(pattern.any(axis=0))
            whole = pattern[pattern.any(axis=1)][:, partitions[0] : partitions[-1] + 1]
            if not whole.all() or not partitions[0] <= self.grid.nz // 2 <= partitions[-1]:
                return False
        return True

    def _describe(self, header: Header, space: Encoding) -> None:
        grid = self.grid
        if self.by_readout:
            self.matrix, self.image_size = (grid.ny, grid.nz), (grid.kept_y, grid.kept_z)
            self.points = range(grid.nx)[centre_slice(grid.nx, grid.kept_x)]
        else:
            self.matrix, self.image_size = (grid.ny, grid.kept_x), (grid.kept_y, grid.kept_x)
            self.points = range(grid.nz)[centre_slice(grid.nz, grid.kept_z)]
        self.frames = len(self.groups) * len(self.points)
        what = f"A list of the {self.frames} frames of '{self.path}'"
        require_memory(self.frames * FRAME_BYTES, what, "convert the scanner's file again")
        frame_bytes = 8 * self.coils * self.matrix[0] * self.matrix[1]
        self.block = min(len(self.points), max(1, BLOCK_BYTES // frame_bytes))
        self.labels = FrameLabels(self.frames, self._label)
        self.dtype = "complex64"
        # Siemens gives directions for images made by the forward transform; ours are made by the inverse one,
        # which the conjugate of the samples makes up for.
        self.conjugate = "siemens" in header.facts.get("vendor", "").lower()
        self.details = {
            **header.facts,
            "conjugated": self.conjugate,
            "averages": len(np.unique(self.table["idx"]["average"][self.roles.imaging])),
            "encoded_matrix": [grid.nx, grid.ny, grid.nz],
            "split_along": "readout" if self.by_readout else "partitions" if grid.nz > 1 else None,
            "lines": {
                "imaging": self.roles.imaging.size,
                "calibration_apart": self.roles.calibration.size,
                "noise": self.roles.noise.size,
                "left_out": self.roles.left_out,
            },
            **self._noise_facts(),
        }
        self.places = [self._placement(frame) for frame in range(self.frames)]
        self.spacing = None
        self.volume = self.geometry(range(self.frames))
        self.spacing = slice_spacing(self.volume, self.labels)
        repeats = describe(*self._cells(), self.repeats)
        self.notes = (*self.notes, *repeats, *field_of_view_notes(space), *self._placement_notes())

    def _noise_facts(self) -> dict[str, Any]:
        if not self.roles.noise.size:
            return {}
        noise, line = self.table[self.roles.noise[0]], self.table[self.roles.imaging[0]]
        facts: dict[str, Any] = {}
        if 0 < line["sample_time_us"] < np.inf and 0 < noise["sample_time_us"] < np.inf:
            facts["noise_dwell_time_ratio"] = round(float(noise["sample_time_us"] / line["sample_time_us"]), 4)
        if not self._has_noise():
            facts["noise_left_out"] = f"{noise['active_channels']} coils, but the image lines have {self.coils}"
        return facts

    def _has_noise(self) -> bool:
        coils = self.table["active_channels"][self.roles.noise]
        return bool(coils.size) and bool((coils == self.coils).all())

    def _label(self, frame: int) -> dict[str, int]:
        group, point = divmod(frame, len(self.points))
        varying = np.ptp(self.counters, axis=0) > 0
        names = enumerate(("repeat", *COUNTERS))
        label = {name: int(self.counters[group][i]) for i, name in names if varying[i] or name == "slice"}
        if self.by_readout:
            label["readout"] = point
        elif self.grid.nz > 1:
            label["partition"] = point
        return label

    def geometry(self, frames: Sequence[int]) -> Geometry:
        """Return where the frames lie, from the headers of their first lines."""
        grid = self.grid
        voxel = (grid.dx, grid.dy, grid.dz) if self.by_readout else (grid.dz, grid.dy, grid.dx)
        known = tuple(place for place in (self.places[frame] for frame in frames) if place is not None)
        geometry = Geometry(voxel, self.image_size, known if len(known) == len(frames) else ())
        spacing = slice_spacing(geometry) or self.spacing or voxel[0]
        return replace(geometry, voxel_size=(spacing, *voxel[1:]))

    def _placement(self, frame: int) -> Placement | None:
        """Return how a frame lies in the patient, None where its directions are not known."""
        group, point = divmod(frame, len(self.points))
        first = self.table[self.groups[group][0]]
        axes = [_unit(first[name]) for name in ("read_dir", "phase_dir", "slice_dir")]
        if not all(np.any(axis) for axis in axes):
            return None
        if self.by_readout:
            axes.reverse()
        size, thickness = (self.grid.nx, self.grid.dx) if self.by_readout else (self.grid.nz, self.grid.dz)
        known = bool(np.isfinite(first["position"]).all()) and (len(self.points) == 1 or thickness is not None)
        centre = _triple(first["position"]) if known else None
        x_axis, y_axis, slice_axis = (_triple(axis) for axis in axes)
        placement = Placement(x_axis, y_axis, slice_axis, centre)
        return placement.moved((self.points[point] - size // 2) * (thickness or 0.0))

    def _placement_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of frames whose place is not known."""
        turned = sum(place is None for place in self.places)
        lost = sum(place is not None and place.centre is None for place in self.places)
        notes = []
        if turned:
            notes.append(
                f"The headers of {turned} of {self.frames} frame(s) give no directions: orientation not known."
            )
        if lost:
            notes.append(f"The headers of {lost} of {self.frames} frame(s) give no full position: position not known.")
        return tuple(notes)

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; only the lines that they need are loaded, a few at a time."""
        wanted: dict[int, list[int]] = {}
        for frame in frames:
            wanted.setdefault(frame // len(self.points), []).append(frame % len(self.points))
        with open_hdf5(self.path) as file:
            lines = file[self.group]["data"]
            parts = {group: self._read_group(lines, group, points) for group, points in wanted.items()}
            noise = self._read_noise(lines)
        order = [(frame // len(self.points), frame % len(self.points)) for frame in frames]
        places = [(parts[group], wanted[group].index(point)) for group, point in order]
        calibrations = [part.calibration[place] for part, place in places if part.calibration is not None]
        source = self.source(frames)
        notes = [*source.notes, *(note for part in parts.values() for note in part.notes)]
        return RawScan(
            np.stack([part.kspace[place] for part, place in places]),
            sampling=RawSampling(merge_frames(np.stack([part.mask for part, _ in places]))),
            calibration_kspace=_stack_centres(calibrations) if len(calibrations) == len(frames) else None,
            noise=noise,
            geometry=self.geometry(frames),
            source=replace(source, notes=tuple(dict.fromkeys(notes))),
        )

    def _read_group(self, lines: h5py.Dataset, group: int, points: Sequence[int]) -> Part:
        notes = self._compare_repeats(lines, group)
        energies = LineEnergies(self.table, self.groups[group]) if self.check_content else None
        kspace, mask = self._assemble(lines, self.groups[group], points, energies)
        if energies is not None:
            notes += self._check_centre(lines, group, energies)
        self._check_pattern(mask)
        calibration = None
        chosen = self._calibration_of(group)
        if chosen.size:
            apart, where = self._assemble(lines, chosen, points)
            box = RawSampling(where[None]).acs_shape
            calibration = crop_centre(apart, box) if min(box) > 0 else None
        return Part(kspace, mask, calibration, notes)

    def _compare_repeats(self, lines: h5py.Dataset, group: int) -> tuple[str, ...]:
        """Return a sentence where repeated lines of a group differ beyond noise; refuse those that differ far beyond.

        Only the lines nearest to the centre of k-space are read, which hold most of the signal.
        """
        chosen = self.groups[group]
        place = self.ky[chosen] * self.grid.nz + self.kz[chosen]
        places, times = np.unique(place, return_counts=True)
        repeated = places[times > 1]
        if not repeated.size:
            return ()
        start = f"Lines that '{self.path}' repeats in frame {group * len(self.points)}"
        end = (
            "they seem to be echoes or contrasts rather than averages; make a frame of each repeat with "
            f"{FRAMES_ADVICE}"
        )
        within = np.isin(place, repeated)
        first, last = self._spans(chosen[within])
        if len(np.unique(np.column_stack([place[within], first, last]), axis=0)) > len(repeated):
            raise InputError(f"{start} cover different parts of the readout: {end}.")
        apart = self._distance(chosen[within])
        if apart > (self.grid.dz or 1.0) / 2 and self.repeats is None:
            raise InputError(
                f"{start} lie {apart:.3g} mm apart: they seem to be slices without a slice counter; make a frame of "
                f"each repeat with {FRAMES_ADVICE}, or average them all the same with --repeats average."
            )
        rows, columns = np.divmod(repeated, self.grid.nz)
        distance = np.hypot(rows - self.grid.ny // 2, columns - self.grid.nz // 2)
        nearest = repeated[np.argsort(distance, kind="stable")[:PLACES_COMPARED]]
        # Lines of one place have one length; places whose lines are cut short otherwise are left out.
        compared = np.isin(place[within], nearest)
        compared &= (first == first[compared][0]) & (last == last[compared][0])
        span = slice(int(first[compared][0]), int(last[compared][0]) + 1)
        share = difference(self._repeats_of(lines, chosen[within][compared], span))
        if share > LARGEST_DIFFERENCE and self.repeats is None:
            raise InputError(
                f"{start} differ by {share:.0%} of their signal, far more than noise: {end}, or average them all the "
                "same with --repeats average."
            )
        exceeded = [limit for limit in (LARGEST_DIFFERENCE, NOTED_DIFFERENCE) if share > limit]
        if not exceeded:
            return ()
        return (f"Repeated lines differ by more than {exceeded[0]:.0%} of their signal, which is not noise.",)

    def _distance(self, lines: Indices) -> float:
        """Return how far these lines lie apart along their slice axis, in mm; NaN where that is not known."""
        rows = self.table[lines]
        return float(np.ptp(_known(rows["position"]) @ _unit(rows["slice_dir"][0])))

    def _repeats_of(self, lines: h5py.Dataset, chosen: Indices, span: slice) -> list[Array]:
        """Return the samples within `span` of these lines, by their place: complex (repeat, coil, sample) each."""
        by_place: dict[tuple[int, int], list[Array]] = {}
        for part, samples in self._readouts(lines, chosen):
            for index, readout in zip(part, samples, strict=True):
                by_place.setdefault((int(self.ky[index]), int(self.kz[index])), []).append(readout[:, span])
        return [np.stack(repeats) for repeats in by_place.values()]

    def _check_pattern(self, mask: Mask) -> None:
        """Refuse imaging lines that leave out the centre of k-space where calibration lines would fill it."""
        try:
            check_mask_centre(mask[None])
        except InputError:
            if not np.setdiff1d(self.roles.calibration, self.roles.imaging).size:
                raise
            raise InputError(
                f"The imaging lines of '{self.path}' leave out the centre of k-space, whose lines are flagged as "
                "calibration alone: if these belong to the image too, say so with --embedded (in Python embedded=True)."
            ) from None

    def check_frame(self, kspace: Array, where: str) -> None:  # as in the base
        """Do nothing: the centre has been looked for among the lines."""

    def _calibration_of(self, group: int) -> Indices:
        """Return the calibration lines of the group's slice, of its own contrast, repetition, … where there are any."""
        lines: Indices = self.roles.calibration
        lines = lines[self.table["idx"]["slice"][lines] == self.counters[group][-1]]
        for name, value in zip(COUNTERS[:-1], self.counters[group][1:], strict=False):
            own = lines[self.table["idx"][name][lines] == value]
            lines = own if own.size else lines
        return lines

    def _assemble(
        self, lines: h5py.Dataset, chosen: Indices, points: Sequence[int], energies: LineEnergies | None = None
    ) -> tuple[Array, Mask]:
        """Return the k-space (point, coil, *matrix) of these lines, repeated ones averaged, and its mask (*matrix).

        Lines are added to the `energies` on their way.
        """
        kspace = np.zeros((len(points), self.coils, *self.matrix), np.complex64)
        place = self.ky * self.grid.nz + self.kz
        repeats = np.bincount(place[chosen])
        wanted = [self.points[point] for point in points]
        rows = inverse_rows(self.grid.nz, [0] if self.by_readout else wanted)
        for part, samples in self._readouts(lines, chosen, energies):
            readouts = (
                to_image(samples)[..., wanted] if self.by_readout else crop_field_of_view(samples, self.grid.kept_x)
            )
            for index, readout in zip(part, readouts, strict=True):
                share = np.float32(1 / repeats[place[index]])
                ky, kz = self.ky[index], self.kz[index]
                if self.by_readout:
                    kspace[:, :, ky, kz] += share * readout.T
                else:
                    kspace[:, :, ky] += share * rows[:, kz, None, None] * readout
        mask = self._pattern(chosen)
        return np.where(mask, kspace, 0), mask

    def _readouts(
        self, lines: h5py.Dataset, chosen: Indices, energies: LineEnergies | None = None
    ) -> Iterator[tuple[Indices, Array]]:
        """Yield (indices, samples on the encoded grid): zeros where an echo is cut short."""
        for part, samples in read_samples(lines, self.table, chosen, self.path):
            if energies is not None:
                energies.add(part, samples)
            grid = np.zeros((len(part), self.coils, self.grid.nx), np.complex64)
            first, last = self._spans(part)
            for row, line, begin, end, start in zip(grid, samples, first, last, self._starts(part), strict=True):
                row[:, begin : end + 1] = line[:, begin - start : end + 1 - start]
            yield part, grid.conj() if self.conjugate else grid

    def _pattern(self, chosen: Indices) -> Mask:
        """Return where these lines put samples, bool (*matrix)."""
        mask = np.zeros(self.matrix, bool)
        if self.by_readout:
            mask[self.ky[chosen], self.kz[chosen]] = True
            return mask
        grid = self.grid
        first, last = self._spans(chosen)
        # A shorter grid of the same spacing's multiple: the samples within the range that was acquired.
        begin = np.ceil((first - grid.nx // 2) * grid.kept_x / grid.nx).astype(int) + grid.kept_x // 2
        end = np.floor((last - grid.nx // 2) * grid.kept_x / grid.nx).astype(int) + grid.kept_x // 2 + 1
        whole = (first == 0) & (last == grid.nx - 1)
        for ky, start, stop in zip(
            self.ky[chosen], np.where(whole, 0, begin), np.where(whole, grid.kept_x, end), strict=True
        ):
            mask[ky, start:stop] = True
        return mask

    def _read_noise(self, lines: h5py.Dataset) -> Array | None:
        if not self._has_noise():
            return None
        parts = read_samples(lines, self.table, self.roles.noise, self.path)
        noise = np.concatenate([samples.swapaxes(0, 1).reshape(self.coils, -1) for _, samples in parts], axis=1)
        return noise.conj() if self.conjugate else noise


def _two_dimensional(space: Encoding) -> Encoding:
    """Return the encoding space with one partition, as thick as what the scanner shows where the header has several."""
    (x, y, z), (field_x, field_y, whole), shown = space.matrix, space.field_of_view, space.recon_field_of_view[2]
    thickness = shown if z > 1 and shown > 0 else whole
    return replace(
        space,
        matrix=(x, y, 1),
        field_of_view=(field_x, field_y, thickness),
        recon_matrix=(*space.recon_matrix[:2], 1),
        partitions=None,
    )


def _groups(file: h5py.File) -> list[str]:
    """Return the groups that hold a header and lines."""

    def has_lines(group: Any) -> bool:
        data = group.get("data") if isinstance(group, h5py.Group) and "xml" in group else None
        return isinstance(data, h5py.Dataset) and data.size > 0 and "head" in (data.dtype.names or ())

    return [name for name in file if has_lines(file[name])]


def _rank(slices: Mapping[int, Any], index: int) -> tuple[int, float, int]:
    """Return by what a slice is sorted: the first slice parallel to it, its position, its counter."""
    line = slices[index]
    parallel = (
        other for other, first in slices.items() if np.allclose(first["slice_dir"], line["slice_dir"], atol=TURN)
    )
    height = float(np.nan_to_num(_known(line["position"]) @ _known(line["slice_dir"])))
    return next(parallel, index), round(height, 3), index


def _stack_centres(boxes: list[Array]) -> Array:
    """Stack k-space centres (coil, ky, kx) of different sizes, cut to the smallest."""
    size = min(box.shape[1] for box in boxes), min(box.shape[2] for box in boxes)
    return np.stack([crop_centre(box, size) for box in boxes])


def _known(vectors: Array) -> Array:
    """Return vectors in double precision, infinite numbers as NaN, of which products are NaN without a warning."""
    return np.where(np.isfinite(vectors), vectors, np.nan).astype(float)


def _unit(vector: Array) -> Array:
    """Return a direction of length 1; zeros where the header gives none."""
    length = float(np.linalg.norm(vector.astype(float)))
    return vector.astype(float) / length if 0 < length < math.inf else np.zeros(3)


def _triple(vector: Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in vector)
    return x, y, z
