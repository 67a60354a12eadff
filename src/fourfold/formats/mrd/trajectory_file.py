"""MRD files whose lines carry the points of a trajectory: radial, spiral and others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.hdf5 import is_hdf5, open_hdf5, read_dataset
from fourfold.formats.lines.encoding import Encoding, Header
from fourfold.formats.lines.grid import Grid, VolumeSplit
from fourfold.formats.lines.groups import LineGroups
from fourfold.formats.lines.placement import placement_notes, placements
from fourfold.formats.lines.table import Indices, Roles, roles, valid_range
from fourfold.formats.mrd.groups import choose_group, line_groups
from fourfold.formats.mrd.header import parse_header
from fourfold.formats.mrd.reader import read_points, read_samples, read_table
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.stacks import slice_spacing
from fourfold.scan import FrameLabels, Geometry, RawSampling, RawScan, RawTrajectory

__all__ = ["MRDTrajectoryFile"]

Array = npt.NDArray[Any]

ROUNDING = 1e-4
"""Of points at the edge of the band."""
NO_POINTS = "save the samples as 'kspace' and their points as 'trajectory' in an .npz file"


@dataclass(frozen=True)
class Shots:
    """What all shots of the file have in common."""

    number: int
    """Shots of a frame."""
    first: int
    """First valid sample."""
    end: int
    """The one after the last."""


class MRDTrajectoryFile(ScanFile):
    """Reads shots with their points (kx, ky), frame by frame.

    Frames are slices, contrasts, phases, sets and repetitions, as in `LineFile`. Points within ±0.5 are in cycles per
    pixel of the encoded matrix, others in cycles per encoded field of view. The image is cut to the field of view that
    the scanner shows.

    Parameters
    ----------
    path
        The file.
    dataset
        The HDF5 group to read; needed where there are several with lines.
    encoding
        Index of the encoding space to read.
    """

    format: ClassVar[str] = "MRD with trajectories"
    options: ClassVar[tuple[str, ...]] = ("dataset", "encoding")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is MRD and its first encoding space is not Cartesian."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            groups = line_groups(file)
            if not groups:
                return False
            header = parse_header(np.asarray(read_dataset(file[groups[0]]["xml"], path)).item(), path)
        return not header.encodings[0].on_grid

    def __init__(self, path: Path, dataset: str | None = None, encoding: int = 0) -> None:
        self.path = path
        with open_hdf5(path) as file:
            self.group = choose_group(line_groups(file), dataset, path)
            header = parse_header(np.asarray(read_dataset(file[self.group]["xml"], path)).item(), path)
            self.table = read_table(file[self.group]["data"], path)
        self.space = self._choose_encoding(header, encoding)
        self.roles: Roles = roles(self.table, encoding, embedded=False)
        if not self.roles.imaging.size:
            raise InputError(
                f"'{path}' has no imaging line in encoding space {encoding}: convert the scanner's file again."
            )
        self.groups = LineGroups.of(self.table, self.roles.imaging, None)
        self.coils = int(self.table["active_channels"][self.roles.imaging[0]])
        self.common = self._common()
        self.conjugate = "siemens" in header.facts.get("vendor", "").lower()
        self._describe(header)

    def _choose_encoding(self, header: Header, encoding: int) -> Encoding:
        space = header.encoding(encoding, self.path)
        if space.on_grid:
            raise InputError(
                f"Encoding space {encoding} of '{self.path}' is Cartesian, the first one is not: convert the scanner's "
                "file again with one of them alone."
            )
        return space

    def _common(self) -> Shots:
        """Return what all shots have in common; refuses shots that differ in size, or lack points."""
        rows = self.table[self.roles.imaging]
        dimensions = np.unique(rows["trajectory_dimensions"])
        if dimensions.tolist() not in ([2], [3]):
            raise InputError(
                f"The lines of '{self.path}' have trajectories of {', '.join(map(str, dimensions))} dimensions, though "
                f"the header calls the scan '{self.space.trajectory}'; they must be (kx, ky): {NO_POINTS}."
            )
        first, end = valid_range(rows)
        shapes = np.stack([rows["active_channels"].astype(int), first, end], axis=1)
        numbers = np.array([len(lines) for lines in self.groups.lines])
        if np.ptp(shapes, axis=0).any() or np.ptp(numbers) or end[0] <= first[0]:
            raise InputError(
                f"'{self.path}' has frames of {numbers.min()} to {numbers.max()} shots of {(end - first).min()} to "
                f"{(end - first).max()} samples; all must have the same number: {NO_POINTS}, in frames of one size."
            )
        return Shots(int(numbers[0]), int(first[0]), int(end[0]))

    def _describe(self, header: Header) -> None:
        grid = replace(Grid.of(self.space), nz=1, kept_z=1)
        if self.space.matrix[2] > 1 and len(np.unique(self.table["idx"]["kspace_encode_step_2"])) > 1:
            raise InputError(
                f"'{self.path}' has shots of several partitions; fourfold reads trajectories of slices: Fourier "
                f"transform along the partitions, and {NO_POINTS}."
            )
        grid.require_memory(self.coils, self.path)
        self.matrix = grid.ny, grid.nx
        self.frames = len(self.groups.lines)
        self.shots = self.common.number, self.common.end - self.common.first
        self.dtype = "complex64"
        self.image_size = grid.kept_y, grid.kept_x
        self.details = {
            **header.facts,
            "conjugated": self.conjugate,
            "encoded_matrix": list(self.space.matrix),
            "lines": {"imaging": self.roles.imaging.size, "noise": self.roles.noise.size},
        }
        self.protocol, self.identity = header.protocol, header.identity
        split = VolumeSplit(grid, by_readout=False)
        self.placements = placements(self.table, self.groups.lines, split)
        known = tuple(place for place in self.placements if place is not None)
        volume = Geometry(
            split.voxel_size,
            self.image_size,
            known if len(known) == self.frames else (),
            slice_thickness=split.voxel_size[0],
        )
        spacing = slice_spacing(volume, self.labels(range(self.frames))) or split.voxel_size[0]
        self.volume = replace(volume, voxel_size=(spacing, *split.voxel_size[1:]))
        self.notes = (*header.notes, *placement_notes(self.placements))

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return the counters of the frames' lines."""
        return FrameLabels.of_each([self.groups.label(frame) for frame in frames])

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; only their lines are loaded."""
        with open_hdf5(self.path) as file:
            lines = file[self.group]["data"]
            shots = [self._read_shots(lines, self.groups.lines[frame]) for frame in frames]
            points = [self._read_points(lines, self.groups.lines[frame]) for frame in frames]
            noise = self._read_noise(lines)
        trajectory = np.stack(points)
        if (trajectory == trajectory[:1]).all():
            trajectory = trajectory[:1]
        kspace = np.stack(shots)
        return RawScan(
            kspace,
            sampling=RawSampling(np.ones((1, *kspace.shape[2:]), bool)),
            trajectory=RawTrajectory(trajectory, self.matrix, kind=self.space.trajectory),
            noise=noise,
            geometry=self.geometry(frames),
            source=self.source(),
            labels=self.labels(frames),
        )

    def _read_shots(self, lines: h5py.Dataset, chosen: Indices) -> Array:
        """Return the samples of a frame, complex64 (coil, shot, sample)."""
        shots = np.empty((len(chosen), self.coils, self.common.end - self.common.first), np.complex64)
        places = {int(line): place for place, line in enumerate(np.sort(chosen))}
        for part, samples in read_samples(lines, self.table, chosen, self.path):
            for line, shot in zip(part.tolist(), samples, strict=True):
                shots[places[line]] = shot[:, self.common.first : self.common.end]
        shots = shots.conj() if self.conjugate else shots
        return np.ascontiguousarray(shots.swapaxes(0, 1))

    def _read_points(self, lines: h5py.Dataset, chosen: Indices) -> Array:
        """Return the points of a frame, float32 (shot, sample, 2), (ky, kx) in cycles per encoded field of view."""
        points = np.stack(read_points(lines, self.table, np.sort(chosen), self.path))
        points = points[:, self.common.first : self.common.end]
        if points.shape[2] == 3 and points[..., 2].any():
            raise InputError(
                f"The third number of the trajectory's points in '{self.path}' is not zero: where it is kz the scan is "
                f"three-dimensional, which fourfold does not read, where it is a weight, {NO_POINTS}, and the weights "
                "as 'density'."
            )
        sizes = np.array(self.matrix, np.float32)
        swapped = points[..., 1::-1]
        if not np.isfinite(swapped).all():
            raise InputError(f"The trajectory in '{self.path}' contains NaN or Inf; leave the corrupt lines out.")
        reach = np.abs(swapped).max(axis=(0, 1))
        if reach.max() <= 0.5 * (1 + ROUNDING):
            return np.ascontiguousarray(swapped * sizes)
        if (reach > sizes / 2 * (1 + ROUNDING)).any() or reach.max() < math.sqrt(sizes.max()):
            raise InputError(
                f"The trajectory in '{self.path}' reaches (kx, ky) = ±({reach[1]:.3g}, {reach[0]:.3g}) with an encoded "
                f"matrix of {self.matrix[1]}×{self.matrix[0]}; it must be in cycles per pixel (±0.5) or per encoded "
                "field of view: convert the scanner's file again."
            )
        return np.ascontiguousarray(swapped)

    def _read_noise(self, lines: h5py.Dataset) -> Array | None:
        chosen = self.roles.noise
        if not chosen.size or (self.table["active_channels"][chosen] != self.coils).any():
            return None
        parts = read_samples(lines, self.table, chosen, self.path)
        noise = np.concatenate([samples.swapaxes(0, 1).reshape(self.coils, -1) for _, samples in parts], axis=1)
        return noise.conj() if self.conjugate else noise
