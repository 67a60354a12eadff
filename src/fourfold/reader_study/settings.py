"""Settings of a reader study: criteria, readers, sampling of cases, repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from fourfold.errors import InputError, explain_settings
from fourfold.files.documents import read_settings

__all__ = ["Criterion", "ReaderStudySettings"]

Name = Annotated[str, Field(min_length=1, max_length=80)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(_Settings):
    """What images are rated by."""

    name: Name
    """Short name."""
    kind: Literal["rank", "score"] = "rank"
    """rank: the images of a case are ordered, 1 the best; score: each image is scored by the scale."""
    question: str = ""
    """What the reader is asked."""
    scale: tuple[str, ...] = ()
    """Of a score: the meaning of 1, 2, and so on."""
    higher_is_better: bool = True
    """Of a score: whether the highest number is the best."""

    @model_validator(mode="after")
    def _scale_suits(self) -> Self:
        if self.kind == "score" and not 2 <= len(self.scale) <= 9:
            raise InputError(
                f"The criterion '{self.name}' is a score with {len(self.scale)} meanings in its scale; write 2 to 9, "
                "from 1 on."
            )
        if self.kind == "rank" and self.scale:
            raise InputError(f"The criterion '{self.name}' is a rank, which has no scale; leave it out or use 'score'.")
        return self


_OVERALL = Criterion(
    name="Overall quality", question="Rank the images by overall quality: 1 is the best subjective image quality."
)


class ReaderStudySettings(_Settings):
    """All settings of a reader study."""

    title: Name = "Reader study"
    """Heading of the page that readers see; it must not tell what is compared."""
    instructions: str = ""
    """Text for the readers."""
    criteria: tuple[Criterion, ...] = Field(default=(_OVERALL,), min_length=1)
    """What images are rated by."""
    readers: tuple[Name, ...] = Field(default=("reader 1",), min_length=1)
    """Names of the readers."""
    cases: PositiveInt = 25
    """Number of cases, drawn at random."""
    frames: Literal["middle", "all"] = "middle"
    """Of a file with several frames: the middle one, or each as a case."""
    subject: str | None = None
    """Regular expression that finds the subject in a case's name; unless given each file is a subject of its own."""
    scaling: Literal["shared", "each"] = "shared"
    """shared: one window for the intensities as they are; each: every image is first divided by its 99th percentile,
    for images of tools with different units."""
    repeats: Annotated[float, Field(ge=0, le=0.5)] = 0.12
    """Share of a reader's cases that are shown again, for the intra-reader agreement."""
    cases_per_reader: PositiveInt | None = None
    """Number of cases of each reader; all unless given. Then readers share the anchors, and the others rotate."""
    anchors: NonNegativeInt = 0
    """Cases that all readers rate, where they do not rate all."""
    block_size: PositiveInt = 10
    """Cases between two suggested breaks."""
    seed: NonNegativeInt = 0
    """Random seed of the sampling of cases. The orders of images and cases are secret and drawn anew."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "reader study", "", type(self).model_fields)) from None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for what, names in (("criterion", [each.name for each in self.criteria]), ("reader", self.readers)):
            if len(set(names)) < len(names):
                raise InputError(f"Two of the names of a {what} are alike; give each another one.")
        if self.cases_per_reader is None and self.anchors:
            raise InputError("Anchors are cases that readers share who do not see all; give 'cases_per_reader' too.")
        if self.cases_per_reader is not None and self.anchors > self.cases_per_reader:
            raise InputError(
                f"There are {self.anchors} anchors, more than the {self.cases_per_reader} cases of a reader."
            )
        return self

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Return the settings in a YAML or TOML file."""
        return cls(**read_settings(Path(path)))
