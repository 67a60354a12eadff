"""The file that says how a method's standard deviations become intervals, and what that was learned from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fourfold.errors import InputError, nearest
from fourfold.files.documents import read_json

__all__ = [
    "Bound",
    "Calibration",
    "Results",
    "Scans",
    "check_name",
    "find_calibration",
    "read_calibration",
    "shipped_calibrations",
]

_NAME = r"^[a-z0-9][a-z0-9-]*$"
_SHIPPED = Path(__file__).parents[1] / "data" / "intervals"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataFile(_Part):
    """A file that intervals were learned from."""

    name: str
    """Name without folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of its content."""


class Scans(_Part):
    """The scans that intervals were learned from."""

    subjects: tuple[str, ...] = Field(min_length=1)
    """Names of the subjects."""
    slices: int = Field(ge=1)
    """Number of slices of all subjects."""
    files: tuple[DataFile, ...] = Field(min_length=1)
    """The files."""
    description: str = ""
    """What the data are, in the words of whoever learned from them: data set, licence, population."""
    simulated: bool
    """Whether k-space was simulated from images."""
    reference: str
    """What counts as the truth."""
    patterns: tuple[str, ...]
    """Sampling patterns."""
    acceleration: tuple[float, float]
    """Smallest and largest acceleration."""
    coils: tuple[int, int]
    """Fewest and most coils."""
    undersampling: dict[str, Any]
    """All options of the undersampling and the simulation."""


class Bound(_Part):
    """A lower bound of a quality: the quality that members predict, lowered by a shift."""

    shift: float
    """By how much."""
    confidence: float = Field(gt=0, lt=1)
    """Probability with which the bounds of a further subject hold."""


class Results(_Part):
    """How intervals did on subjects that they were not learned from."""

    how: str
    """Which subjects, and what was learned from which."""
    coverage: float
    """Mean over the subjects of the part of the object's pixels that intervals held."""
    by_subject: dict[str, float]
    """This part for each subject."""
    by_width: tuple[float, float, float, float]
    """This part in each quarter of the intervals by width, the narrowest first."""
    width: float
    """Mean width, relative to the maximum of the reference."""
    spearman: float
    """Rank correlation of standard deviation and absolute error."""
    bounds_held: dict[str, float]
    """By the metric's name, the part of the subjects of which all bounds of quality held."""
    margin: dict[str, float]
    """By the metric's name, how far the quality lay above its bound in the mean."""

    def rows(self) -> list[tuple[str, str]]:
        """Return the results as names and texts."""
        lowest = min(self.by_subject, key=self.by_subject.__getitem__)
        quarters = ", ".join(f"{each:.3f}" for each in self.by_width)
        return [
            ("Coverage, mean over the subjects", f"{self.coverage:.3f}"),
            (f"Coverage of the subject with the lowest, {lowest}", f"{self.by_subject[lowest]:.3f}"),
            ("Coverage by quarter of the widths, narrowest first", quarters),
            ("Mean width, of the reference's maximum", f"{100 * self.width:.2f} %"),
            ("Rank correlation of standard deviation and error", f"{self.spearman:.3f}"),
            *((f"Subjects whose bounds of {name} all held", f"{each:.3f}") for name, each in self.bounds_held.items()),
            *((f"Mean distance of {name} from its bound", f"{each:.3f}") for name, each in self.margin.items()),
        ]


class Calibration(_Part):
    """How a method's standard deviations become intervals."""

    name: str = Field(pattern=_NAME)
    """Name: lower-case letters, digits and hyphens."""
    fourfold: str
    """Version of fourfold."""
    method: str
    """Name of the method."""
    settings: dict[str, Any]
    """Its settings."""
    weights: dict[str, str] = {}
    """Name and SHA-256 of the weights it used; empty without any."""
    procedure: Literal["subjects", "risk-control", "rcps"]
    """What is stated of a further subject; see `fourfold.intervals.learn.learn_factor`."""
    coverage: float = Field(gt=0, lt=1)
    """Part of the object's pixels that intervals are to hold."""
    confidence: float | None = Field(default=None, gt=0, lt=1)
    """Probability of the statement; None where it is one of the mean."""
    factor: float = Field(gt=0)
    """Half width over the standard deviation, whose variance is averaged over 3×3 pixels."""
    bounds: dict[str, Bound] = {}
    """Lower bounds of the quality by the metric's name."""
    scans: Scans
    """What it was learned from."""
    results: Results | None = None
    """How it did on subjects left out; None where there was one subject alone."""

    @property
    def statement(self) -> str:
        """What is stated of a further subject, in one sentence."""
        share = f"{100 * self.coverage:g} % of the object's pixels"
        like = f"Of a further subject like the {len(self.scans.subjects)} that were learned from"
        if self.procedure == "risk-control":
            return f"{like}, at least {share} lie in the interval in the mean."
        if self.procedure == "rcps":
            return (
                f"{like}, at least {share} lie in the interval in the mean, with a confidence of {self.confidence:g} "
                "over the draw of these."
            )
        return f"{like}, at least {share} lie in the interval with a confidence of {self.confidence:g}."


def check_name(name: str) -> None:
    """Raise InputError for a name that a calibration cannot have."""
    if not re.match(_NAME, name):
        raise InputError(
            f"Intervals cannot have the name '{name}', which follows from that of the output; use lower-case letters, "
            "digits and hyphens."
        )


def shipped_calibrations() -> dict[str, Path]:
    """Return the files of the calibrations that ship with fourfold, by name."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.json"))}


def find_calibration(name: str) -> Calibration:
    """Return the calibration called `name`: a shipped one, or a file.

    Raises
    ------
    InputError
        When there is none, or the file holds something else.
    """
    available = shipped_calibrations()
    if name in available:
        return read_calibration(available[name])
    if Path(name).is_file():
        return read_calibration(Path(name))
    raise InputError(
        f"There are no intervals '{name}'; fourfold ships: {', '.join(available) or 'none'}.{nearest(name, available)} "
        "Otherwise give a file that 'fourfold calibrate' wrote."
    )


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in a file; raises InputError where it is damaged."""
    content = read_json(path)
    try:
        return Calibration.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its content"
        raise InputError(
            f"'{path}' holds no intervals ({where}: {first['msg'].lower()}); name a file that 'fourfold calibrate' "
            "wrote."
        ) from None
