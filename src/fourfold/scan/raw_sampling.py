"""Which samples a file holds, as NumPy arrays, and what that has in common with `Sampling`, whose mask is a tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan.kspace_checks import AnyArray, dtype_name, host
from fourfold.scan.trajectory import A

__all__ = ["AnySampling", "Axis", "RawSampling", "centre_slice", "crop_centre", "find_acquired"]

Axis = Literal["ky", "kx"]


def centre_slice(size: int, width: int) -> slice:
    """Return the `width` samples around the centre index ``size // 2`` of an axis of `size` samples."""
    start = size // 2 - width // 2
    return slice(start, start + width)


def crop_centre(array: A, size: tuple[int, int]) -> A:
    """Return the centre of the last two axes of `array`, cut to `size` = (ny, nx); smaller axes are kept whole."""
    ny, nx = array.shape[-2:]
    rows = centre_slice(ny, min(size[0], ny))
    columns = centre_slice(nx, min(size[1], nx))
    return array[..., rows, columns]


def find_acquired(kspace: AnyArray) -> npt.NDArray[np.bool_]:
    """Return bool (frame, ky, kx): which samples of k-space were acquired; see `fourfold.scan.acquired_samples`."""
    held: npt.NDArray[np.bool_] = np.ascontiguousarray(host((kspace != 0).any(axis=1)))
    for along in (2, 1):
        share = held.mean(axis=along, keepdims=True, dtype=np.float32)
        if bool(((share == 0) | (share >= 0.9)).all()):
            return np.broadcast_to(share > 0, held.shape).copy()
    return held


@dataclass(frozen=True, eq=False)
class AnySampling(Generic[A]):
    """What samplings of tensors and of NumPy arrays have in common; `fourfold.scan.Sampling` describes the fields."""

    mask: A
    kind: str = "acquired"
    seed: int | None = None
    target_acceleration: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_kind("The sampling mask", self.mask, "bool")
        if dtype_name(self.mask) != "bool" or self.mask.ndim != 3:
            stored = f"{self.mask.dtype} of shape {tuple(self.mask.shape)}"
            raise InputError(f"The sampling mask is {stored}; it must be bool of shape (frame, ky, kx).")
        if not host(self.mask).any(axis=(1, 2)).all():
            raise InputError("The sampling mask has a frame without any sample; give each frame at least one.")

    def _check_kind(self, name: str, value: Any, dtype: str) -> None:
        """Refuse arrays of another kind than the class holds; readers give none."""

    @property
    def acceleration(self) -> float:
        """Realised acceleration: grid points over acquired samples, the calibration region included."""
        return math.prod(self.mask.shape) / int(self.mask.sum())

    @property
    def acs_shape(self) -> tuple[int, int]:
        """Size (ny, nx) of the largest centred box that is fully sampled in every frame; (0, 0) without one."""
        widths = _centred_runs(np.all(host(self.mask), axis=0))
        rows = np.arange(len(widths))
        # Boxes grow from the centre row outwards, as `centre_slice` does: each is as wide as its narrowest row.
        outwards = np.abs(rows - len(widths) // 2).argsort(kind="stable")
        narrowest = np.minimum.accumulate(widths[outwards])
        best = int((narrowest * (rows + 1)).argmax())
        width = int(narrowest[best])
        return (best + 1, width) if width else (0, 0)

    def summary(self) -> dict[str, Any]:
        """Return the pattern's provenance as JSON types."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "target_acceleration": self.target_acceleration,
            "acceleration": round(self.acceleration, 4),
            "acs_shape": list(self.acs_shape),
            **self.details,
        }


def _centred_runs(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return, for each row of `mask`, the width of its widest centred range of True."""
    centre = mask.shape[1] // 2
    left = mask[:, :centre][:, ::-1].cumprod(axis=1).sum(axis=1)
    right = mask[:, centre:].cumprod(axis=1).sum(axis=1)
    # centre_slice(size, w) reaches w // 2 to the left of the centre and (w - 1) // 2 to its right.
    return np.where(right > 0, np.minimum(2 * left + 1, 2 * right), 0)


@dataclass(frozen=True, eq=False)
class RawSampling(AnySampling[npt.NDArray[np.bool_]]):
    """A `Sampling` as readers give it, of NumPy arrays."""
