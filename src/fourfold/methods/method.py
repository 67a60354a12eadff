"""The one interface: a method is a frozen, typed settings object that is called on a scan."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from torch import Tensor

from fourfold.errors import InputError, explain_settings
from fourfold.scan import (
    PLACE_LABELS,
    FrameRecord,
    Reconstruction,
    Record,
    Scan,
    agreed_details,
    check_scan,
    crop_centre,
    mean_scale,
)

__all__ = ["Family", "Method", "Progress", "Scope", "Solution"]

Family = Literal["classical", "untrained", "trained", "generative"]

Scope = Literal["frame", "series"]

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a few words on what is being done; raising in it interrupts the work."""


@dataclass(frozen=True)
class Solution:
    """What a method computed for one frame, or for a whole series.

    Attributes
    ----------
    image
        complex64, (y, x); of several frames (frame, y, x). It may lack what `Geometry.image_size` does not show.
    iterations, scale, notes, details
        As in `fourfold.scan.Record`.
    interrupted
        Whether the user ended it early; frames that would follow are left out.
    std, members, before_data_consistency
        As in `fourfold.scan.Reconstruction`: (y, x) and (member, y, x) of this frame, and of the shape of `image`.
    """

    image: Tensor
    iterations: int = 0
    scale: float | None = None
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    std: Tensor | None = None
    members: Tensor | None = None
    before_data_consistency: Tensor | None = None


class Method(BaseModel, ABC):
    """Base of every reconstruction method.

    A subclass declares `name`, `title`, `family` and its settings as typed fields, each with a docstring below it
    (the command line shows it), and writes `solve`. Settings are validated on construction and cannot change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    name: ClassVar[str]
    """Short name on the command line and in tables."""
    title: ClassVar[str]
    """Name in running text."""
    family: ClassVar[Family]
    display_order: ClassVar[int] = 100
    """Place in tables and pictures: simple methods first, those without a place last."""
    scope: ClassVar[Scope] = "frame"
    """Whether `solve` is given one frame at a time, which bounds the memory, or the whole series."""
    slow: ClassVar[bool] = False
    """Whether a frame takes minutes: comparisons of all methods leave it out unless it is named."""
    cartesian_only: ClassVar[bool] = True
    """Whether scans with a trajectory (radial, spiral) are refused."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "method", self.name, type(self).model_fields)) from None

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_switches(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse yes and no for a number, which would be taken for 1 and 0."""
        assert info.field_name is not None
        annotation = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise ValueError("Input should not be yes or no")
        return value

    @abstractmethod
    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct `scan`, which has one frame unless the `scope` is a series or `frames_at_once` asks for more.

        Raises InputError where the data does not suit the method. Must not depend on anything but `scan`.
        """

    @torch.no_grad()
    def __call__(self, scan: Scan, progress: Progress | None = None) -> Reconstruction:
        """Reconstruct `scan`: frame by frame, which bounds the memory, or as a series where the method needs it whole.

        Parameters
        ----------
        scan
            The acquisition; every tensor on the device that is to do the work.
        progress
            Called with the done fraction and a few words. A KeyboardInterrupt that is raised there or anywhere ends the
            work, unless the method keeps what it has reached: the record then says ``interrupted``, and frames that
            would follow are missing.

        Raises
        ------
        InputError
            When the data does not suit the method.
        """
        check_scan(scan)
        if scan.trajectory is not None and self.cartesian_only:
            raise InputError(
                f"'{self.name}' works on Cartesian k-space and this scan has a trajectory ({scan.trajectory.kind}); "
                "choose a method such as 'cg-sense', 'tv' or 'wavelet'."
            )
        start = time.perf_counter()
        if self.scope == "series":
            solutions = [self._solve_series(scan, progress)]
            image = solutions[0].image
        else:
            # A coil that is silent in some frames is left out of these alone.
            together = 1 if scan.has_silent_coils else self.frames_at_once(scan)
            solutions = []
            for first in range(0, scan.frames, together):
                solutions.append(self._solve_frames(scan, first, first + together, progress))
                if solutions[-1].interrupted:
                    break
            image = torch.cat([_frames(solution.image) for solution in solutions])
        size = scan.geometry.image_size

        def cut(array: Tensor) -> Tensor:
            return crop_centre(array, size) if size else array

        stds = [solution.std for solution in solutions if solution.std is not None]
        estimates = [
            solution.before_data_consistency for solution in solutions if solution.before_data_consistency is not None
        ]
        members = [solution.members for solution in solutions if solution.members is not None]
        # An interrupted frame has fewer members than the others.
        alike = len(members) == len(image) and len({len(images) for images in members}) == 1
        by_frame = [
            FrameRecord(solution.iterations, solution.scale, solution.details)
            for solution in solutions
            for _ in _frames(solution.image)
        ]
        record = Record(
            method=self.name,
            settings=self.model_dump(mode="json"),
            seconds=time.perf_counter() - start,
            iterations=sum(solution.iterations for solution in solutions),
            scale=mean_scale(by_frame),
            sampling=scan.sampling_summary(),
            source=scan.source.summary(),
            notes=tuple(dict.fromkeys((*scan.source.notes, *(note for each in solutions for note in each.notes)))),
            details=agreed_details(by_frame),
            interrupted=solutions[-1].interrupted,
            by_frame=tuple(by_frame) if len(solutions) > 1 else (),
        )
        return Reconstruction(
            cut(image),
            record,
            std=cut(torch.stack(stds)) if len(stds) == len(image) else None,
            members=cut(torch.stack(members, dim=1)) if alike else None,
            before_data_consistency=cut(torch.cat([_frames(each) for each in estimates])) if estimates else None,
            geometry=scan.geometry.part(0, len(image)),
        )

    @classmethod
    def ready(cls) -> bool:
        """Return whether the method works with its default settings; one that needs weights may lack them."""
        return True

    @classmethod
    def suits(cls, scan: Scan) -> bool:
        """Return whether comparisons of all methods take it: those for series where `scan` has several frames."""
        return scan.frames > 1 or cls.scope == "frame"

    def frames_at_once(self, scan: Scan) -> int:  # noqa: ARG002  # most methods cannot tell, and take one
        """Return how many frames `solve` is given at a time."""
        return 1

    def _solve_frames(self, scan: Scan, start: int, stop: int, progress: Progress | None) -> Solution:
        stop = min(stop, scan.frames)

        def report(fraction: float, words: str) -> None:
            if progress is not None:
                last = f" to {stop}" if stop > start + 1 else ""
                where = f"frame {start + 1}{last} of {scan.frames}: " if scan.frames > 1 else ""
                progress((start + (stop - start) * fraction) / scan.frames, where + words)

        part = scan.part(start, stop)
        solution = self.solve(part, report)
        report(1.0, self.title)
        return replace(solution, notes=(*part.source.notes, *solution.notes))

    def _solve_series(self, scan: Scan, progress: Progress | None) -> Solution:
        if scan.frames == 1:
            raise InputError(
                f"The scan has a single frame; '{self.name}' works on what frames have in common: choose a method "
                "for single frames such as 'tv' or 'wavelet'."
            )
        unknown = _check_times(scan, self.name)
        report: Progress = progress or (lambda *_: None)
        series = scan.without_silent_coils()
        solution = self.solve(series, report)
        report(1.0, self.title)
        return replace(solution, notes=(*series.source.notes, *unknown, *solution.notes))


def _check_times(scan: Scan, name: str) -> tuple[str, ...]:
    """Refuse frames that lie at different places; return a note where the scan does not say what its frames are."""
    labels = scan.source.details.get("frames") or ()
    if len(labels) != scan.frames:
        return (f"The data does not say what its {scan.frames} frames are; '{name}' took them for one slice in time.",)
    places = [tuple(label.get(name) for name in PLACE_LABELS) for label in labels]
    if len(set(places)) == 1:
        return ()
    here = [index for index, place in enumerate(places) if place == places[0]]
    if len(here) == 1:
        raise InputError(
            f"The {scan.frames} frames lie at {len(set(places))} places (slices or partitions) and not at several "
            f"times; '{name}' works on what the frames of one slice have in common: choose a method for single frames "
            "such as 'tv' or 'wavelet', or save a series in time as .npz."
        )
    step = here[1] - here[0]
    chosen = f"{here[0]}:{here[-1] + 1}" + (f":{step}" if step > 1 else "")
    raise InputError(
        f"The {scan.frames} frames are {len(set(places))} slices or partitions at several times; '{name}' works on the "
        f"frames of one slice: choose those of one, of the first with frames {chosen}."
    )


def _frames(image: Tensor) -> Tensor:
    """Return an image (y, x) or (frame, y, x) as (frame, y, x)."""
    return image.reshape(-1, *image.shape[-2:])
