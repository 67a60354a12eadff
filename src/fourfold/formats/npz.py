"""NumPy's ``.npz`` and ``.npy``: k-space in named arrays."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.input import check_file, first_bytes
from fourfold.files.numpy_arrays import StoredArray, array_names, is_single_array, stored_array
from fourfold.formats.content import to_complex64
from fourfold.formats.labels import LABEL_ARRAYS, label_arrays, labels_of_arrays, labels_of_axes
from fourfold.formats.masks import as_bool, check_mask, line_axis_of, measured, merge_frames, without_empty
from fourfold.formats.metadata import image_record, read_record, sampling_from, scan_record
from fourfold.formats.registry import FileFormat
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.trajectories import DENSITIES, POINTS, derivation_notes, read_trajectory
from fourfold.scan import Axis, Geometry, RawScan, RawTrajectory, Reconstruction, Scan

__all__ = ["FORMAT", "NumpyFile", "write_image", "write_scan"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# Number of axes in a scan; a file may leave out the first ones.
AXES = {"kspace": 4, "coil_maps": 5, "calibration_kspace": 4, "noise": 2}
COMPANIONS = ("coil_maps", "calibration_kspace", "noise")
# No voxel is as small along all its sides in mm; in metres those of a body's image are.
LARGEST_IN_METRES = 5e-3
KNOWN = (
    "kspace",
    "mask",
    *COMPANIONS,
    "maps",
    "line_axis",
    "voxel_size",
    "image_size",
    "label",
    "fourfold",
    *LABEL_ARRAYS,
)
WITH_TRAJECTORY = ("matrix", *POINTS, *DENSITIES)
BLOCK_BYTES = 2**30
# A message names so many of the arrays in a file.
MOST_NAMED = 12


class NumpyFile(ScanFile):
    """Reads ``kspace`` (ky, kx), (coil, ky, kx) or (frame, coil, ky, kx), complex64 or complex128, centred.

    Other arrays may be ``mask``, ``coil_maps`` (or ``maps``), ``calibration_kspace``, ``noise``, ``line_axis``,
    ``voxel_size``, ``image_size``, ``label``, and labels of frames such as ``frame_slice``. A ``.npy`` file is k-space
    alone. Uncompressed arrays are mapped, so that only the requested frames are read. Compressed arrays are unpacked
    from their beginning, and only the requested frames are kept.

    With a trajectory (`fourfold.formats.trajectories.read_trajectory`), k-space is (…, shot, sample) or (…, sample,
    shot): neighbouring points along a shot lie closer together than those of neighbouring shots.

    Parameters
    ----------
    path
        The file.
    trajectory
        File with the trajectory, where `path` has none.
    matrix
        Size (ny, nx) of a trajectory's image, where the file does not tell.
    frames_are
        What the frames are, as in `fourfold.formats.labels.labels_of_axes`; None where the file tells or nobody knows.
    """

    format: ClassVar[str] = "NumPy"
    options: ClassVar[tuple[str, ...]] = ("trajectory", "matrix", "frames_are")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is a ``.npy`` array, or a zip archive with such arrays (by suffix where it is damaged)."""
        start = first_bytes(path, 6)
        if start == b"\x93NUMPY":
            return True
        if start[:2] != b"PK":
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".npy") for name in archive.namelist())
        except zipfile.BadZipFile:
            return path.suffix == ".npz"

    def __init__(
        self,
        path: Path,
        trajectory: str | PathLike[str] | None = None,
        matrix: Sequence[int] | None = None,
        frames_are: str | None = None,
    ) -> None:
        self.path = path
        self.names = ["kspace"] if is_single_array(path) else array_names(path)
        if "kspace" not in self.names:
            rest = f" and {len(self.names) - MOST_NAMED} more" if len(self.names) > MOST_NAMED else ""
            listed = ", ".join(name[:60] for name in self.names[:MOST_NAMED]) + rest or "nothing"
            raise InputError(f"'{path}' holds {listed} but no 'kspace': give the complex k-space that name.")
        kspace = stored_array(path, "kspace")
        self._check_layout(kspace)
        self.dtype = str(kspace.dtype)
        self.frames, self.coils, ny, nx = (1,) * (4 - len(kspace.shape)) + kspace.shape
        self.stored = self.matrix = ny, nx
        self.axes_unchecked = "fourfold" not in self.names
        frame_bytes = self.coils * ny * nx * kspace.dtype.itemsize
        self.block = 1 if kspace.is_mapped else min(self.frames, max(1, BLOCK_BYTES // frame_bytes))
        self.details = {}
        self.record: dict[str, Any] = read_record(str(self._open("fourfold")), path) if "fourfold" in self.names else {}
        self.trajectory, self.turned = self._find_trajectory(trajectory, matrix)
        used = KNOWN if self.trajectory is None else (*KNOWN, *WITH_TRAJECTORY)
        others = [name for name in self.names if name not in used]
        if others:
            self.details["arrays_not_used"] = others
        self.label = str(self._open("label")) if "label" in self.names else None
        self.volume = Geometry(voxel_size=self._voxel_size(), image_size=self._image_size())
        self.restore(self.record)
        stated = labels_of_arrays(self.names, self._open, self.frames, path)
        self.stated_labels = stated if stated.known else self.stated_labels
        if frames_are is not None:
            self.stated_labels = labels_of_axes(frames_are, (self.frames,), path)

    def _find_trajectory(
        self, beside: str | PathLike[str] | None, matrix: Sequence[int] | None
    ) -> tuple[RawTrajectory | None, bool]:
        """Return the trajectory (…, shot, sample), and whether the file has these two axes the other way round."""
        if beside is None and not any(name in self.names for name in POINTS):
            if matrix is not None:
                raise InputError(f"'{self.path}' has no trajectory to give a matrix for: leave the matrix out.")
            return None, False
        path = self.path if beside is None else Path(beside)
        if beside is not None:
            check_file(path)
        names = self.names if beside is None else ["trajectory"] if is_single_array(path) else array_names(path)
        trajectory = read_trajectory(names, lambda name: stored_array(path, name).load(), path, matrix)
        self._check_fit(trajectory)
        turned = "trajectory" not in self.record and _runs_down(trajectory.points)
        if turned:
            trajectory = _with_axes_exchanged(trajectory)
        self.matrix, self.shots = trajectory.matrix, (trajectory.shots, trajectory.samples)
        if matrix is None and "matrix" not in names:
            self.notes += derivation_notes(trajectory)
        return dataclasses.replace(trajectory, kind=self.record.get("trajectory", trajectory.kind)), turned

    def _check_fit(self, trajectory: RawTrajectory) -> None:
        """Refuse a trajectory of other samples than those of the k-space."""
        sizes = trajectory.frames, trajectory.shots, trajectory.samples
        if sizes[1:] != self.stored or sizes[0] not in (1, self.frames):
            raise InputError(
                f"The trajectory has {'×'.join(map(str, sizes))} points but the k-space in '{self.path}' "
                f"{self.frames}×{self.stored[0]}×{self.stored[1]} samples; they must belong together."
            )

    def _open(self, name: str) -> Array:
        return stored_array(self.path, name).load()

    def _check_layout(self, kspace: StoredArray) -> None:
        subject = f"kspace in '{self.path}' is {kspace.dtype} of shape {kspace.shape}"
        if kspace.dtype.kind != "c":
            pair = len(kspace.shape) > 2 and kspace.shape[-1] == 2
            advice = "join real and imaginary parts: k[..., 0] + 1j * k[..., 1]" if pair else "store complex samples"
            raise InputError(f"{subject}; it must be complex64: {advice}.")
        if len(kspace.shape) not in (2, 3, 4) or 0 in kspace.shape:
            raise InputError(
                f"{subject}; it must be (ky, kx), (coil, ky, kx) or (frame, coil, ky, kx), none of them empty: "
                "reshape it."
            )

    def _numbers(self, name: str, count: int) -> Any:
        """Return `count` positive numbers as a tuple, None where the file has none of this name."""
        if name not in self.names:
            return None
        values = np.asarray(self._open(name))
        if values.shape != (count,) or values.dtype.kind not in "uif" or not ((values > 0) & (values < np.inf)).all():
            raise InputError(
                f"{name} in '{self.path}' is {str(values.tolist())[:60]}; it must be {count} positive numbers: correct "
                "it, or leave it out."
            )
        return tuple(values.tolist())

    def _voxel_size(self) -> tuple[float | None, float | None, float | None]:
        """Return the voxel size in mm, unknown where the file gives none."""
        size = self._numbers("voxel_size", 3)
        if size is None:
            return None, None, None
        if max(size) < LARGEST_IN_METRES:
            raise InputError(
                f"voxel_size in '{self.path}' is {' × '.join(f'{each:g}' for each in size)} mm, which seems to be in "
                "metres: give it in millimetres."
            )
        z, y, x = size
        return z, y, x

    def _image_size(self) -> tuple[int, int] | None:
        """Return the size that images are cut to, None where the file gives none."""
        size = self._numbers("image_size", 2)
        if size is None:
            return None
        if any(wanted != int(wanted) or wanted > given for wanted, given in zip(size, self.matrix, strict=True)):
            raise InputError(
                f"image_size in '{self.path}' is {size[0]:g}×{size[1]:g}; it must be two whole numbers, at most "
                f"those of the {self.matrix[0]}×{self.matrix[1]} matrix, since images are cut to it: correct it, or "
                "leave it out."
            )
        return int(size[0]), int(size[1])

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; of arrays that are mapped, these alone."""
        kspace = self._array("kspace", "kspace", frames)
        mask = self._mask(frames)
        notes: tuple[str, ...] = ()
        if mask is None:
            mask = measured(kspace, frames, self.path)
        else:
            check_mask(kspace, mask, self.path)
            if not self.record:
                mask, notes = without_empty(mask, kspace, frames, self.path)
        mask = merge_frames(mask)
        source = self.source()
        names = {"maps" if name == "coil_maps" and "coil_maps" not in self.names else name: name for name in COMPANIONS}
        companions: dict[str, Any] = {
            field: self._array(name, field, frames) for name, field in names.items() if name in self.names
        }
        return RawScan(
            kspace,
            sampling=sampling_from(self.record, mask, {}),
            line_axis=self._line_axis(mask),
            trajectory=None if self.trajectory is None else self.trajectory.of(frames),
            geometry=self.geometry(frames),
            source=dataclasses.replace(source, notes=(*source.notes, *notes)),
            labels=self.labels(frames),
            **companions,
        )

    def _array(self, name: str, field: str, frames: Sequence[int]) -> Array:
        """Return an array with all its axes, of these frames where it has frames."""
        stored, axes = stored_array(self.path, name), AXES[field]
        if stored.dtype.kind != "c" or len(stored.shape) > axes:
            raise InputError(
                f"{name} in '{self.path}' is {stored.dtype} with {len(stored.shape)} axes; it must be complex64 with "
                f"at most {axes}: convert it."
            )
        missing = axes - len(stored.shape)
        per_frame = field != "noise" and not missing and stored.shape[0] == self.frames
        array = (stored.rows(frames) if per_frame else stored.load())[(None,) * missing]
        if name == "kspace" and self.turned:
            array = array.swapaxes(2, 3)
        return to_complex64(array)

    def _mask(self, frames: Sequence[int]) -> Mask | None:
        if "mask" not in self.names:
            return None
        stored = stored_array(self.path, "mask")
        shape = (1,) * (3 - len(stored.shape)) + stored.shape
        if len(shape) != 3 or shape[0] not in (1, self.frames) or shape[1:] != self.stored:
            ny, nx = self.stored
            raise InputError(
                f"The mask in '{self.path}' has shape {shape}; this k-space needs ({ny}, {nx}) or "
                f"({self.frames}, {ny}, {nx}): it belongs to other data."
            )
        mask = as_bool(stored.load().reshape(shape) if shape[0] == 1 else stored.rows(frames), self.path)
        return mask.swapaxes(1, 2) if self.turned else mask

    def _line_axis(self, mask: Mask) -> Axis:
        if self.record:
            return self.line_axis
        if "line_axis" not in self.names:
            return line_axis_of(mask, "ky")
        axis: Any = str(self._open("line_axis"))
        return axis  # Scan refuses any other text


def _runs_down(points: Array) -> bool:
    """Whether neighbours along a shot of points (frame, a, b, 2) follow each other in axis a rather than b."""
    down, across = (np.linalg.norm(np.diff(points, axis=axis), axis=-1) for axis in (1, 2))
    return down.size > 0 and (across.size == 0 or _lower_median(down) < _lower_median(across))


def _with_axes_exchanged(trajectory: RawTrajectory) -> RawTrajectory:
    """Return a trajectory (frame, sample, shot) as (frame, shot, sample)."""
    density = None if trajectory.density is None else np.ascontiguousarray(trajectory.density.swapaxes(1, 2))
    return dataclasses.replace(
        trajectory, points=np.ascontiguousarray(trajectory.points.swapaxes(1, 2)), density=density
    )


def _lower_median(numbers: Array) -> float:
    """Return the median, of an even number of values the lower of the two in the middle."""
    return float(np.quantile(numbers, 0.5, method="lower"))


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write ``image`` complex64 (frame, y, x), ``std``, ``lower``, ``upper`` where known, labels, ``record`` (JSON)."""
    arrays = {"image": reconstruction.image.cpu().numpy(), "record": np.array(image_record(reconstruction))}
    if reconstruction.std is not None:
        arrays["std"] = reconstruction.std.cpu().numpy()
    if reconstruction.interval is not None:
        arrays["lower"], arrays["upper"] = reconstruction.interval.cpu().numpy()
    arrays |= label_arrays(reconstruction.labels)
    np.savez(path, **arrays)  # type: ignore[arg-type]  # the stub takes the arrays for its flag


def write_scan(path: Path, scan: Scan) -> None:
    """Write every array of the scan under its name, uncompressed, and all else as JSON in ``fourfold``."""
    arrays = {name: getattr(scan, name) for name in ("kspace", "mask", *COMPANIONS)}
    present = {name: array.cpu().numpy() for name, array in arrays.items() if array is not None}
    if scan.trajectory is not None:
        present["trajectory"] = scan.trajectory.points.cpu().numpy()
        present["matrix"] = np.array(scan.trajectory.matrix)
        if scan.trajectory.density is not None:
            present["density"] = scan.trajectory.density.cpu().numpy()
    present |= label_arrays(scan.labels)
    np.savez(path, fourfold=np.array(scan_record(scan)), **present)


FORMAT = FileFormat("NumPy npz", NumpyFile, (".npz",), write_image, write_scan, holds_trajectories=True, order=40)
