"""The two values that flow through everything: `Scan` in, `Reconstruction` out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from fourfold.errors import InputError, check_type
from fourfold.scan.kspace_checks import check_centred, check_kspace, check_mask_centre, check_tensor
from fourfold.scan.trajectory import Trajectory

__all__ = [
    "PLACE_LABELS",
    "Axis",
    "FrameRecord",
    "Geometry",
    "Placement",
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
    "mean_scale",
]

Axis = Literal["ky", "kx"]
Vector = tuple[float, float, float]
"""Coordinates or a direction along DICOM's patient axes: left, posterior, superior."""
PLACE_LABELS = ("partition", "readout", "slice")
"""Labels of a frame that say where it lies, the innermost first; all others say when, or how it was acquired."""


def centre_slice(size: int, width: int) -> slice:
    """Return the `width` samples around the centre index ``size // 2`` of an axis of `size` samples."""
    start = size // 2 - width // 2
    return slice(start, start + width)


def crop_centre(array: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the centre of the last two axes of `array`, cut to `size` = (ny, nx); smaller axes are kept whole."""
    ny, nx = array.shape[-2:]
    rows = centre_slice(ny, min(size[0], ny))
    columns = centre_slice(nx, min(size[1], nx))
    return array[..., rows, columns]


def acquired_samples(kspace: Tensor) -> Tensor:
    """Return bool (frame, ky, kx): which samples of k-space (frame, coil, ky, kx) were acquired, told by its zeros.

    The same holds for shots and samples, (frame, coil, shot, sample). Receivers that count in whole numbers also read
    zero now and then. Where all lines along an axis are either empty or at least nine tenths filled, the filled ones
    were therefore acquired whole; otherwise every sample that is not zero in some coil was.
    """
    held = (kspace != 0).any(dim=1)
    for along in (2, 1):
        share = held.float().mean(dim=along, keepdim=True)
        if bool(((share == 0) | (share >= 0.9)).all()):
            return (share > 0).expand_as(held)
    return held


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, eq=False)
class Sampling:
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
    asked
        The acceleration that was asked for, None for acquired patterns.
    details
        Further settings of the pattern, JSON types only.
    """

    mask: Tensor
    kind: str = "acquired"
    seed: int | None = None
    asked: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_tensor("The sampling mask", self.mask, "bool")
        if self.mask.dtype != torch.bool or self.mask.ndim != 3:
            found = f"{self.mask.dtype} of shape {tuple(self.mask.shape)}"
            raise InputError(f"The sampling mask is {found}; it must be bool of shape (frame, ky, kx).")
        if not self.mask.flatten(1).any(dim=1).all():
            raise InputError("The sampling mask has a frame without any sample; give each frame at least one.")

    @property
    def acceleration(self) -> float:
        """Realised acceleration: grid points over acquired samples, the calibration region included."""
        return self.mask.numel() / int(self.mask.sum())

    @property
    def calibration(self) -> tuple[int, int]:
        """Size (ny, nx) of the largest centred box that is fully sampled in every frame; (0, 0) without one."""
        widths = _centred_runs(self.mask.all(dim=0))
        rows = torch.arange(len(widths), device=widths.device)
        # Boxes grow from the centre row outwards, as `centre_slice` does: each is as wide as its narrowest row.
        outwards = (rows - len(widths) // 2).abs().argsort(stable=True)
        narrowest = widths[outwards].cummin(dim=0).values
        best = int((narrowest * (rows + 1)).argmax())
        width = int(narrowest[best])
        return (best + 1, width) if width else (0, 0)

    def summary(self) -> dict[str, Any]:
        """Return the pattern's provenance as JSON types."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "asked_acceleration": self.asked,
            "acceleration": round(self.acceleration, 4),
            "calibration": list(self.calibration),
            **self.details,
        }


def _centred_runs(mask: Tensor) -> Tensor:
    """Return, for each row of `mask`, the width of its widest centred range of True."""
    centre = mask.shape[-1] // 2
    left = mask[..., :centre].flip(-1).int().cumprod(dim=-1).sum(dim=-1)
    right = mask[..., centre:].int().cumprod(dim=-1).sum(dim=-1)
    # centre_slice(size, w) reaches w // 2 to the left of the centre and (w - 1) // 2 to its right.
    return torch.where(right > 0, torch.minimum(2 * left + 1, 2 * right), 0)


def _lines_left_out(mask: Tensor) -> Axis | None:
    """Return the axis along which `mask` (frame, ky, kx) leaves out whole lines, None for other patterns."""
    lines_of_ky, lines_of_kx = bool((mask == mask[:, :, :1]).all()), bool((mask == mask[:, :1]).all())
    return None if lines_of_ky == lines_of_kx else "ky" if lines_of_ky else "kx"


@dataclass(frozen=True)
class Placement:
    """How one frame lies in the patient: millimetres along DICOM's patient axes (left, posterior, superior).

    Attributes
    ----------
    x_axis, y_axis, slice_axis
        Unit vectors along which x, y and the slice index grow.
    centre
        Position of the centre voxel ``(ny // 2, nx // 2)``; None where only the directions are known.
    """

    x_axis: Vector
    y_axis: Vector
    slice_axis: Vector
    centre: Vector | None = None

    def __post_init__(self) -> None:
        vectors = [self.x_axis, self.y_axis, self.slice_axis, *([] if self.centre is None else [self.centre])]
        if not all(math.isfinite(value) for vector in vectors for value in vector):
            raise InputError(f"The placement {vectors} has values that are no numbers; leave out what is not known.")

    def moved(self, distance: float) -> Placement:
        """Return the placement so many millimetres further along the slice axis."""
        if self.centre is None:
            return self
        x, y, z = (at + distance * axis for at, axis in zip(self.centre, self.slice_axis, strict=True))
        return dataclasses.replace(self, centre=(x, y, z))


@dataclass(frozen=True)
class Geometry:
    """Size and place of the frames, as far as they are known; nothing stands for what is not.

    Attributes
    ----------
    voxel_size
        (slice spacing, y, x) of one voxel in mm, None for each that is not known. The thickness stands for the spacing
        of a single slice and of frames that are no equidistant stack.
    image_size
        (ny, nx) that the scanner shows; reconstructions are cut to it around the centre. None keeps the full grid.
    placements
        One for each frame; empty where the orientation is not known.
    """

    voxel_size: tuple[float | None, float | None, float | None] = (None, None, None)
    image_size: tuple[int, int] | None = None
    placements: tuple[Placement, ...] = ()

    def __post_init__(self) -> None:
        for size in self.voxel_size:
            if size is not None and not 0 < size < math.inf:
                raise InputError(
                    f"The voxel size is {self.voxel_size} mm; give positive numbers, and None where unknown."
                )

    @classmethod
    def stack(
        cls,
        voxel_size: tuple[float, float, float],
        first: Placement,
        frames: int = 1,
        image_size: tuple[int, int] | None = None,
    ) -> Geometry:
        """Return the geometry of equidistant parallel frames, of which the `first` one's placement is given."""
        return cls(voxel_size, image_size, tuple(first.moved(index * voxel_size[0]) for index in range(frames)))

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) of one pixel in mm, None unless both are known."""
        _, dy, dx = self.voxel_size
        return None if dy is None or dx is None else (dy, dx)

    def part(self, start: int, stop: int) -> Geometry:
        """Return the geometry of the frames from `start` up to and without `stop`."""
        return dataclasses.replace(self, placements=self.placements[start:stop])


def _check_placements(geometry: Geometry, frames: int) -> None:
    if len(geometry.placements) not in (0, frames):
        raise InputError(
            f"The geometry has {len(geometry.placements)} placement(s) but there are {frames} frame(s); give one for "
            "each frame, or none."
        )


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
        Facts from the header, JSON types only. ``frames`` labels each frame; ``file_frames`` are their numbers in the
        file, where a note may have to name one.
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
class Scan:
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
    calibration
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
    calibration: Tensor | None = None
    noise: Tensor | None = None
    geometry: Geometry = field(default_factory=Geometry)
    source: Source = field(default_factory=Source)
    trajectory: Trajectory | None = None

    def __post_init__(self) -> None:
        energy = check_kspace(self.kspace)
        if self.trajectory is None:
            check_centred(energy)
        else:
            check_type(
                "The trajectory", self.trajectory, Trajectory, "make one with fourfold.Trajectory(points, matrix)"
            )
            self._check_trajectory(self.trajectory)
        if self.sampling is None:
            acquired = acquired_samples(self.kspace)
            acquired = acquired[:1] if bool((acquired == acquired[:1]).all()) else acquired
            object.__setattr__(self, "sampling", Sampling(acquired))
        _check_sampling(self.sampling)
        check_type("The geometry", self.geometry, Geometry, "leave it out where it is unknown")
        check_type("The source", self.source, Source, "leave it out where it is unknown")
        self._check_companions()
        if self.trajectory is None:
            check_mask_centre(self.mask)

    def __repr__(self) -> str:
        """Return the facts in one line."""
        ny, nx = self.shape
        sampling = "fully sampled" if self.fully_sampled else f"{self.acceleration:.2f}× {self.sampling.kind}"
        label = f", '{self.source.label}'" if self.source.label else ""
        frames, coils = _counted(self.frames, "frame"), _counted(self.coils, "coil")
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
        _check_placements(self.geometry, frames)
        if self.coil_maps is not None:
            self._check_array("coil_maps", self.coil_maps, 5)
            if self.coil_maps.shape[0] not in (1, frames) or self.coil_maps.shape[2:] != (coils, ny, nx):
                raise InputError(
                    f"The coil maps have shape {tuple(self.coil_maps.shape)}; this k-space needs "
                    f"(1 or {frames}, sets, {coils}, {ny}, {nx}); estimate them anew or leave them out."
                )
        if self.calibration is not None:
            self._check_array("calibration", self.calibration, 4)
            if self.calibration.shape[0] not in (1, frames) or self.calibration.shape[1] != coils:
                raise InputError(
                    f"The calibration k-space has shape {tuple(self.calibration.shape)}; this scan needs "
                    f"(1 or {frames}, {coils}, ky, kx)."
                )
        if self.noise is not None:
            self._check_array("noise", self.noise, 2)
            if self.noise.shape[0] != coils:
                raise InputError(f"The noise scan has {self.noise.shape[0]} coils but the k-space has {coils}.")

    def _check_trajectory(self, trajectory: Trajectory) -> None:
        frames, _, shots, samples = self.kspace.shape
        if (trajectory.shots, trajectory.samples) != (shots, samples) or trajectory.frames not in (1, frames):
            raise InputError(
                f"The trajectory has {trajectory.frames} frame(s) of {trajectory.shots} shots and {trajectory.samples} "
                f"samples but the k-space has {frames} frame(s) of {shots} and {samples}; they must belong together."
            )

    @staticmethod
    def _check_array(name: str, array: Tensor, ndim: int) -> None:
        check_tensor(name, array)
        if array.dtype != torch.complex64 or array.ndim != ndim:
            raise InputError(f"{name} is {array.dtype} with {array.ndim} axes; it must be complex64 with {ndim} axes.")
        # NaN and Inf survive a sum, which reads the array once and stores nothing.
        if not bool(torch.isfinite(torch.view_as_real(array).sum(dtype=torch.float64))):
            raise InputError(f"{name} contains NaN or Inf; find and remove the corrupt samples first.")

    @property
    def mask(self) -> Tensor:
        """bool, (frame or 1, ky, kx), with a trajectory (frame or 1, shot, sample): True where acquired."""
        return self.sampling.mask

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.kspace.shape[0]

    @property
    def coils(self) -> int:
        """Number of receiver coils."""
        return self.kspace.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Grid size (ny, nx); with a trajectory that of the image's matrix."""
        return self.kspace.shape[2:4] if self.trajectory is None else self.trajectory.matrix  # type: ignore[return-value]

    @property
    def fully_sampled(self) -> bool:
        """Whether every sample of the grid was acquired; never with a trajectory, which no grid sample lies on."""
        return self.trajectory is None and bool(self.mask.all())

    @cached_property
    def grid_sampling(self) -> Sampling:
        """The sampling on the grid of `shape`: with a trajectory, the cells that hold a sample (`Trajectory.cells`)."""
        if self.trajectory is None:
            return self.sampling
        return dataclasses.replace(self.sampling, mask=self.trajectory.cells(self.mask))

    @property
    def acceleration(self) -> float:
        """Grid points over acquired ones; with a trajectory as in `Trajectory.acceleration`."""
        return self.sampling.acceleration if self.trajectory is None else self.trajectory.acceleration(self.mask)

    @cached_property
    def _silent(self) -> Tensor:
        """bool, (frame, coil): whether a coil holds only zeros in a frame."""
        return (self.kspace == 0).all(dim=3).all(dim=2)

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
            "samples_used": round(float(self.mask.float().mean()), 4),
        }

    def replace(self, **changes: Any) -> Scan:
        """Return a copy with the given fields changed; it is validated like any other scan."""
        return dataclasses.replace(self, **changes)

    def frame(self, index: int) -> Scan:
        """Return a scan of the one frame `index`; raises InputError outside the range."""
        if not -self.frames <= index < self.frames:
            raise InputError(f"Frame {index} was asked for; this scan has frames 0 to {self.frames - 1}.")
        index %= self.frames
        return self.part(index, index + 1)

    def part(self, start: int, stop: int) -> Scan:
        """Return a scan of the frames from `start` up to and without `stop`.

        A coil that is silent in them, but not in the others, is left out, and a note of the source says so.
        """
        if stop - start == self.frames:
            return self

        def pick(array: Tensor | None) -> Tensor | None:
            return array if array is None or array.shape[0] == 1 else array[start:stop]

        silent = self._silent[start:stop].all(dim=0)
        if silent.any():
            return self.without_coils(silent.nonzero()[:, 0].tolist(), range(start, stop)).part(start, stop)
        mask = pick(self.mask)
        assert mask is not None
        known = {name: self.source.details.get(name) or () for name in ("frames", "file_frames")}
        details = {name: facts[start:stop] for name, facts in known.items() if len(facts) == self.frames}
        return self.replace(
            source=dataclasses.replace(self.source, details={**self.source.details, **details}),
            kspace=self.kspace[start:stop],
            sampling=dataclasses.replace(self.sampling, mask=mask),
            coil_maps=pick(self.coil_maps),
            calibration=pick(self.calibration),
            geometry=self.geometry.part(start, stop),
            trajectory=self.trajectory and self.trajectory.of(list(range(start, stop))),
        )

    def without_coils(self, coils: Sequence[int], frames: Sequence[int] = ()) -> Scan:
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
            calibration=None if self.calibration is None else self.calibration[:, kept],
            noise=None if self.noise is None else self.noise[kept],
            source=source,
        )

    def without_silent_coils(self) -> Scan:
        """Return the scan without coils that are silent in some frame, for what treats all frames alike."""
        if not self.has_silent_coils:
            return self
        frames, coils = self._silent.any(dim=1), self._silent.any(dim=0)
        return self.without_coils(coils.nonzero()[:, 0].tolist(), frames.nonzero()[:, 0].tolist())

    def with_sampling(self, sampling: Sampling) -> Scan:
        """Return the scan undersampled by `sampling`; raises InputError where that asks for samples never acquired."""
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
            calibration=move(self.calibration),
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


def _words(name: str, numbers: Sequence[int]) -> str:
    """Return a name in front of numbers, such as ``Coil 3`` or ``frames 1, 2``."""
    return f"{name}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


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
        if self.image.dtype != torch.complex64 or self.image.ndim != 3:
            raise InputError(
                f"The image is {self.image.dtype} of shape {tuple(self.image.shape)}; "
                "it must be complex64 of shape (frame, y, x)."
            )
        _check_placements(self.geometry, len(self.image))
        if not bool(torch.isfinite(torch.view_as_real(self.image)).all()):
            raise InputError(f"The image made by '{self.record.method}' contains NaN or Inf; its settings diverge.")

    def __repr__(self) -> str:
        """Return the facts in one line."""
        frames, ny, nx = self.image.shape
        label = self.record.source.get("label")
        of = f" of '{label}'" if label else ""
        seconds = f"{self.record.seconds:.2g} s"
        return f"Reconstruction('{self.record.method}'{of}, {_counted(frames, 'frame')}, {ny}×{nx}, {seconds})"

    @property
    def magnitude(self) -> Tensor:
        """float32, (frame, y, x): the magnitude image."""
        return self.image.abs()
