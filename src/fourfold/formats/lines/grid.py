"""The encoded k-space grid of a raw file, and how a volume on it is split into frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fourfold.formats.lines.encoding import Encoding, Limits, voxel_size
from fourfold.formats.lines.table import LINES_AT_ONCE
from fourfold.memory import array_bytes, require_memory
from fourfold.scan import centre_slice

__all__ = ["Grid", "VolumeSplit", "as_two_dimensional"]


@dataclass(frozen=True)
class Grid:
    """The encoded k-space grid, and what of the encoded field of view is kept.

    Attributes
    ----------
    nx, ny, nz
        Encoded samples, lines and partitions.
    line_centre, partition_centre
        Encoding steps 1 and 2 at the centre of k-space.
    kept_x, kept_y, kept_z
        Points of the image grid that the scanner shows; the rest is oversampling.
    columns
        Points along the readout of the k-space that is made: `kept_x`, or `nx` where its oversampling is kept.
    dx, dy, dz
        Voxel size in mm, None where the field of view is not known.
    """

    nx: int
    ny: int
    nz: int
    line_centre: int
    partition_centre: int
    kept_x: int
    kept_y: int
    kept_z: int
    dx: float | None
    dy: float | None
    dz: float | None
    columns: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Encoded matrix (x, y, z)."""
        return self.nx, self.ny, self.nz

    @classmethod
    def of(cls, encoding: Encoding, keep_oversampling: bool = False) -> Grid:
        """Return the grid that the header describes, with readout oversampling removed unless it is kept."""
        nx, ny, nz = encoding.matrix
        fields = zip(encoding.matrix, encoding.field_of_view, encoding.recon_field_of_view, strict=True)
        kept_x, kept_y, kept_z = encoding.shown or (
            max(1, round(min(size, size * shown / whole))) if 0 < whole < math.inf and 0 < shown < math.inf else size
            for size, whole, shown in fields
        )
        dx, dy, dz = voxel_size(encoding.matrix, encoding.field_of_view)

        def centre(limits: Limits | None, size: int) -> int:
            return size // 2 if limits is None else limits.centre

        return cls(
            nx,
            ny,
            nz,
            centre(encoding.lines, ny),
            centre(encoding.partitions, nz),
            kept_x,
            kept_y,
            kept_z,
            dx,
            dy,
            dz,
            columns=nx if keep_oversampling else kept_x,
        )

    def require_memory(self, coils: int, path: Path) -> None:
        """Refuse a matrix that does not fit into the memory: a frame, a few lines, and the steps of a volume."""
        plane = (self.columns, self.ny) if self.nz == 1 else (self.ny, min(self.nz, self.columns))
        for shape in ((coils, *plane), (LINES_AT_ONCE, coils, self.nx), (self.ny, self.nz)):
            require_memory(
                array_bytes(shape, np.dtype(np.complex64).itemsize),
                f"The encoded matrix {self.nx}×{self.ny}×{self.nz} of '{path}', with {coils} coils,",
                "export the scan again, or take a computer with more memory",
            )


def as_two_dimensional(space: Encoding) -> Encoding:
    """Return the encoding space with one partition, as thick as what the scanner shows where the header has several."""
    (x, y, z), (field_x, field_y, whole), shown = space.matrix, space.field_of_view, space.recon_field_of_view[2]
    thickness = shown if z > 1 and shown > 0 else whole
    return replace(
        space,
        matrix=(x, y, 1),
        field_of_view=(field_x, field_y, thickness),
        recon_matrix=(*space.recon_matrix[:2], 1),
        partitions=None,
    )


@dataclass(frozen=True)
class VolumeSplit:
    """The axis along which a group of lines is Fourier transformed: its points are frames."""

    grid: Grid
    """The encoded grid."""
    by_readout: bool
    """Whether that axis is the readout; otherwise the frames are partitions."""

    @property
    def axis(self) -> str | None:
        """Name of the axis, None of a single partition."""
        return "readout" if self.by_readout else "partitions" if self.grid.nz > 1 else None

    @property
    def matrix(self) -> tuple[int, int]:
        """K-space grid (ny, nx) of a frame."""
        return (self.grid.ny, self.grid.nz) if self.by_readout else (self.grid.ny, self.grid.columns)

    @property
    def image_size(self) -> tuple[int, int]:
        """Size (ny, nx) that the image of a frame is cut to."""
        return (self.grid.kept_y, self.grid.kept_z) if self.by_readout else (self.grid.kept_y, self.grid.kept_x)

    @property
    def size(self) -> int:
        """Points of the axis on the encoded grid."""
        return self.grid.nx if self.by_readout else self.grid.nz

    @property
    def points(self) -> range:
        """Points of the axis that are frames: those within the field of view that the scanner shows."""
        return range(self.size)[centre_slice(self.size, self.grid.columns if self.by_readout else self.grid.kept_z)]

    @property
    def voxel_size(self) -> tuple[float | None, float | None, float | None]:
        """(slice spacing, y, x) of a frame in mm."""
        grid = self.grid
        return (grid.dx, grid.dy, grid.dz) if self.by_readout else (grid.dz, grid.dy, grid.dx)
