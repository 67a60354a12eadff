"""Where the samples of a non-Cartesian acquisition lie in k-space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.memory import array_bytes, require_memory
from fourfold.scan.kspace_checks import check_tensor, dtype_name, host

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["A", "AnyTrajectory", "RawTrajectory", "Trajectory"]

A = TypeVar("A", bound=Any)
"""The kind of the arrays: tensors, or NumPy's as files hold them."""

# Rounding of float32 and of what others write as 0.5 cycles per pixel.
_ROUNDING = 1e-4
# Points that reach no further than ±π on a grid of this size are in radians, or in cycles per pixel; those that reach
# less than this share of a grid's band are in 1/cm or 1/mm.
_SMALLEST, _REACH, _SHARE = 32, 3.2, 1 / 16


@dataclass(frozen=True, eq=False)
class AnyTrajectory(Generic[A]):
    """What trajectories of tensors and of NumPy arrays have in common; `Trajectory` describes the fields."""

    points: A
    matrix: tuple[int, int]
    density: A | None = None
    kind: str = "acquired"

    def __post_init__(self) -> None:
        self._check_kind("The trajectory", self.points, "float32")
        shape = tuple(self.points.shape)
        if dtype_name(self.points) != "float32" or len(shape) != 4 or shape[3] != 2 or 0 in shape:
            raise InputError(
                f"The trajectory is {self.points.dtype} of shape {shape}; it must be float32 of shape "
                "(frame or 1, shot, sample, 2) with ky and kx last."
            )
        sizes = self.matrix if isinstance(self.matrix, Sequence) else ()
        if len(sizes) != 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise InputError(f"The trajectory's matrix is {self.matrix}; it must be two positive sizes (ny, nx).")
        require_memory(
            array_bytes((self.frames, *self.matrix), np.dtype(np.complex64).itemsize),
            f"A trajectory's image of {self.frames}×{self.matrix[0]}×{self.matrix[1]}",
            "give the matrix of the image, and the points in cycles per field of view",
        )
        if not np.isfinite(host(self.points)).all():
            raise InputError("The trajectory contains NaN or Inf; leave the corrupt samples out.")
        self._check_reach()
        if self.density is not None:
            self._check_kind("The trajectory's density", self.density, "float32")
            self._check_density(self.density)

    def _check_kind(self, name: str, value: Any, dtype: str) -> None:
        """Refuse arrays of another kind than the class holds; readers give none."""

    def _check_reach(self) -> None:
        reach = np.abs(host(self.points)).max(axis=(0, 1, 2)).tolist()
        limits = [size / 2 for size in self.matrix]
        if any(far > limit * (1 + _ROUNDING) for far, limit in zip(reach, limits, strict=True)):
            raise InputError(
                f"The trajectory reaches (ky, kx) = ±({reach[0]:.4g}, {reach[1]:.4g}), outside the band "
                f"±({limits[0]:g}, {limits[1]:g}) of the {self.matrix[0]}×{self.matrix[1]} matrix; give a larger one, "
                "or the points in cycles per field of view."
            )
        if max(reach) <= max(_REACH, _SHARE * max(limits)) and min(self.matrix) >= _SMALLEST:
            unit = "radians or cycles per pixel" if max(reach) <= _REACH else "1/cm or rad/cm"
            raise InputError(
                f"The trajectory reaches only ±{max(reach):.3g} of ±{max(limits):g}: its unit seems to be {unit}; give "
                "(ky, kx) in cycles per field of view, or a smaller matrix: multiply cycles per pixel by (ny, nx)."
            )

    def _check_density(self, density: A) -> None:
        frames = (1, self.points.shape[0])
        if dtype_name(density) != "float32" or density.ndim != 3 or density.shape[0] not in frames:
            stored = f"{density.dtype} of shape {tuple(density.shape)}"
            raise InputError(f"The density is {stored}; it must be float32 of shape (frame or 1, shot, sample).")
        if density.shape[1:] != self.points.shape[1:3]:
            raise InputError(
                f"The density is for {tuple(density.shape[1:])} shots and samples but the trajectory has "
                f"{tuple(self.points.shape[1:3])}; they must belong together."
            )
        values = host(density)
        if not ((values >= 0) & np.isfinite(values)).all() or not values.any():
            raise InputError("The density holds negative numbers, NaN, Inf or zeros only; leave it out to compute it.")

    @property
    def frames(self) -> int:
        """Number of frames with points of their own; 1 where all frames share them."""
        return self.points.shape[0]

    @property
    def shots(self) -> int:
        """Number of shots (spokes, interleaves) of one frame."""
        return self.points.shape[1]

    @property
    def samples(self) -> int:
        """Number of samples of one shot."""
        return self.points.shape[2]

    def of(self, frames: Sequence[int]) -> Self:
        """Return the trajectory of some frames, named by their indices; itself where all frames share the points."""

        def pick(array: A) -> A:
            return array if array.shape[0] == 1 else array[list(frames)]

        return replace(self, points=pick(self.points), density=None if self.density is None else pick(self.density))

    def places(self) -> npt.NDArray[np.int64]:
        """Return the index of each point's cell in the flattened grid (ky, kx), -1 beyond it; (frame, shot, sample)."""
        ny, nx = self.matrix
        row, column = np.moveaxis(np.rint(host(self.points)).astype(np.int64), -1, 0)
        row, column = row + ny // 2, column + nx // 2
        inside = (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
        return np.where(inside, row * nx + column, -1)

    def cells(self, mask: A) -> npt.NDArray[np.bool_]:
        """Return which cells of the Cartesian grid hold a sample.

        Parameters
        ----------
        mask
            bool, (frame or 1, shot, sample): the samples that count.

        Returns
        -------
        NDArray
            bool, (frame or 1, ky, kx), centred; a cell is one cycle per field of view wide along each axis.
        """
        counts = host(mask)
        frames = max(self.frames, len(counts))
        places = np.broadcast_to(self.places(), (frames, self.shots, self.samples))
        within = (places >= 0) & counts
        cells = np.zeros((frames, self.matrix[0] * self.matrix[1]), bool)
        for one, place, inside in zip(cells, places, within, strict=True):
            one[place[inside]] = True
        return cells.reshape(frames, *self.matrix)

    def acceleration(self, mask: A) -> float:
        """Return the grid points of the matrix' inscribed ellipse over those of them whose cell holds a sample.

        The ellipse is what spokes and spirals are meant to fill. Oversampling along a shot does not count: 69 spokes of
        a 192×192 matrix are 3.6 times fewer than a full set, however many samples each has.

        Parameters
        ----------
        mask
            bool, (frame or 1, shot, sample): the samples that count.
        """
        cells = self.cells(mask)
        rows, columns = (
            (np.arange(size) - size // 2).astype(np.float32) / np.float32(size / 2) for size in self.matrix
        )
        ellipse = np.square(rows)[:, None] + np.square(columns) <= 1
        return int(ellipse.sum()) * len(cells) / max(1, int((cells & ellipse).sum()))


@dataclass(frozen=True, eq=False)
class RawTrajectory(AnyTrajectory[npt.NDArray[Any]]):
    """A `Trajectory` as readers give it, of NumPy arrays."""


@dataclass(frozen=True, eq=False)
class Trajectory(AnyTrajectory["Tensor"]):
    """The k-space points of every shot, and the matrix of the image that they encode.

    A sample at (ky, kx) is Σ image(y, x) · exp(−2πi (ky y / ny + kx x / nx)) / √(ny nx), y and x counted from the pixel
    ``n // 2``: at whole numbers it is the sample ``(ny // 2 + ky, nx // 2 + kx)`` of Cartesian k-space.

    Attributes
    ----------
    points
        float32, (frame or 1, shot, sample, 2): (ky, kx) in cycles per field of view, within ±n / 2.
    matrix
        Size (ny, nx) of the image.
    density
        float32, (frame or 1, shot, sample): the area of k-space that each sample stands for, up to a common factor;
        computed from the points when None (see `fourfold.operators.density_compensation`).
    kind
        ``radial``, ``spiral``, or ``acquired`` when read from data.

    Raises
    ------
    InputError
        For arrays of the wrong type or shape, NaN or Inf, points outside the matrix' band, negative weights.
    """

    points: Tensor
    matrix: tuple[int, int]
    density: Tensor | None = None
    kind: str = "acquired"

    _check_kind = staticmethod(check_tensor)

    def joined(self, frames: int) -> Trajectory:
        """Return the shots of `frames` frames, one frame after the other, as the shots of a single one."""

        def join(array: Tensor) -> Tensor:
            return array.expand(frames, *array.shape[1:]).flatten(0, 1)[None]

        return replace(self, points=join(self.points), density=None if self.density is None else join(self.density))

    def to(self, device: torch.device | str) -> Trajectory:
        """Return the trajectory with every tensor on `device`."""
        density = None if self.density is None else self.density.to(device)
        return replace(self, points=self.points.to(device), density=density)
