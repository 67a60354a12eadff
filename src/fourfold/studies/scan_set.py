"""Test sets of fully sampled scans, all undersampled in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.metrics import Metric
from fourfold.result_cache import fingerprint
from fourfold.sampling import SamplingOptions, undersample
from fourfold.scan import Scan
from fourfold.studies.reference import Reference, reference_image
from fourfold.studies.test_set import TestImage, TestSet

__all__ = ["Case", "Design", "ScanSet", "frames_of_group", "simulation_note", "unsuitable_metrics"]


@dataclass(frozen=True)
class Case:
    """One fully sampled frame of the user's data."""

    dataset: str
    name: str
    """File and frame."""
    load: Callable[[], Scan]
    """Reads the scan, which has one frame."""
    subject: str = ""
    """Whom it shows; unless given the case is a subject of its own."""

    @property
    def label(self) -> str:
        """Data set, file and frame."""
        return f"{self.dataset}: {self.name}"


@dataclass(frozen=True)
class Design:
    """How scans are undersampled and scored."""

    pattern: str = "random"
    acceleration: float = 4.0
    seed: int = 0
    options: SamplingOptions = field(default_factory=SamplingOptions)
    """These four are parameters of `fourfold.sampling.undersample`, the same for every scan."""
    reference: Reference = "rss"
    """How the references are computed."""
    crop: tuple[int, int] | None = None
    """Size (ny, nx) to which images are cut about their centre before they are scored and shown; None leaves them."""

    def load(self, case: Case) -> Scan:
        """Return the fully sampled scan of a case, its images cut; InputError where it does not suit."""
        scan = case.load()
        if scan.trajectory is not None:
            raise InputError(
                f"'{case.name}' is non-Cartesian ({scan.trajectory.kind}); this study needs Cartesian data."
            )
        if not scan.fully_sampled:
            raise InputError(
                f"'{case.name}' is undersampled already ({scan.acceleration:.2f}×), and a study scores against fully "
                f"sampled data: leave it out, or reconstruct it with: fourfold recon {scan.source.path or 'FILE'}"
            )
        if self.crop is None:
            return scan
        size = scan.geometry.image_size or scan.shape
        if any(not 1 <= part <= whole for part, whole in zip(self.crop, size, strict=True)):
            raise InputError(
                f"The images of '{scan.source.path or scan.source.label}' are {size[0]}×{size[1]} and cannot be cut to "
                f"{self.crop[0]}×{self.crop[1]}: give a smaller crop."
            )
        return scan.replace(geometry=dataclasses.replace(scan.geometry, image_size=self.crop))

    def undersample(self, scan: Scan) -> Scan:
        """Return the scan as the methods see it."""
        return undersample(scan, self.pattern, self.acceleration, seed=self.seed, **self.options)


class ScanSet(TestSet):
    """The cases of one data set; the other parameters are a test set's.

    Parameters
    ----------
    cases
        Its frames; refused where one does not suit the design.
    design
        How they are undersampled and scored.
    device
        Where to compute.

    Attributes
    ----------
    simulated
        Whether the k-space of any case that was read was computed from an image.
    sampling
        Summary of the sampling of each case that was read.
    """

    def __init__(
        self, name: str, cases: Sequence[Case], design: Design, metrics: Sequence[Metric], device: str
    ) -> None:
        super().__init__(name, metrics, [(case.name, case.subject or case.name) for case in cases])
        self.cases, self.design, self.device = cases, design, device
        self.simulated = False
        self.sampling: dict[int, dict[str, Any]] = {}
        for case in cases:
            design.load(case)

    def cache_name(self, index: int) -> str:
        """Return data set, file and frame."""
        return self.cases[index].label

    def read(self, index: int) -> TestImage:
        """Read a case, undersample it, and note which metrics do not suit it."""
        full = self.design.load(self.cases[index]).to(self.device)
        reference = reference_image(full, self.design.reference)
        scan = self.design.undersample(full)
        refusals = {metric.name: metric.refusal(reference) for metric in self.metrics}
        unsuitable = {name: refusal for name, refusal in refusals.items() if refusal is not None}
        self.unsuitable[index] = unsuitable
        self.sampling[index] = scan.sampling_summary()
        self.simulated |= full.source.simulated
        inputs = {
            "sampling": self.sampling[index],
            "reference": self.design.reference,
            "crop": self.design.crop,
            "data": fingerprint(full),
        }
        return TestImage(scan, reference, inputs, unsuitable)


def frames_of_group(group: str, names: Sequence[str], frame: int | None) -> Iterator[Case]:
    """Yield a frame of each file of a group.

    Parameters
    ----------
    group
        Name of the group, the data set of its cases.
    names
        Files; the last part of a name may hold ``*``.
    frame
        Number of the frame; None for the middle one of each file.

    Raises
    ------
    InputError
        For a name without a file, a file that cannot be read, and one without the frame.
    """
    for name in map(Path, names):
        paths = sorted(name.parent.glob(name.name))
        if not paths:
            raise InputError(f"The group '{group}' names '{name}', and there is no such file: correct the name.")
        for path in paths:
            file = open_scan(path)
            chosen = len(file) // 2 if frame is None else frame
            if chosen >= len(file):
                raise InputError(f"'{path}' has {len(file)} frame(s) and no frame {chosen}: give a smaller 'frame'.")
            label = path.name if len(file) == 1 else f"{path.name}, {file.frame_name(chosen)}"
            yield Case(group, label, partial(file.load, slice(chosen, chosen + 1)), path.name)


def simulation_note(sets: Iterable[ScanSet]) -> str:
    """Return what the page says of simulated k-space; empty where all that was read was measured."""
    simulated = any(each.simulated for each in sets)
    return "Some of this k-space was computed from an image; it was not measured by a scanner." if simulated else ""


def unsuitable_metrics(sets: Iterable[ScanSet]) -> Iterator[tuple[str, str]]:
    """Yield which scans that were read a metric does not suit, and why."""
    for images in sets:
        for index, unsuitable in images.unsuitable.items():
            yield from ((images.cases[index].label, sentence) for sentence in unsuitable.values())
