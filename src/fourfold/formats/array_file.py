"""`ArrayFile`: k-space in an array whose axes the user names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.array_axes import ArrayAxes, names_of
from fourfold.formats.content import to_complex64
from fourfold.formats.masks import line_axis_of, measured, merge_frames
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import FrameLabels, Geometry, RawSampling, RawScan

__all__ = ["ArrayFile"]

Array = npt.NDArray[Any]


class ArrayFile(ScanFile):
    """Reads k-space of which the file does not say what its axes are; samples of zero were not acquired.

    Attributes
    ----------
    arrays
        Names of the array, or of the arrays with real and imaginary part.
    axes
        What the axes are.
    """

    options: ClassVar[tuple[str, ...]] = ("dataset", "axes")

    arrays: Sequence[str]
    axes: ArrayAxes

    @abstractmethod
    def parts(self, name: str, indices: Sequence[tuple[int | slice, ...]]) -> list[Array]:
        """Return parts of an array; numbers with fields of real and imaginary part as complex ones."""

    def arrange(
        self, path: Path, stored: Mapping[str, tuple[tuple[int, ...], str]], dataset: str | None, axes: str | None
    ) -> None:
        """Set what is known of the k-space; a format's `__init__` calls it.

        Parameters
        ----------
        path
            The file.
        stored
            Shape and type of each array in it, ``complex64``, ``float64``, ….
        dataset
            Name of the array, or those of real and imaginary part, separated by a comma.
        axes
            As in `ArrayAxes.of`.
        """
        self.path = path
        known = {name: f"{dtype} of {'×'.join(map(str, shape))}" for name, (shape, dtype) in stored.items()}
        self.arrays = names_of(dataset, known, path)
        shapes = {stored[name][0] for name in self.arrays}
        dtypes = {stored[name][1] for name in self.arrays}
        where = f"{' and '.join(repr(name) for name in self.arrays)} in '{path}'"
        is_pair = len(self.arrays) == 2
        if len(shapes) > 1 or (is_pair and any(dtype.startswith("complex") for dtype in dtypes)):
            raise InputError(f"{where} must be real and imaginary part, of one shape: {', '.join(sorted(dtypes))}.")
        self.dtype = stored[self.arrays[0]][1]
        shape = next(iter(shapes))
        self.axes = ArrayAxes.of(axes, shape, is_pair or self.dtype.startswith("complex"), where)
        self.frames, self.coils = self.axes.frames, self.axes.size("coil")
        self.matrix = self.axes.size("ky"), self.axes.size("kx")
        self.volume = Geometry()
        self.details = {"dataset": list(self.arrays), "axes": list(self.axes.names)}
        self.axes_unchecked = True

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return the places of frames along their axes."""
        return self.axes.labels(frames)

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames."""
        indices = [self.axes.index(frame) for frame in frames]
        parts = [self.parts(name, indices) for name in self.arrays]
        whole = parts[0] if len(parts) == 1 else [one + 1j * other for one, other in zip(*parts, strict=True)]
        kspace = to_complex64(np.stack([self.axes.arrange(part) for part in whole]))
        mask = merge_frames(measured(kspace, frames, self.path))
        return RawScan(
            kspace,
            sampling=RawSampling(mask),
            line_axis=line_axis_of(mask, "ky"),
            geometry=self.geometry(frames),
            source=self.source(),
            labels=self.labels(frames),
        )
