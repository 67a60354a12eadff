"""What a method computes for a frame or a series, and how the solutions of all frames become a reconstruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fourfold.scan import FrameRecord, Reconstruction, Record, Scan, common_details, crop_centre, mean_scale

__all__ = ["Solution", "reconstruction_of"]


@dataclass(frozen=True)
class Solution:
    """What a method computed for one frame, or for several at once.

    Fields without a text of their own are those of `fourfold.scan.Record`.
    """

    image: Tensor
    """complex64, (y, x); of several frames (frame, y, x). It may be larger than `Geometry.image_size`."""
    iterations: int = 0
    scale: float | None = None
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    """Whether the user ended the work early; frames that would follow are left out."""
    std: Tensor | None = None
    """(y, x), as in `fourfold.scan.Reconstruction`."""
    members: Tensor | None = None
    """(member, y, x), as there."""
    before_data_consistency: Tensor | None = None
    """Of the shape of `image`, as there."""


def reconstruction_of(
    scan: Scan,
    solutions: Sequence[Solution],
    method: str,
    settings: Mapping[str, Any],
    seconds: float,
    order: Sequence[int] = (),
) -> Reconstruction:
    """Return the reconstruction of a scan from the solutions of its frames, cut to the image's size.

    Parameters
    ----------
    scan
        The acquisition.
    solutions
        One for each call of the method's `solve`, in the order of the frames.
    method, settings, seconds
        For the record: the method's name, its settings as JSON types, and the time that it took.
    order
        Of series, the frame of the scan that each solved image is, all series one after the other.
    """
    places = sorted(range(len(order)), key=order.__getitem__)

    def joined(images: Sequence[Tensor]) -> Tensor:
        """Return images (y, x) or (frame, y, x) as one (frame, y, x), in the order of the scan's frames."""
        frames = _frames(images[0]) if len(images) == 1 else torch.cat([_frames(image) for image in images])
        return frames[places] if places else frames

    image = joined([solution.image for solution in solutions])
    size = scan.geometry.image_size

    def cut(array: Tensor | None) -> Tensor | None:
        return array if array is None or not size else crop_centre(array, size)

    before = [each.before_data_consistency for each in solutions if each.before_data_consistency is not None]
    return Reconstruction(
        crop_centre(image, size) if size else image,
        _record(scan, solutions, method, settings, seconds, places),
        std=cut(_std(solutions, len(image))),
        members=cut(_members(solutions, len(image))),
        before_data_consistency=cut(joined(before)) if before else None,
        geometry=scan.geometry.part(0, len(image)),
        labels=scan.labels.select(range(len(image))),
        protocol=scan.protocol,
        identity=scan.identity,
    )


def _record(
    scan: Scan,
    solutions: Sequence[Solution],
    method: str,
    settings: Mapping[str, Any],
    seconds: float,
    places: Sequence[int],
) -> Record:
    by_frame = [
        FrameRecord(solution.iterations, solution.scale, solution.details, tuple(dict.fromkeys(solution.notes)))
        for solution in solutions
        for _ in _frames(solution.image)
    ]
    by_frame = [by_frame[place] for place in places] or by_frame
    notes = (*scan.source.notes, *(note for solution in solutions for note in solution.notes))
    return Record(
        method=method,
        settings=dict(settings),
        seconds=seconds,
        iterations=sum(solution.iterations for solution in solutions),
        scale=mean_scale(by_frame),
        sampling=scan.sampling_summary(),
        source=scan.source.summary(),
        notes=tuple(dict.fromkeys(notes)),
        details=common_details(by_frame),
        interrupted=solutions[-1].interrupted,
        by_frame=tuple(by_frame) if len(solutions) > 1 else (),
    )


def _std(solutions: Sequence[Solution], frames: int) -> Tensor | None:
    """Return the standard deviations (frame, y, x); None unless every frame has one."""
    stds = [solution.std for solution in solutions if solution.std is not None]
    return torch.stack(stds) if len(stds) == frames else None


def _members(solutions: Sequence[Solution], frames: int) -> Tensor | None:
    """Return the members (member, frame, y, x); None unless every frame has as many: an interrupted one has fewer."""
    members = [solution.members for solution in solutions if solution.members is not None]
    if len(members) != frames or len({len(images) for images in members}) != 1:
        return None
    return torch.stack(members, dim=1)


def _frames(image: Tensor) -> Tensor:
    return image.reshape(-1, *image.shape[-2:])
