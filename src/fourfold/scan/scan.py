"""The two values that flow through everything: `Scan` in, `Reconstruction` out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from fourfold.errors import InputError, check_type
from fourfold.scan.geometry import PLACE_LABELS, Geometry, Placement, Vector, check_placements
from fourfold.scan.kspace_checks import check_tensor, dtype_name, is_finite
from fourfold.scan.raw_sampling import AnySampling, Axis, RawSampling, centre_slice, crop_centre, find_acquired
from fourfold.scan.raw_scan import AnyScan, RawScan, Source, counted
from fourfold.scan.trajectory import RawTrajectory, Trajectory

if TYPE_CHECKING:
    # Loaded where it is used: what a file holds is told without.
    import torch
    from torch import Tensor

__all__ = [
    "PLACE_LABELS",
    "AnyScan",
    "Axis",
    "FrameRecord",
    "Geometry",
    "Placement",
    "RawSampling",
    "RawScan",
    "RawTrajectory",
    "Reconstruction",
    "Record",
    "Sampling",
    "Scan",
    "Source",
    "Trajectory",
    "Vector",
    "acquired_samples",
    "agreed_details",
    "centre_slice",
    "check_scan",
    "crop_centre",
    "find_acquired",
    "mean_scale",
]


def acquired_samples(kspace: Tensor) -> Tensor:
    """Return bool (frame, ky, kx): which samples of k-space (frame, coil, ky, kx) were acquired, told by its zeros.

    The same holds for shots and samples, (frame, coil, shot, sample). Receivers that count in whole numbers also read
    zero now and then. Where all lines along an axis are either empty or at least nine tenths filled, the filled ones
    were therefore acquired whole; otherwise every sample that is not zero in some coil was.
    """
    import torch

    return torch.from_numpy(find_acquired(kspace)).to(kspace.device)


@dataclass(frozen=True, eq=False)
class Sampling(AnySampling["Tensor"]):
    """Which k-space samples were acquired, and how this pattern came to be.

    Attributes
    ----------
    mask
        bool, (frame, ky, kx), frame may be 1 for all frames; True where a sample was acquired. Of scans with a
        trajectory (frame, shot, sample); see `Scan.grid_sampling` for the grid that these encode.
    kind
        ``random``, ``equispaced``, … as made by `fourfold.sampling`; ``acquired`` when read from the data.
    seed
        Seed of the random generator, None where nothing is random.
    target_acceleration
        The acceleration that the pattern was made for, None for acquired patterns.
    details
        Further settings of the pattern, JSON types only.
    """

    mask: Tensor
    kind: str = "acquired"
    seed: int | None = None
    target_acceleration: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    _check_kind = staticmethod(check_tensor)


def _lines_left_out(mask: Tensor) -> Axis | None:
    """Return the axis along which `mask` (frame, ky, kx) leaves out whole lines, None for other patterns."""
    lines_of_ky, lines_of_kx = bool((mask == mask[:, :, :1]).all()), bool((mask == mask[:, :1]).all())
    return None if lines_of_ky == lines_of_kx else "ky" if lines_of_ky else "kx"


@dataclass(frozen=True, eq=False, repr=False)
class Scan(AnyScan["Tensor"]):
    """One acquisition: k-space, its sampling, and what is known with it. Immutable; steps return a new one.

    Attributes
    ----------
    kspace
        complex64, (frame, coil, ky, kx), centred (zero frequency at index ``n // 2``), zero where not acquired;
        with a trajectory (frame, coil, shot, sample). A slice or a volume position is a frame.
    sampling
        The acquired pattern; taken from the non-zero samples of `kspace` when None.
    line_axis
        The phase-encoding axis, along which lines are left out in 1D patterns; the other one is the readout.
    coil_maps
        complex64, (frame or 1, set, coil, y, x), or None when they are to be estimated.
    calibration_kspace
        complex64, (frame or 1, coil, ky, kx): centred calibration k-space acquired apart from `kspace`, or None.
    noise
        complex64, (coil, sample): samples without signal, or None.
    geometry, source
        Size and place of the frames; origin.
    trajectory
        Where the samples of a non-Cartesian acquisition lie; None where they lie on the grid.

    Raises
    ------
    InputError
        For any array of the wrong type or shape, NaN or Inf, an all-zero coil, or k-space that is not centred.
    """

    kspace: Tensor
    sampling: Sampling = None  # type: ignore[assignment]  # never None once constructed
    line_axis: Axis = "ky"
    coil_maps: Tensor | None = None
    calibration_kspace: Tensor | None = None
    noise: Tensor | None = None
    geometry: Geometry = field(default_factory=Geometry)
    source: Source = field(default_factory=Source)
    trajectory: Trajectory | None = None

    _check_kind = staticmethod(check_tensor)

    def __post_init__(self) -> None:
        check_tensor("The k-space", self.kspace)
        if self.trajectory is not None:
            check_type(
                "The trajectory", self.trajectory, Trajectory, "make one with fourfold.Trajectory(points, matrix)"
            )
        super().__post_init__()

    def _held(self, array: npt.NDArray[Any]) -> Tensor:
        import torch

        return torch.from_numpy(array).to(self.kspace.device)

    def _check_companions(self) -> None:
        if self.sampling is None:
            acquired = acquired_samples(self.kspace)
            acquired = acquired[:1] if bool((acquired == acquired[:1]).all()) else acquired
            object.__setattr__(self, "sampling", Sampling(acquired))
        _check_sampling(self.sampling)
        check_type("The geometry", self.geometry, Geometry, "leave it out where it is unknown")
        check_type("The source", self.source, Source, "leave it out where it is unknown")
        super()._check_companions()

    @classmethod
    def from_raw(cls, raw: RawScan) -> Scan:
        """Return what a reader made of a file with tensors, which share the memory of its arrays."""
        import torch

        def tensor(array: npt.NDArray[Any] | None) -> Tensor | None:
            return None if array is None else torch.from_numpy(array)

        sampling, trajectory = raw.sampling, None
        if raw.trajectory is not None:
            points, density = torch.from_numpy(raw.trajectory.points), tensor(raw.trajectory.density)
            trajectory = Trajectory(points, raw.trajectory.matrix, density, raw.trajectory.kind)
        return cls(
            torch.from_numpy(raw.kspace),
            Sampling(
                torch.from_numpy(sampling.mask),
                sampling.kind,
                sampling.seed,
                sampling.target_acceleration,
                sampling.details,
            ),
            raw.line_axis,
            tensor(raw.coil_maps),
            tensor(raw.calibration_kspace),
            tensor(raw.noise),
            raw.geometry,
            raw.source,
            trajectory,
        )

    def with_sampling(self, sampling: Sampling) -> Scan:
        """Return the scan undersampled by `sampling`; raises InputError where that asks for samples never acquired."""
        import torch

        _check_sampling(sampling)
        if sampling.mask.shape[0] not in (1, self.frames) or sampling.mask.shape[1:] != self.mask.shape[1:]:
            raise InputError(
                f"The mask has shape {tuple(sampling.mask.shape)} but the scan's is {tuple(self.mask.shape)}; give one "
                "for the same grid, with one frame or as many as the scan."
            )
        missing = int((sampling.mask & ~self.mask).sum())
        if missing:
            raise InputError(
                f"The mask asks for {missing} samples that were not acquired; use fully sampled data or a mask "
                "that lies within the acquired one."
            )
        kspace = torch.where(sampling.mask[:, None], self.kspace, 0)
        source = self.source
        if self.trajectory is None and _lines_left_out(sampling.mask) not in (None, self.line_axis):
            note = (
                f"The mask leaves out lines along {_lines_left_out(sampling.mask)}, but the scan's phase encoding is "
                f"along {self.line_axis}: check that the mask is not transposed."
            )
            source = dataclasses.replace(source, notes=(*source.notes, note))
        return self.replace(kspace=kspace, sampling=sampling, source=source)

    def to(self, device: torch.device | str) -> Scan:
        """Return the scan with every tensor on `device`."""

        def move(array: Tensor | None) -> Tensor | None:
            return None if array is None else array.to(device)

        return self.replace(
            kspace=self.kspace.to(device),
            sampling=dataclasses.replace(self.sampling, mask=self.mask.to(device)),
            coil_maps=move(self.coil_maps),
            calibration_kspace=move(self.calibration_kspace),
            noise=move(self.noise),
            trajectory=self.trajectory and self.trajectory.to(device),
        )


def check_scan(scan: Any) -> None:
    """Refuse what is no `Scan`, with the ways to get one."""
    check_type("The scan", scan, Scan, "read a file with fourfold.load, or make one with fourfold.Scan(kspace)")


def _check_sampling(sampling: Any) -> None:
    advice = "make one with fourfold.Sampling(mask), the mask being bool (frame, ky, kx)"
    check_type("The sampling", sampling, Sampling, advice)


@dataclass(frozen=True)
class FrameRecord:
    """What differs between the frames of a volume: iterations, scale and details, as in `Record`."""

    iterations: int = 0
    scale: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def agreed_details(frames: Sequence[FrameRecord]) -> dict[str, Any]:
    """Return the details in which all frames agree."""
    first, *others = (frame.details for frame in frames)
    return {
        name: fact for name, fact in first.items() if all(name in other and other[name] == fact for other in others)
    }


def mean_scale(frames: Sequence[FrameRecord]) -> float | None:
    """Return the mean of the frames' scales, None where they have none."""
    scales = [frame.scale for frame in frames if frame.scale is not None]
    return sum(scales) / len(scales) if scales else None


@dataclass(frozen=True)
class Record:
    """How an image was made: enough to make it again.

    Attributes
    ----------
    method, settings
        The method's name and its settings, JSON types only.
    seconds
        Wall-clock seconds of the reconstruction.
    iterations
        Iterations of the solver summed over frames; 0 for direct methods.
    scale
        The intensity unit computed from the measured k-space, in which weights are given (None: no weights); of several
        frames the mean.
    sampling, source
        Provenance of the mask and of the data.
    notes
        Sentences a reader must know: what was chosen automatically, what was left out.
    details
        Further facts, JSON types only (for example the objective's history); of frames that were reconstructed one by
        one those in which they agree.
    interrupted
        Whether the user ended it early: the last frame is what had been reached, and frames may be missing.
    by_frame
        Of several frames that were reconstructed one by one, what `FrameRecord` says of each; otherwise empty.
    """

    method: str
    settings: Mapping[str, Any]
    seconds: float = math.nan
    iterations: int = 0
    scale: float | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    by_frame: tuple[FrameRecord, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        return dataclasses.asdict(self)

    def details_of(self, frame: int) -> Mapping[str, Any]:
        """Return the details of one frame."""
        return self.by_frame[frame].details if self.by_frame else self.details


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """An image and how it was made.

    Attributes
    ----------
    image
        complex64, (frame, y, x), in the units of the k-space under the orthonormal Fourier transform.
    record
        How it was made.
    std
        float32, (frame, y, x): standard deviation of the magnitude in the image's units, or None.
    geometry
        Size and place of the frames; they are cut to ``geometry.image_size`` already.
    members
        complex64, (member, frame, y, x): the images of an ensemble, whose mean is `image`, or None.
    before_data_consistency
        complex64, (frame, y, x): what the image was before the measured samples were put back, where they were.
    """

    image: Tensor
    record: Record
    std: Tensor | None = None
    geometry: Geometry = field(default_factory=Geometry)
    members: Tensor | None = None
    before_data_consistency: Tensor | None = None

    def __post_init__(self) -> None:
        check_tensor("The image", self.image)
        if dtype_name(self.image) != "complex64" or self.image.ndim != 3:
            raise InputError(
                f"The image is {self.image.dtype} of shape {tuple(self.image.shape)}; "
                "it must be complex64 of shape (frame, y, x)."
            )
        check_placements(self.geometry, len(self.image))
        if not is_finite(self.image):
            raise InputError(f"The image made by '{self.record.method}' contains NaN or Inf; its settings diverge.")

    def __repr__(self) -> str:
        """Return the facts in one line."""
        frames, ny, nx = self.image.shape
        label = self.record.source.get("label")
        of = f" of '{label}'" if label else ""
        seconds = f"{self.record.seconds:.2g} s"
        return f"Reconstruction('{self.record.method}'{of}, {counted(frames, 'frame')}, {ny}×{nx}, {seconds})"

    @property
    def magnitude(self) -> Tensor:
        """float32, (frame, y, x): the magnitude image."""
        return self.image.abs()
