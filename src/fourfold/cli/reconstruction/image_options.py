"""Options of the image that is written: kind of DICOM, series, patient and study."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fourfold.errors import InputError
from fourfold.formats import ScanFile
from fourfold.formats.registry import image_options
from fourfold.scan import Identity

if TYPE_CHECKING:
    # It loads torch, which the help does not need.
    from fourfold.methods.method import Method

__all__ = ["ImageOptions"]


@dataclass(frozen=True)
class ImageOptions:
    """Options of the image that is written."""

    dicom: Literal["classic", "enhanced"] | None = None
    """Of DICOM: "classic" writes one file a frame (the default), "enhanced" one file a series."""
    series: str | None = None
    """Which series are written, separated by commas: magnitude, phase, std, lower, upper. Of DICOM all that the image
    has unless given, of NIfTI the magnitude."""
    identity: Literal["file", "blank"] = "file"
    """Patient and study in DICOM images: those of the raw file, or none ("blank"); the options below come on top."""
    patient_name: str | None = None
    """The patient's name, as DICOM writes it: family^given."""
    patient_id: str | None = None
    """The patient's number."""
    birth_date: str | None = None
    """YYYYMMDD."""
    sex: str | None = None
    """M, F or O."""
    study_uid: str | None = None
    """Unique identifier of the study that the images belong to; a new one where the raw file has none."""
    study_id: str | None = None
    """The study's number."""
    accession_number: str | None = None
    """The number of the order."""
    study_date: str | None = None
    """YYYYMMDD."""
    study_description: str | None = None
    """Text for the study."""
    series_description: str | None = None
    """Text that the description of each series begins with; the protocol's name unless given."""

    @property
    def given(self) -> dict[str, Any]:
        """The options of `save` that were given."""
        given: dict[str, Any] = {} if self.dicom is None else {"dicom": self.dicom}
        if self.series is not None:
            given["series"] = tuple(name.strip() for name in self.series.split(","))
        return given

    def of_members(self, output: Path) -> dict[str, Any]:
        """Return those of the options that images of members have: their format's, but for the series."""
        return {name: value for name, value in self.given.items() if name in image_options(output) and name != "series"}

    def check(self, solver: Method) -> None:
        """Refuse the standard deviation of a method that makes none."""
        if "std" in self.given.get("series", ()) and solver.ensemble_size < 2:
            raise InputError(
                f"The method '{solver.name}' makes one image, with these settings, and no standard deviation: leave "
                "'std' out of --series, or take a method such as 'diffusion' with several members."
            )

    def identify(self, volume: ScanFile) -> None:
        """Give the scans of a file the identity that was asked for."""
        known = Identity() if self.identity == "blank" else volume.identity
        names = {field.name for field in dataclasses.fields(Identity)}
        given = {name: getattr(self, name) for name in names if getattr(self, name, None) is not None}
        volume.identity = dataclasses.replace(known, **given)
