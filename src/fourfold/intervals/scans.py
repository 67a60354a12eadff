"""The scans that intervals are learned from: raw files or images, undersampled, with the subject of each."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fourfold.datasets import DataSettings, Examples, test_set
from fourfold.datasets.settings import Images, Masks, RawData, Simulation
from fourfold.datasets.sources import is_raw
from fourfold.errors import InputError, nearest
from fourfold.files.input import check_file
from fourfold.sampling import SamplingOptions
from fourfold.sampling.make import KINDS
from fourfold.studies.test_set import ExampleSet

__all__ = ["REFERENCE", "DataFile", "LearningScans", "Undersampling", "learning_scans"]

REFERENCE = "the root-sum-of-squares of the fully sampled data, with its noise"
"""What counts as the truth: what full sampling would have given. Of measured scans nothing better is known, and what is
learned from simulated ones is to hold for these too."""

ONE_SLICE = [name for name in KINDS if name != "kt-interleaved"]
"""Patterns of single slices."""


@dataclass(frozen=True)
class Undersampling:
    """How scans are undersampled, and how they are simulated from images."""

    slices: int = 4
    """Slices of each subject, evenly spaced among those that there are."""
    pattern: tuple[str, ...] = ("random",)
    """Patterns, one of which is drawn for each slice: any of single slices."""
    acceleration: tuple[float, ...] = (4.0,)
    """Accelerations, one of which is drawn for each slice."""
    crop: tuple[int, int] | None = None
    """Rows and columns of a central field of view; the whole one unless given."""
    coils: int = 8
    """Of images: number of coils to simulate."""
    snr: tuple[float, float] = (20.0, 60.0)
    """Of images: range of the mean magnitude in the object over the standard deviation of the real part of a coil's
    noise."""
    seed: int = 0
    """Seed of patterns, coils, phases and noise."""

    def settings(self, sources: Sequence[Images | RawData], options: SamplingOptions) -> DataSettings:
        """Return the settings of a data set; each pattern takes those of the `options` that it has."""
        accepted = {kind: set(inspect.signature(KINDS[_known(kind)]).parameters) for kind in self.pattern}
        given: dict[str, Any] = dict(options)
        for name in given:
            if not any(name in names for names in accepted.values()):
                raise InputError(
                    f"No pattern among {', '.join(self.pattern)} has the option '{name}'; leave it out, or choose "
                    "another pattern."
                )
        return DataSettings(
            test=tuple(sources),
            masks=tuple(
                Masks(
                    kind=kind,
                    acceleration=self.acceleration,
                    **{name: value for name, value in given.items() if name in names},
                )
                for kind, names in accepted.items()
            ),
            simulation=Simulation(coils=self.coils, snr=self.snr, tissue_phase=0.5),
            # The method estimates coil maps itself, as for a scan of the user's; magnitudes are compared.
            maps="none",
            reference="measured",
        )


@dataclass(frozen=True)
class DataFile:
    """A file that intervals were learned from."""

    name: str
    sha256: str


class LearningScans(ExampleSet):
    """Undersampled scans with their references, of chosen slices of known subjects.

    Parameters
    ----------
    examples
        All slices of the files.
    chosen
        Indices of those that are used.
    files
        The files.
    raw
        Whether they hold k-space rather than images.
    patterns
        Names of the sampling patterns.
    """

    def __init__(
        self,
        examples: Examples,
        chosen: Sequence[int],
        files: Sequence[DataFile],
        raw: bool,
        patterns: Sequence[str],
    ) -> None:
        super().__init__("intervals", examples, ())
        self.patterns = tuple(sorted(patterns))
        self.chosen, self.files = tuple(chosen), tuple(files)
        self.simulated = not raw

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects, each once, in the order of the files."""
        return tuple(dict.fromkeys(self.subject(index) for index in self.chosen))


def learning_scans(
    files: Sequence[Path],
    subjects: str,
    undersampling: Undersampling = Undersampling(),  # frozen
    options: SamplingOptions | None = None,
    only: Collection[str] = (),
) -> LearningScans:
    """Return the scans of some files, undersampled.

    Parameters
    ----------
    files
        Fully sampled raw files, or files of images, as for training; one kind alone.
    subjects
        Regular expression whose first match, or first group, is the subject: of images in a slice's name where the file
        names its slices, else in the file's name; of raw data in the file's name without suffix.
    undersampling, options
        How they are undersampled.
    only
        Subjects to use; all unless given.

    Raises
    ------
    InputError
        For files of both kinds, a file that is given twice, a name that the expression does not match, subjects that
        no file shows, or data that do not suit.
    """
    for path in files:
        check_file(path)
    kinds = {is_raw(path) for path in files}
    if len(kinds) != 1:
        raise InputError(
            "Both raw data and images were given; simulated and measured scans are not alike, so learn from one kind "
            "alone."
        )
    (raw,) = kinds
    hashes = [DataFile(path.name, _sha256(path)) for path in files]
    _refuse_copies(hashes)
    source = RawData if raw else Images
    sources = [
        source(kind="raw" if raw else "images", path=str(path), subject=subjects, crop=undersampling.crop)  # type: ignore[arg-type]
        for path in files
    ]
    examples = test_set(undersampling.settings(sources, options or SamplingOptions()), undersampling.seed)
    chosen = _chosen(examples, undersampling.slices, only)
    return LearningScans(examples, chosen, hashes, raw, undersampling.pattern)


def _known(kind: str) -> str:
    if kind not in ONE_SLICE:
        raise InputError(
            f"There is no pattern '{kind}' of single slices; known are {', '.join(ONE_SLICE)}."
            f"{nearest(kind, ONE_SLICE)}"
        )
    return kind


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_copies(files: Sequence[DataFile]) -> None:
    """Refuse a file's copy: it would count as another subject where that follows from the file's name."""
    first: dict[str, DataFile] = {}
    for file in files:
        if file.sha256 in first:
            raise InputError(
                f"The files '{first[file.sha256].name}' and '{file.name}' hold the same data; give each subject once."
            )
        first[file.sha256] = file


def _chosen(examples: Examples, slices: int, only: Collection[str]) -> list[int]:
    """Return the indices of so many slices of each subject, evenly spaced."""
    if slices < 1:
        raise InputError(f"{slices} slices of each subject were asked for; give 1 or more.")
    by_subject: dict[str, list[int]] = {}
    for index in range(len(examples)):
        by_subject.setdefault(examples.subject(index), []).append(index)
    for name in only:
        if name not in by_subject:
            known = ", ".join(list(by_subject)[:8])
            raise InputError(
                f"No file shows a subject '{name}'; there are {known}{' …' if len(by_subject) > 8 else ''}."
                f"{nearest(name, by_subject)}"
            )
    chosen = []
    for subject, indices in by_subject.items():
        if not only or subject in only:
            places = (np.arange(min(slices, len(indices))) + 0.5) * len(indices) / min(slices, len(indices))
            chosen += [indices[place] for place in places.astype(int).tolist()]
    return chosen
