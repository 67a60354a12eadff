"""How far to believe an image: named parts, each with its value, its assumption and its cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from torch import Tensor

from fourfold.confidence.score import Score
from fourfold.errors import InputError
from fourfold.scan import Reconstruction

__all__ = ["Trust", "TrustPart"]


@dataclass(frozen=True, eq=False)
class TrustPart:
    """One thing that the measured data say of an image.

    Attributes
    ----------
    name, value, unit
        The value is that of all frames; NaN where it is none.
    assumption
        What it says and under which condition, in one sentence.
    seconds, reconstructions
        What it took beside the image itself.
    by_frame
        The value of each frame; of a series that is reconstructed at once a single one.
    map
        float32, (frame, y, x): the same for every pixel, in the image's units; None where there is none.
    details
        Further facts of each frame, or series, JSON types only.
    """

    name: str
    value: float
    unit: str
    assumption: str
    seconds: float = 0.0
    reconstructions: int = 0
    by_frame: tuple[float, ...] = ()
    map: Tensor | None = None
    details: tuple[Mapping[str, Any], ...] = ()

    @property
    def words(self) -> str:
        """The value with its unit."""
        if math.isnan(self.value):
            return "–"
        return f"{self.value:.1f} {self.unit}"

    def summary(self) -> dict[str, Any]:
        """Return all but the map as JSON types."""
        return {
            "name": self.name,
            "value": _number(self.value),
            "unit": self.unit,
            "assumption": self.assumption,
            "seconds": round(self.seconds, 3),
            "reconstructions": self.reconstructions,
            "by_frame": [_number(value) for value in self.by_frame],
            "details": [dict(each) for each in self.details],
        }


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of how far to believe one method's image of a scan, without a reference.

    Attributes
    ----------
    reconstruction
        The image.
    parts
        What could be computed, by name.
    omitted
        The name of each part that could not, with the sentence that says why.
    warnings
        Sentences that say why the image should not be trusted; empty where nothing speaks against it.
    seed
        Of everything that was drawn.
    score
        The held-back score, by which methods are compared; None where there is none.
    """

    reconstruction: Reconstruction
    parts: tuple[TrustPart, ...]
    omitted: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    seed: int = 0
    score: Score | None = None

    @property
    def method(self) -> str:
        """The method's name."""
        return self.reconstruction.record.method

    @property
    def seconds(self) -> float:
        """What the parts took together, beside the image itself."""
        return sum(part.seconds for part in self.parts)

    @property
    def reconstructions(self) -> int:
        """How many reconstructions of the method itself the parts took, beside the image itself."""
        return sum(part.reconstructions for part in self.parts)

    def part(self, name: str) -> TrustPart:
        """Return the part called `name`; raises InputError where it is missing, with the reason."""
        for part in self.parts:
            if part.name == name:
                return part
        reason = dict(self.omitted).get(name)
        known = ", ".join(part.name for part in self.parts) or "none"
        raise InputError(
            f"There is no part '{name}' here: {reason}" if reason else f"There is no part '{name}'; there are: {known}."
        )

    def summary(self) -> dict[str, Any]:
        """Return all but the maps as JSON types."""
        return {
            "method": self.method,
            "warnings": list(self.warnings),
            "parts": [part.summary() for part in self.parts],
            "omitted": [{"name": name, "reason": reason} for name, reason in self.omitted],
            "seconds": round(self.seconds, 3),
            "reconstructions": self.reconstructions,
            "seed": self.seed,
        }

    def render(self) -> Table:
        """Return the parts as a table for the terminal."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.title, table.title_justify = f"How far to believe the image of '{self.method}'", "left"
        for name in ("part", "value", "what it says, and when"):
            table.add_column(name)
        table.add_column("seconds", justify="right")
        table.add_column("images", justify="right")
        for part in self.parts:
            table.add_row(part.name, part.words, part.assumption, f"{part.seconds:.1f}", str(part.reconstructions))
        table.caption, table.caption_justify = "\n".join(f"No {name}: {why}" for name, why in self.omitted), "left"
        return table


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
