"""fastMRI's HDF5 layout, one file a volume, as k-space and as reconstruction.

Zbontar et al., "fastMRI: An Open Dataset and Benchmarks for Accelerated MRI", arXiv:1811.08839 (2018), section 4,
and the README of the fastMRI project.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import h5py
import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.files.hdf5 import check_dataset, is_hdf5, open_hdf5, read_dataset
from fourfold.files.output import late_refusal
from fourfold.formats.content import to_complex64
from fourfold.formats.labels import label_arrays, labels_of_arrays, labels_of_axes
from fourfold.formats.lines.encoding import Encoding, Limits, check_limits, voxel_size
from fourfold.formats.masks import acquired, as_bool, check_mask, line_axis_of, measured, merge_frames, without_empty
from fourfold.formats.metadata import image_record, read_record, sampling_from, scan_record
from fourfold.formats.mrd.header import parse_header
from fourfold.formats.mrd.header_writer import write_header
from fourfold.formats.registry import FileFormat
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import Axis, FrameLabels, Geometry, RawSampling, RawScan, Reconstruction, Scan

__all__ = ["FORMAT", "FastMRIFile", "write_image", "write_scan"]

Array = npt.NDArray[Any]

COMPANIONS = ("coil_maps", "calibration_kspace", "noise")


class FastMRIFile(ScanFile):
    """Reads ``kspace`` (slice, coil, height, width) or (slice, height, width); the height is the readout.

    ``mask`` marks the acquired columns of test data. Without it, samples that are not zero were acquired. Columns
    outside the header's encoding limits are zero padding. In a file with a mask they count as not acquired, whatever
    the mask says there. In a fully sampled file they count as sampled: the file's reference image is made with these
    zeros, and masks may then be drawn over the full width.

    Parameters
    ----------
    path
        The file.
    frames_are
        What the frames are, as in `fourfold.formats.labels.labels_of_axes`, where they are no slices.
    """

    format: ClassVar[str] = "fastMRI HDF5"
    options: ClassVar[tuple[str, ...]] = ("frames_are",)
    line_axis: Axis = "kx"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is HDF5 with a dataset ``kspace``."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return isinstance(file.get("kspace"), h5py.Dataset)

    def __init__(self, path: Path, frames_are: str | None = None) -> None:
        self.path = path
        with open_hdf5(path) as file:
            kspace = file["kspace"]
            self._check_layout(kspace)
            self.single_coil = kspace.ndim == 3
            self.frames = kspace.shape[0]
            self.coils = 1 if self.single_coil else kspace.shape[1]
            self.matrix = kspace.shape[-2], kspace.shape[-1]
            self.dtype = str(kspace.dtype)
            self.has_mask = "mask" in file
            self.reference_name = self._find_reference(file)
            reference_size = self._reference_size(file) if self.reference_name else None
            attributes = plain(dict(file.attrs))
            xml = read_dataset(file["ismrmrd_header"], path) if "ismrmrd_header" in file else None
            header = None if xml is None else parse_header(xml, path)
            self.record = read_record(read_dataset(file["fourfold"], path), path) if "fourfold" in file else {}
            stated = labels_of_arrays(file, lambda name: read_dataset(file[name], path), self.frames, path)
        self.encoding = header.encodings[0] if header else None
        self._check_encoding()
        self.volume = self._volume(reference_size)
        self.details = {**attributes, **(header.facts if header else {})}
        if header is not None:
            self.protocol, self.identity, self.notes = header.protocol, header.identity, (*header.notes, *self.notes)
        self.axes_unchecked = not self.record
        self.restore(self.record)
        self.stated_labels = stated if stated.known else self.stated_labels
        if frames_are is not None:
            self.stated_labels = labels_of_axes(frames_are, (self.frames,), path)

    def _find_reference(self, file: h5py.File) -> str | None:
        names = ["reconstruction_rss", "reconstruction_esc"]
        if self.single_coil:
            names.reverse()
        return next((name for name in names if name in file), None)

    def _check_layout(self, kspace: h5py.Dataset) -> None:
        if kspace.dtype.kind != "c":
            raise InputError(
                f"kspace in '{self.path}' is {kspace.dtype} of shape {kspace.shape}; it must be complex: "
                "store real and imaginary parts as one complex64 number."
            )
        if kspace.ndim not in (3, 4) or 0 in kspace.shape:
            raise InputError(
                f"kspace in '{self.path}' has shape {kspace.shape}; fastMRI's layout is (slice, coil, height, "
                "width), or (slice, height, width) for one coil: add the axes that are missing."
            )

    def _reference_size(self, file: h5py.File) -> tuple[int, int]:
        shape = file[self.reference_name].shape
        if len(shape) != 3 or shape[0] != self.frames or 0 in shape:
            raise InputError(
                f"{self.reference_name} in '{self.path}' has shape {shape}; it must be (slice, y, x) with "
                f"{self.frames} slice(s): correct it, or leave it out."
            )
        return shape[1], shape[2]

    def _check_encoding(self) -> None:
        """Compare the header with the array; exchange the axes of an encoding that has them the other way round."""
        if self.encoding is None:
            return
        check_limits(self.encoding.lines, "kspace_encoding_step_1", self.path)
        height, width, _ = self.encoding.matrix
        if (height, width) == self.matrix:
            return
        note = f"The header gives the matrix as {height}×{width} but the k-space has {self.matrix[0]}×{self.matrix[1]}"
        if (width, height) == self.matrix:
            self.encoding, self.line_axis = self.encoding.turned(), "ky"
            self.notes = (f"{note}: its axes were exchanged, so that the height is the phase encoding.",)
        else:
            self.notes = (f"{note}: voxel sizes follow from the header's field of view and the k-space's matrix.",)

    def _volume(self, reference_size: tuple[int, int] | None) -> Geometry:
        """Return voxel size and image size; the header's x is the readout, which is the image's height."""
        phase_axis: Literal["y", "x"] = "x" if self.line_axis == "kx" else "y"
        if self.encoding is None:
            return Geometry(image_size=reference_size, phase_axis=phase_axis)
        ny, nx = self.matrix
        recon_y, recon_x, _ = self.encoding.recon_matrix
        dy, dx, spacing = voxel_size((ny, nx, self.encoding.matrix[2]), self.encoding.field_of_view)
        return Geometry(
            voxel_size=(spacing, dy, dx),
            image_size=reference_size or (min(recon_y, ny), min(recon_x, nx)),
            slice_thickness=spacing,
            phase_axis=phase_axis,
        )

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return the numbers of the slices."""
        return FrameLabels({"slice": frames})

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read slices; only these are loaded from the file."""
        with open_hdf5(self.path) as file:
            check_dataset(file["kspace"], self.path, len(frames))
            kspace = to_complex64(np.stack([file["kspace"][index] for index in frames]))
            stored = as_bool(read_dataset(file["mask"], self.path), self.path) if self.has_mask else None
            companions: dict[str, Any] = {
                name: self._companion(file[name], frames) for name in COMPANIONS if name in file
            }
        kspace = kspace[:, None] if self.single_coil else kspace
        sampling, notes = self._find_mask(kspace, stored, frames)
        source = self.source()
        return RawScan(
            kspace,
            sampling=sampling,
            line_axis=self.line_axis if self.record else line_axis_of(sampling.mask, self.line_axis),
            geometry=self.geometry(frames),
            source=dataclasses.replace(source, notes=(*source.notes, *notes)),
            labels=self.labels(frames),
            **companions,
        )

    def _companion(self, dataset: h5py.Dataset, frames: Sequence[int]) -> Array:
        """Read coil maps, calibration k-space or noise; the first two have a frame axis."""
        per_frame = dataset.name != "/noise" and dataset.shape[0] == self.frames > 1
        check_dataset(dataset, self.path, len(frames) if per_frame else None)
        array: Array = np.stack([dataset[index] for index in frames]) if per_frame else dataset[()]
        return array.astype(np.complex64, copy=False)

    def _find_mask(self, kspace: Array, stored: Any, frames: Sequence[int]) -> tuple[RawSampling, tuple[str, ...]]:
        """Return the pattern, and notes on contradictions in the file."""
        left, right = self._padding()
        columns = np.any(acquired(kspace), axis=1)
        inner = slice(left, self.matrix[1] - right)
        notes: tuple[str, ...] = ()
        if int(columns.sum()) > int(columns[:, inner].sum()):
            note = "The header's encoding limits leave out columns that hold data; the limits were not used."
            inner, left, right, notes = slice(None), 0, 0, (note,)
        details: dict[str, Any] = {"padded_columns": [left, right]} if left or right else {}
        if stored is not None:
            sampling, mask_notes = self._sampling_of_stored_mask(kspace, stored, frames, inner, details)
            return sampling, (*notes, *mask_notes)
        sampled = measured(kspace[..., inner], frames, self.path)
        if bool(sampled.all()):
            return RawSampling(np.ones((1, *self.matrix), bool), details=details), notes
        mask = np.zeros((len(frames), *self.matrix), bool)
        mask[..., inner] = sampled
        return RawSampling(merge_frames(mask), details=details), notes

    def _sampling_of_stored_mask(
        self, kspace: Array, stored: Any, frames: Sequence[int], inner: slice, details: dict[str, Any]
    ) -> tuple[RawSampling, tuple[str, ...]]:
        ny, nx = self.matrix
        per_frame = stored.ndim == 3
        if stored.shape[-1:] != (nx,) or stored.shape[-2:-1] not in ((), (1,), (ny,)) or stored.ndim > 3:
            raise InputError(
                f"The mask in '{self.path}' has shape {stored.shape}; this k-space needs ({nx},) or ({ny}, {nx}): "
                "it belongs to another file."
            )
        if per_frame and stored.shape[0] not in (1, self.frames):
            raise InputError(
                f"The mask in '{self.path}' has {stored.shape[0]} slices but the k-space {self.frames}: it belongs to "
                "another file."
            )
        if per_frame and stored.shape[0] > 1:
            stored = stored[list(frames)]
        mask = stored.reshape(-1, 1 if stored.ndim == 1 else stored.shape[-2], nx)
        mask = np.broadcast_to(mask, (len(mask), ny, nx)).copy()
        check_mask(kspace, mask, self.path)
        if self.record:
            # In files that fourfold wrote, the mask also marks measured zeros.
            return sampling_from(self.record, merge_frames(mask), details), ()
        unpadded = np.zeros_like(mask)
        unpadded[..., inner] = mask[..., inner]
        # Columns that are marked but empty would count as measured zeros.
        empty = np.any(unpadded, axis=1) & ~np.any(acquired(kspace), axis=1)
        if bool(empty.any()):
            details = {**details, "columns_marked_but_empty": int(empty.any(axis=0).sum())}
        mask, notes = without_empty(unpadded & ~empty[:, None], kspace, frames, self.path)
        return RawSampling(merge_frames(mask), details=details), notes

    def _padding(self) -> tuple[int, int]:
        """Return how many columns at the left and right lie outside the encoding limits."""
        if self.encoding is None or self.encoding.lines is None:
            return 0, 0
        nx, limits = self.matrix[1], self.encoding.lines
        left = nx // 2 - limits.centre
        return max(left, 0), max(nx - left - limits.maximum - 1, 0)

    def raw_reference(self, index: int) -> npt.NDArray[np.float32] | None:
        """Return the slice's ``reconstruction_rss`` (``reconstruction_esc`` for one coil), float32 (y, x), or None."""
        if self.reference_name is None:
            return None
        with open_hdf5(self.path) as file:
            check_dataset(file[self.reference_name], self.path, 1)
            return np.asarray(file[self.reference_name][index], dtype=np.float32)


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write fastMRI's ``reconstruction`` (slice, y, x), ``image``, ``std``, ``lower``, ``upper``, ``record``."""
    with late_refusal(path) as target, h5py.File(target, "w") as file:
        file["reconstruction"] = reconstruction.magnitude.cpu().numpy()
        file["image"] = reconstruction.image.cpu().numpy()
        if reconstruction.std is not None:
            file["std"] = reconstruction.std.cpu().numpy()
        if reconstruction.interval is not None:
            file["lower"], file["upper"] = reconstruction.interval.cpu().numpy()
        # A dataset, since HDF5 limits attributes to 64 KiB.
        file["record"] = image_record(reconstruction)
        for name, array in label_arrays(reconstruction.labels).items():
            file[name] = array


def write_scan(path: Path, scan: Scan) -> None:
    """Write k-space in fastMRI's layout, with coil maps, calibration k-space, noise, labels and the scan's record."""
    mask = scan.mask.cpu().numpy()
    columns_alone = mask.shape[0] == 1 and bool((mask == mask[:, :1]).all())
    with late_refusal(path) as target, h5py.File(target, "w") as file:
        file["kspace"] = scan.kspace.cpu().numpy()
        file["mask"] = mask[0, 0] if columns_alone else mask
        file["ismrmrd_header"] = write_header((_encoding_of(scan),))
        file["fourfold"] = scan_record(scan)
        for name, numbers in label_arrays(scan.labels).items():
            file[name] = numbers
        for name in COMPANIONS:
            array = getattr(scan, name)
            if array is not None:
                file[name] = array.cpu().numpy()


def _encoding_of(scan: Scan) -> Encoding:
    ny, nx = scan.shape
    # The header cannot say that a field of view is not known: it is 0 then.
    spacing, dy, dx = (size or 0.0 for size in scan.geometry.voxel_size)
    recon_y, recon_x = scan.geometry.image_size or scan.shape
    return Encoding(
        matrix=(ny, nx, 1),
        field_of_view=(ny * dy, nx * dx, spacing),
        recon_matrix=(recon_y, recon_x, 1),
        recon_field_of_view=(recon_y * dy, recon_x * dx, spacing),
        trajectory="cartesian",
        lines=Limits(0, nx - 1, nx // 2),
        partitions=None,
        calibration_mode=None,
    )


FORMAT = FileFormat("fastMRI HDF5", FastMRIFile, (".h5",), write_image, write_scan, order=10)
