"""BART's file pair: ``name.hdr`` with the dimensions, ``name.cfl`` with complex64 samples, first dimension fastest.

Uecker et al., BART, https://doi.org/10.5281/zenodo.592960; the dimensions' meaning is that of BART's ``misc/mri.h``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.bart import read_bart_header, write_bart_header
from fourfold.files.input import check_file, first_bytes
from fourfold.files.output import write_buffer
from fourfold.formats.bart_dimensions import FIRST, LABELS, place_frames
from fourfold.formats.content import UNCHECKED, energy_of
from fourfold.formats.labels import labels_of_axes
from fourfold.formats.masks import line_axis_of, measured, merge_frames
from fourfold.formats.metadata import image_record, read_record, sampling_from, scan_record
from fourfold.formats.numpy_fourier import inverse_rows
from fourfold.formats.registry import FileFormat
from fourfold.formats.scan_file import ScanFile
from fourfold.memory import require_memory
from fourfold.scan import Axis, FrameLabels, Geometry, RawScan, Reconstruction, Scan

__all__ = ["FORMAT", "CflFile", "read_header", "write_image", "write_scan"]

Array = npt.NDArray[Any]

COIL, MAPS = 3, 4
# Planes of a volume that are in memory at a time, and bytes of frames that one pass over it makes.
PLANES = 16
# Partitions of k-space at the middle have at least so many times the energy of the outer half.
FALL = 2
BLOCK_BYTES = 2**28


class CflFile(ScanFile):
    """Reads a BART pair; either file may be named.

    The first of BART's spatial dimensions that is in use becomes ky, the next one kx, so that an image shows as
    BART's own tools and NumPy show it. Dimension 0 is the readout. Where all three are in use, one of them is Fourier
    transformed: the third if it is fully sampled (frames are partitions), else the readout (frames are its points).
    Dimensions from 5 on become frames. The mask is where samples are not zero.

    Parameters
    ----------
    path
        Either file of the pair.
    frames_are
        What the frames are, as in `fourfold.formats.labels.labels_of_axes`, where the dimensions are used in another
        way than in BART.
    """

    format: ClassVar[str] = "BART cfl"
    options: ClassVar[tuple[str, ...]] = ("frames_are",)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is a BART header, or ends in ``.cfl``: the samples alone cannot be recognised."""
        return first_bytes(path, 12) == b"# Dimensions" or path.suffix == ".cfl"

    def __init__(self, path: Path, frames_are: str | None = None) -> None:
        self.path = path.with_suffix(".cfl")
        self.header_path = path.with_suffix(".hdr")
        dimensions, record = read_header(self.header_path)
        self._check_size(dimensions)
        if dimensions[MAPS] > 1:
            raise InputError(
                f"'{self.path}' has {dimensions[MAPS]} map sets in dimension 4, so it holds coil maps and no k-space: "
                "name the file with the k-space."
            )
        self.dimensions, self.record = dimensions, record
        self.coils, self.outer = dimensions[COIL], math.prod(dimensions[FIRST:])
        self.dtype = "complex64"
        self.details = {"bart_dimensions": list(dimensions)}
        self.volume = Geometry()
        self.transformed = self._choose_transformed()
        self.axes_unchecked = self.transformed is None and not record
        self.partitions_unchecked = self.transformed is not None and self.coils == 1 and not record
        self.plane = self._choose_plane()
        self.matrix = dimensions[self.plane[0]], dimensions[self.plane[1]]
        # The readout is never the axis along which lines are left out.
        self.line_axis: Axis = "kx" if dimensions[0] > 1 and self.plane[0] == 0 else "ky"
        self.inner = 1 if self.transformed is None else dimensions[self.transformed]
        self.frames = self.inner * self.outer
        self.block = min(self.inner, max(1, BLOCK_BYTES // (8 * self.coils * math.prod(self.matrix))))
        self.restore(record)
        if frames_are is not None:
            self.stated_labels = labels_of_axes(frames_are, self._frame_axes(), self.path)

    def _frame_axes(self) -> list[int]:
        """Return the sizes of the dimensions that become frames, the slowest first."""
        used = [size for size in (self.inner, *self.dimensions[FIRST:]) if size > 1]
        return used[::-1] or [1]

    def _check_size(self, dimensions: tuple[int, ...]) -> None:
        if not self.path.exists() and not self.path.is_symlink():
            raise InputError(f"'{self.header_path}' has no '{self.path.name}' beside it: copy both files of the pair.")
        check_file(self.path)
        size, expected = self.path.stat().st_size, 8 * math.prod(dimensions)
        if size != expected:
            word = "truncated" if size < expected else "too long"
            sizes = " × ".join(str(size) for size in dimensions if size > 1)
            raise InputError(
                f"'{self.path}' is {word}: it has {size:,} bytes but its header ({sizes}) stands for {expected:,}: "
                "copy both files again."
            )

    def _samples(self, outer: int) -> Array:
        """Return a map of one volume of the file, complex64 (coil, z, y, x); nothing is read yet."""
        x, y, z = self.dimensions[:3]
        shape = (self.coils, z, y, x)
        return np.memmap(self.path, np.complex64, mode="r", offset=8 * outer * math.prod(shape), shape=shape)

    def _choose_transformed(self) -> int | None:
        """Return the spatial dimension along which the volume is Fourier transformed, None for two dimensions."""
        if min(self.dimensions[:3]) == 1:
            return None
        advice = "export a smaller volume, or take a computer with more memory"
        require_memory(math.prod(self.dimensions[:3]), f"One coil of the volume in '{self.path}'", advice)
        samples = self._samples(0)
        pattern = next((nonzero for nonzero in (_non_zero(coil) for coil in samples) if nonzero.any()), None)
        if pattern is None:
            raise InputError(f"'{self.path}' contains only zeros: export the k-space again.")
        for dimension in (2, 0, 1):
            axis = 2 - dimension
            if bool((pattern.any(axis) == pattern.all(axis)).all()):
                return dimension
        raise InputError(
            f"The volume in '{self.path}' is undersampled along all three dimensions; fourfold needs one that is fully "
            "sampled, to split it into two-dimensional problems: reconstruct it with BART."
        )

    def _choose_plane(self) -> tuple[int, int]:
        axes = [axis for axis in range(3) if axis != self.transformed]
        used = [axis for axis in axes if self.dimensions[axis] > 1]
        unused = [axis for axis in axes if self.dimensions[axis] == 1]
        first, second = sorted(used + unused[: 2 - len(used)])
        return first, second

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return what BART's dimensions say."""
        return FrameLabels.of_each([self._label(frame) for frame in frames])

    def _label(self, index: int) -> dict[str, int]:
        outer, inner = divmod(index, self.inner)
        label = {}
        if self.transformed is not None:
            label["readout" if self.transformed == 0 else "partition"] = inner
        for name, size in zip(LABELS, self.dimensions[FIRST:], strict=True):
            outer, position = divmod(outer, size)
            if size > 1:
                label[name] = position
        return label

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; of a volume, its coils are gone through once, some planes at a time."""
        if self.transformed is None:
            array = np.stack([self._plane_of(self._samples(index)) for index in frames])
        else:
            array = np.empty((len(frames), self.coils, *self.matrix), np.complex64)
            for outer in {index // self.inner for index in frames}:
                places = [place for place, index in enumerate(frames) if index // self.inner == outer]
                points = [frames[place] % self.inner for place in places]
                for coil, volume in enumerate(self._samples(outer)):
                    array[places, coil] = self._transform(volume, points)
        mask = merge_frames(measured(array, frames, self.path))
        return RawScan(
            array,
            sampling=sampling_from(self.record, mask, {}),
            line_axis=self.line_axis if self.record else line_axis_of(mask, self.line_axis),
            geometry=self.geometry(frames),
            source=self.source(),
            labels=self.labels(frames),
        )

    def check_array(self, known: Mapping[int, Array]) -> None:
        """Refuse axes in another order, as the base class does, and coils in the place of partitions."""
        super().check_array(known)
        if self.partitions_unchecked:
            energies = [energy_of(plane) for plane in self._samples(0)[0]]
            middle, away = len(energies) // 2, max(1, len(energies) // 4)
            outer = energies[: middle - away + 1] + energies[middle + away :]
            if 0 < energies[middle] < FALL * max(outer):
                raise InputError(
                    f"'{self.path}' has {len(energies)} planes in dimension 2 whose energy does not fall from the "
                    "middle one, so they seem to be coils, not partitions: BART keeps coils in dimension 3 (bart "
                    f"transpose 2 3), or {UNCHECKED}."
                )
            self.partitions_unchecked = False

    def _plane_of(self, coils: Array) -> Array:
        """Return coils (coil, z, y, x), one of whose axes is single, as (coil, ky, kx)."""
        unused = 3 - sum(self.plane)
        plane: Array = np.take(coils, 0, axis=3 - unused)
        return plane.swapaxes(1, 2)

    def _transform(self, volume: Array, points: Sequence[int]) -> Array:
        """Return the inverse transform of `volume` (z, y, x) at `points` of one dimension: (point, ky, kx)."""
        dimension = self.transformed
        assert dimension is not None
        rows = inverse_rows(self.dimensions[dimension], points)
        result = np.zeros((len(points), *self.matrix[::-1]), np.complex64)
        for start in range(0, volume.shape[0], PLANES):
            planes = slice(start, start + PLANES)
            if dimension == 2:
                result += np.tensordot(rows[:, planes], volume[planes], axes=(1, 0))
            else:
                result[:, planes] = np.tensordot(rows, volume[planes], axes=(1, 2 - dimension))
        return result.swapaxes(1, 2)


def _non_zero(volume: Array) -> npt.NDArray[np.bool_]:
    return np.concatenate([volume[start : start + PLANES] != 0 for start in range(0, len(volume), PLANES)])


def read_header(path: Path) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the dimensions, filled up to 16, and the record that `write_scan` wrote (empty without one).

    Raises
    ------
    InputError
        When the header is missing or gives no dimensions.
    """
    if not path.exists():
        raise InputError(f"'{path.with_suffix('.cfl')}' has no '{path.name}' beside it: copy both files of the pair.")
    sizes, sections = read_bart_header(path)
    record = read_record(sections["Record"], path) if "Record" in sections else {}
    return sizes, record


def _write(path: Path, samples: Array, dimensions: dict[int, int], record: str) -> None:
    with path.open("wb") as file:
        write_buffer(file, np.ascontiguousarray(samples, np.complex64))
    write_bart_header(path.with_suffix(".hdr"), dimensions, (("Creator", "fourfold"), ("Record", record)))


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write the complex image: y in dimension 0, x in dimension 1, frames in the dimensions of their labels."""
    frames, ny, nx = reconstruction.image.shape
    sizes, order = place_frames(reconstruction.labels, frames)
    made = reconstruction.record
    sorted_image = Reconstruction(
        reconstruction.image[order],
        dataclasses.replace(made, by_frame=tuple(made.by_frame[frame] for frame in order) if made.by_frame else ()),
        geometry=reconstruction.geometry.select(order),
        labels=reconstruction.labels.select(order),
    )
    samples = sorted_image.image.cpu().numpy().swapaxes(1, 2)
    _write(path, samples, {0: ny, 1: nx, **sizes}, image_record(sorted_image))


def write_scan(path: Path, scan: Scan) -> None:
    """Write k-space alone: the readout in dimension 0 where it is ky, else ky and kx in dimensions 1 and 2.

    Frames are in the dimensions of their labels.
    """
    ny, nx = scan.shape
    first = 0 if scan.line_axis == "kx" else 1
    sizes, order = place_frames(scan.labels, scan.frames)
    if order != list(range(scan.frames)):
        scan = scan.select(order)
    samples = scan.kspace.cpu().numpy().swapaxes(2, 3)
    _write(path, samples, {first: ny, first + 1: nx, COIL: scan.coils, **sizes}, scan_record(scan))


FORMAT = FileFormat("BART cfl", CflFile, (".cfl",), write_image, write_scan, order=50)
