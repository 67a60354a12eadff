"""The two values that flow through everything: `Scan` in, `Reconstruction` out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from fourfold.errors import InputError, check_type
from fourfold.scan.frame_labels import FrameLabels
from fourfold.scan.geometry import Geometry
from fourfold.scan.identity import Identity
from fourfold.scan.kspace_checks import check_tensor
from fourfold.scan.protocol import Protocol
from fourfold.scan.raw_sampling import AnySampling, Axis, find_acquired
from fourfold.scan.raw_scan import AnyScan, RawScan, Source
from fourfold.scan.trajectory import Trajectory

if TYPE_CHECKING:
    # Loaded on first use, so that the facts of a file can be read without it.
    import torch
    from torch import Tensor

__all__ = ["Sampling", "Scan", "acquired_samples", "check_scan"]


def acquired_samples(kspace: Tensor) -> Tensor:
    """Return bool (frame, ky, kx): which samples of k-space (frame, coil, ky, kx) were acquired, by its zeros.

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
        with a trajectory (frame, coil, shot, sample). A slice, a phase or a position in
        a volume is a frame.
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
    labels
        What each frame is: its slice, phase, contrast and so on, so far as that is known.
    protocol
        Scanner and sequence.
    identity
        Patient and study, which DICOM files alone are written with.

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
    labels: FrameLabels = field(default_factory=FrameLabels)
    protocol: Protocol = field(default_factory=Protocol)
    identity: Identity = field(default_factory=Identity)

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
        check_type("The source", self.source, Source, "leave it out where it is unknown")
        check_type("The protocol", self.protocol, Protocol, "leave it out where it is unknown")
        check_type("The identity", self.identity, Identity, "leave it out where it is unknown")
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
            raw.labels,
            raw.protocol,
            raw.identity,
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
