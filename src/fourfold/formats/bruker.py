"""Bruker ParaVision experiments: the ``fid`` of a Cartesian scan, decoded by the brukerapi package."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.damage import damage_explained
from fourfold.files.input import first_bytes
from fourfold.formats.content import to_complex64
from fourfold.formats.lines.vectors import as_triple
from fourfold.formats.masks import measured, merge_frames
from fourfold.formats.numpy_fourier import to_image
from fourfold.formats.registry import FileFormat
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.stacks import slice_spacing
from fourfold.memory import require_memory
from fourfold.scan import FrameLabels, Geometry, Placement, Protocol, RawSampling, RawScan

__all__ = ["FORMAT", "BrukerFile"]

Array = npt.NDArray[Any]

JCAMP = b"##TITLE="
STEPS = ("k_space_encode_step_0", "k_space_encode_step_1", "k_space_encode_step_2")
FRAMES = {"echo": "contrast", "repetition": "repetition", "object": "slice"}
"""Axes of frames and their labels, the slowest first."""
WANTED = (*FRAMES, STEPS[2], "channel", STEPS[1], STEPS[0])
"""The order in which a frame's axes are used."""
SCHEMES = ("CART_2D", "CART_3D", "FIELD_MAP")
POSITIONS = {"Head_Supine": "HFS", "Head_Prone": "HFP", "Foot_Supine": "FFS", "Foot_Prone": "FFP"}
DECODED = 8
"""How many times the file's size its decoding takes at most: samples in double precision, twice at times."""
LARGEST = 2**16 - 1
EXPORT = "export the centred k-space as 'kspace' in an .npz file"
ECHOES_NOTE = (
    "The file numbers slices and echoes together, in an order that it does not tell: what the frames are and where "
    "they lie is not known, and some versions of ParaVision mirror every second echo."
)


class BrukerFile(ScanFile):
    """Reads the ``fid`` of an experiment, whose parameters stand beside it; the whole file is decoded at once.

    Parameters
    ----------
    path
        The ``fid``.
    """

    format: ClassVar[str] = "Bruker ParaVision fid"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is called ``fid`` and has ``acqp`` and ``method`` beside it."""
        if path.name != "fid":
            return False
        parameters = (path.with_name(name) for name in ("acqp", "method"))
        return all(file.is_file() and first_bytes(file, 8) == JCAMP for file in parameters)

    def __init__(self, path: Path) -> None:
        self.path = path
        require_memory(DECODED * path.stat().st_size, f"Decoding '{path}'", "take a computer with more memory")
        with _opened(path) as dataset:
            self._check_kind(dataset)
            self.axes = [str(name) for name in dataset.dim_type]
            samples = self._arrange(np.asarray(dataset.data))
            self.rows, ny = _rows(_numbers(dataset, "PVM_EncSteps1"), samples.shape[5], path)
            _check_partitions(_numbers(dataset, "PVM_EncSteps2"), samples.shape[3], path)
            self.protocol = _protocol(dataset)
            affines = _affines(dataset)
            matrix = _numbers(dataset, "PVM_EncMatrix")
            thickness = _numbers(dataset, "PVM_SliceThick")
        self.counts = samples.shape[:4]
        self.coils = samples.shape[4]
        self.matrix = ny, samples.shape[6]
        self.frames = int(np.prod(self.counts))
        self.block = self.frames
        self.dtype = "int32"
        self.details = {"vendor": "Bruker"}
        slices = len(affines) if samples.shape[3] == 1 else 1
        self.slices_are_told = bool(affines) and samples.shape[2] == slices
        if not self.slices_are_told:
            self.notes = (ECHOES_NOTE if affines else "The file gives no directions: orientation not known.",)
        self.volume = self._geometry(affines, matrix, thickness)

    def _check_kind(self, dataset: Any) -> None:
        """Refuse experiments that are not Cartesian, and those whose centre along the readout is not known."""
        if dataset.scheme_id not in SCHEMES:
            raise InputError(
                f"'{self.path}' is of the kind {dataset.scheme_id}; fourfold reads Cartesian experiments "
                f"({', '.join(SCHEMES)}): {EXPORT}, with its 'trajectory' where it has one."
            )
        partial = _numbers(dataset, "PVM_EncPft")
        if partial.size and partial[0] > 1:
            raise InputError(f"'{self.path}' has asymmetric echoes, whose centre is not known: {EXPORT}.")

    def _arrange(self, samples: Array) -> Array:
        """Return the samples (echo, repetition, slice, partition, coil, line, sample)."""
        unknown = set(self.axes) - set(WANTED)
        if unknown or samples.ndim != len(self.axes) or not {STEPS[0], STEPS[1]} <= set(self.axes):
            raise InputError(
                f"'{self.path}' has the axes {', '.join(self.axes)} and samples of shape {samples.shape}, which do not "
                f"fit: {EXPORT}."
            )
        present = [name for name in WANTED if name in self.axes]
        index = tuple(slice(None) if name in present else None for name in WANTED)
        arranged: Array = samples.transpose([self.axes.index(name) for name in present])[index]
        return arranged

    def _geometry(self, affines: Sequence[Array], matrix: Array, thickness: Array) -> Geometry:
        """Return size and place of the frames; the affine matrices are those of the encoded grid."""
        if not affines or matrix.size < 2:
            return Geometry(phase_axis="y")
        dx, dy, dz = (float(np.linalg.norm(affines[0][:3, axis])) for axis in range(3))
        dy *= float(matrix[1]) / self.matrix[0]
        depth = dz if self.counts[3] > 1 else float(thickness[0]) if thickness.size and thickness[0] > 0 else None
        places: tuple[Placement, ...] = ()
        if self.slices_are_told:
            places = tuple(self._placement(affines, matrix, frame) for frame in range(self.frames))
        volume = Geometry((depth, dy, dx), placements=places, slice_thickness=depth, phase_axis="y")
        spacing = slice_spacing(volume, self.labels(range(self.frames))) if places else None
        return replace(volume, voxel_size=(spacing or depth, dy, dx))

    def _placement(self, affines: Sequence[Array], matrix: Array, frame: int) -> Placement:
        _, _, index, partition = self._places(frame)
        affine = affines[index if self.counts[3] == 1 else 0]
        x, y, z = (as_triple(affine[:3, axis] / np.linalg.norm(affine[:3, axis])) for axis in range(3))
        centre = affine @ np.array([matrix[0] // 2, matrix[1] // 2, partition, 1.0])
        return Placement(x, y, z, as_triple(centre[:3]))

    def _places(self, frame: int) -> tuple[int, int, int, int]:
        """Return the indices of a frame: echo, repetition, slice, partition."""
        echo, repetition, index, partition = (int(place) for place in np.unravel_index(frame, self.counts))
        return echo, repetition, index, partition

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return what frames are, so far as the file tells."""
        if not self.slices_are_told:
            return FrameLabels()
        places = np.array([self._places(frame) for frame in frames])
        names = (*FRAMES.values(), "partition")
        varying = {
            name: places[:, axis].tolist()
            for axis, name in enumerate(names)
            if self.counts[axis] > 1 or name == "slice"
        }
        return FrameLabels(varying)

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; the whole file is decoded for that."""
        with _opened(self.path) as dataset:
            samples = self._arrange(np.asarray(dataset.data))
        if samples.shape[3] > 1:
            samples = to_image(samples, axis=3)
        kspace = np.zeros((len(frames), self.coils, *self.matrix), np.complex64)
        for part, frame in zip(kspace, frames, strict=True):
            part[:, self.rows] = to_complex64(samples[self._places(frame)])
        return RawScan(
            kspace,
            sampling=RawSampling(merge_frames(measured(kspace, frames, self.path))),
            geometry=self.geometry(frames),
            source=self.source(),
            labels=self.labels(frames),
        )


def _rows(steps: Array, lines: int, path: Path) -> tuple[Array, int]:
    """Return where lines in ascending order lie on the grid, and its size; the step 0 is the centre."""
    if not steps.size:
        return np.arange(lines), lines
    places = np.sort(steps).astype(int)
    if len(places) != lines or len(np.unique(places)) != lines or np.abs(places).max() > LARGEST // 2:
        raise InputError(
            f"'{path}' has {lines} lines, but {len(places)} encoding steps (PVM_EncSteps1), which must be one for each "
            f"line: {EXPORT}."
        )
    size = 2 * max(-int(places[0]), int(places[-1]) + 1, 1)
    return places + size // 2, size


def _check_partitions(steps: Array, partitions: int, path: Path) -> None:
    """Refuse partitions that are not all acquired, in their order."""
    expected = np.arange(partitions) - partitions // 2
    if partitions > 1 and steps.size and not np.array_equal(steps, expected):
        raise InputError(
            f"'{path}' has partitions that are not all acquired one after the other (PVM_EncSteps2): {EXPORT}."
        )


def _protocol(dataset: Any) -> Protocol:
    frequency = _numbers(dataset, "BF1")
    averages = _numbers(dataset, "PVM_NAverages")
    return Protocol(
        vendor="Bruker",
        protocol=_text(dataset, "ACQ_protocol_name"),
        sequence=_text(dataset, "ACQ_method"),
        software=_text(dataset, "ACQ_sw_version"),
        frequency=float(frequency[0]) if frequency.size and frequency[0] > 0 else None,
        patient_position=POSITIONS.get(_text(dataset, "ACQ_patient_pos") or ""),
        acquisition="3D" if STEPS[2] in dataset.dim_type else "2D",
        repetition_times=_times(dataset, "ACQ_repetition_time"),
        echo_times=_times(dataset, "ACQ_echo_time"),
        inversion_times=_times(dataset, "ACQ_inversion_time"),
        flip_angles=_times(dataset, "ACQ_flip_angle"),
        averages=int(averages[0]) if averages.size and averages[0] >= 1 else None,
    )


def _affines(dataset: Any) -> list[Array]:
    """Return the affine matrix of each slice, or of the volume; none where the file does not tell."""
    from brukerapi.exceptions import UnsupportedDatasetType

    try:
        return [np.asarray(affine, float) for affine in dataset.acquisition_affines()]
    except UnsupportedDatasetType:
        return []


def _times(dataset: Any, name: str) -> tuple[float, ...]:
    """Return positive numbers of a parameter."""
    return tuple(float(value) for value in _numbers(dataset, name) if 0 < value < np.inf)


def _numbers(dataset: Any, name: str) -> Array:
    """Return the numbers of a parameter; none where there is no such parameter, or it holds text."""
    values = np.ravel(_value(dataset, name, []))
    return values if values.dtype.kind in "iuf" else np.zeros(0)


def _text(dataset: Any, name: str) -> str | None:
    value = _value(dataset, name, None)
    return value.strip("<> ") or None if isinstance(value, str) else None


def _value(dataset: Any, name: str, default: Any) -> Any:
    try:
        return dataset[name].value
    except KeyError:
        return default


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an experiment; turns what brukerapi raises on damaged ones into one sentence."""
    try:
        from brukerapi.dataset import Dataset
    except ImportError:
        raise InputError(
            f"'{path}' is a Bruker file, which the package brukerapi decodes: install it with pip install "
            "'fourfold[bruker]'."
        ) from None
    found = f"The experiment of '{path}' is damaged, or of a kind that brukerapi does not decode"
    with damage_explained(found, "copy its whole folder again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Dataset(path)


FORMAT = FileFormat("Bruker ParaVision fid", BrukerFile, order=60)
