"""How the lines of a scan encode its image: grid, fields of view, limits, trajectory and facts of the scan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from fourfold.errors import InputError
from fourfold.formats.lines.ramp import Ramp
from fourfold.scan import Identity, Protocol

__all__ = ["Encoding", "Header", "Limits", "Size", "Vector", "check_limits", "field_of_view_notes", "voxel_size"]

Vector = tuple[float, float, float]
Size = tuple[int, int, int]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Limits:
    """First, last and centre index of an encoding step."""

    minimum: int
    maximum: int
    centre: int


@dataclass(frozen=True)
class Encoding:
    """One encoding space."""

    matrix: Size
    """Encoded grid (x, y, z)."""
    field_of_view: Vector
    """Of the encoded grid, in mm."""
    recon_matrix: Size
    """Grid (x, y, z) of the image that the scanner shows."""
    recon_field_of_view: Vector
    """Of this image, in mm."""
    trajectory: str
    """``cartesian``, ``epi``, ``radial``, …"""
    lines: Limits | None
    """Limits of encoding step 1, None where the header has none."""
    partitions: Limits | None
    """Limits of encoding step 2, None where the header has none."""
    calibration_mode: str | None
    """``embedded``, ``separate``, …, None where the header does not say."""
    shown: Size | None = None
    """Points (x, y, z) of the encoded grid that the scanner shows, where fields of view in mm do not tell."""
    ramp: Ramp | None = None
    """The readout gradient of EPI whose samples were taken on its ramps too."""

    @property
    def on_grid(self) -> bool:
        """Whether the lines lie on a grid."""
        return self.trajectory in ("cartesian", "epi")

    def turned(self) -> Encoding:
        """Return the encoding with the axes x and y exchanged, without limits, which belong to the old axes."""
        return replace(
            self,
            matrix=_turn(self.matrix),
            field_of_view=_turn(self.field_of_view),
            recon_matrix=_turn(self.recon_matrix),
            recon_field_of_view=_turn(self.recon_field_of_view),
            lines=None,
            partitions=None,
        )


def _turn(values: tuple[Number, Number, Number]) -> tuple[Number, Number, Number]:
    x, y, z = values
    return y, x, z


@dataclass(frozen=True)
class Header:
    """The encodings, facts about scanner and sequence as JSON types, and whose scan it is."""

    encodings: tuple[Encoding, ...]
    facts: dict[str, Any]
    protocol: Protocol = field(default_factory=Protocol)
    identity: Identity = field(default_factory=Identity)
    notes: tuple[str, ...] = ()
    """What a reader must know of values that were left out."""

    def encoding(self, number: int, path: Path) -> Encoding:
        """Return the encoding space of this number; raises InputError where the header has no such one."""
        if not 0 <= number < len(self.encodings):
            raise InputError(
                f"'{path}' has encoding spaces 0 to {len(self.encodings) - 1}; {number} was asked for: choose one of "
                "them."
            )
        return self.encodings[number]


def check_limits(limits: Limits | None, step: str, path: Path) -> None:
    """Refuse limits of an encoding `step` that contradict themselves."""
    if limits is not None and not limits.minimum <= limits.centre <= limits.maximum:
        raise InputError(
            f"The header of '{path}' gives {step} the minimum {limits.minimum}, the centre {limits.centre} and "
            f"the maximum {limits.maximum}; the centre must lie between the other two: correct the header."
        )


def voxel_size(matrix: Size, field_of_view: Vector) -> tuple[float | None, float | None, float | None]:
    """Return the voxel size in mm along the axes of a grid; None where the field of view is 0 or no number."""
    x, y, z = (
        whole / size if size > 0 and 0 < whole < math.inf else None
        for size, whole in zip(matrix, field_of_view, strict=True)
    )
    return x, y, z


def field_of_view_notes(encoding: Encoding) -> tuple[str, ...]:
    """Return what a reader must know of axes whose fields of view are not known."""
    notes = []
    encoded = voxel_size(encoding.matrix, encoding.field_of_view)
    shown = voxel_size(encoding.recon_matrix, encoding.recon_field_of_view)
    for axis, size, shown_size, matrix in zip("xyz", encoded, shown, encoding.matrix, strict=True):
        if size is None:
            notes.append(f"The header gives no field of view along {axis}: the voxel size along it is not known.")
        if matrix > 1 and (size is None or shown_size is None) and encoding.shown is None:
            notes.append(
                f"Oversampling along {axis}, if there is any, remains in the image: the header does not give both the "
                "encoded and the shown field of view."
            )
    return tuple(notes)
