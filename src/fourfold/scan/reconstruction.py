"""An image and the record of how it was made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fourfold.errors import InputError
from fourfold.scan.frame_labels import FrameLabels, check_labels
from fourfold.scan.geometry import Geometry, check_placements
from fourfold.scan.identity import Identity
from fourfold.scan.kspace_checks import check_tensor, dtype_name, is_finite
from fourfold.scan.protocol import Protocol
from fourfold.scan.raw_scan import counted

if TYPE_CHECKING:
    # Loaded on first use, so that the facts of a file can be read without it.
    from torch import Tensor

__all__ = ["FrameRecord", "Reconstruction", "Record", "common_details", "mean_scale"]


@dataclass(frozen=True)
class FrameRecord:
    """What differs between the frames of a volume: iterations, scale, details (such as the weight) and notes."""

    iterations: int = 0
    scale: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def common_details(frames: Sequence[FrameRecord]) -> dict[str, Any]:
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
        complex64, (member, frame, y, x): the images of an ensemble, or None. `image` has the mean of their magnitudes.
    before_data_consistency
        complex64, (frame, y, x): what the image was before the measured samples were put back, where they were.
    labels
        What each frame is: its slice, phase, contrast and so on, so far as that is known.
    protocol
        Scanner and sequence.
    identity
        Patient and study, which DICOM files alone are written with.
    interval
        float32, (2, frame, y, x): the lower and the upper end of an interval for the magnitude of the true image, or
        None; see `fourfold.intervals.apply`. The record says how often it holds.
    """

    image: Tensor
    record: Record
    std: Tensor | None = None
    geometry: Geometry = field(default_factory=Geometry)
    members: Tensor | None = None
    before_data_consistency: Tensor | None = None
    labels: FrameLabels = field(default_factory=FrameLabels)
    protocol: Protocol = field(default_factory=Protocol)
    identity: Identity = field(default_factory=Identity)
    interval: Tensor | None = None

    def __post_init__(self) -> None:
        check_tensor("The image", self.image)
        if dtype_name(self.image) != "complex64" or self.image.ndim != 3:
            raise InputError(
                f"The image is {self.image.dtype} of shape {tuple(self.image.shape)}; "
                "it must be complex64 of shape (frame, y, x)."
            )
        check_placements(self.geometry, len(self.image))
        check_labels(self.labels, len(self.image))
        if not is_finite(self.image):
            raise InputError(f"The image made by '{self.record.method}' contains NaN or Inf; its settings diverge.")

    def of_members(self) -> Reconstruction:
        """Return the images of all members as frames with the label ``member``, those of the first frame first.

        Raises
        ------
        InputError
            Where there are no members.
        """
        if self.members is None:
            raise InputError(
                f"The image made by '{self.record.method}' has no members; a method such as 'diffusion' with several "
                "members has."
            )
        number = len(self.members)
        frames = [frame for frame in range(len(self.image)) for _ in range(number)]
        numbers = {**self.labels.select(frames).numbers, "member": list(range(number)) * len(self.image)}
        return dataclasses.replace(
            self,
            image=self.members.transpose(0, 1).flatten(0, 1),
            std=None,
            members=None,
            before_data_consistency=None,
            interval=None,
            geometry=self.geometry.select(frames),
            labels=FrameLabels(numbers),
            record=dataclasses.replace(
                self.record,
                by_frame=tuple(self.record.by_frame[frame] for frame in frames) if self.record.by_frame else (),
            ),
        )

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
