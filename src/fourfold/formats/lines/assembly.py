"""K-space of frames, assembled from the lines of a raw file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.formats.lines.centre import LineEnergies
from fourfold.formats.lines.ghosts import correct_ghost, ghost_phase
from fourfold.formats.lines.grid import VolumeSplit
from fourfold.formats.lines.places import LinePlaces
from fourfold.formats.lines.ramp import Ramp
from fourfold.formats.lines.table import Indices, LineReader, is_reversed
from fourfold.formats.numpy_fourier import crop_field_of_view, inverse_rows, to_image

__all__ = ["Assembly"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Assembly:
    """How lines become k-space."""

    places: LinePlaces
    """Where the lines lie on the encoded grid."""
    split: VolumeSplit
    """Which axis is transformed, so that its points are frames."""
    coils: int
    """Number of coils."""
    conjugate: bool
    """Whether samples are conjugated."""

    def kspace(
        self,
        lines: LineReader,
        chosen: Indices,
        points: Sequence[int],
        energies: LineEnergies | None = None,
        ghost: Array | None = None,
    ) -> tuple[Array, Mask]:
        """Return the k-space (point, coil, *matrix) of lines, repeated ones averaged, and its mask (*matrix).

        Parameters
        ----------
        lines
            Reads them.
        chosen
            Indices of the lines.
        points
            Which of the split's points.
        energies
            Where the energy of the lines is added while they are read.
        ghost
            Phase (x,) between reversed and forward lines that is corrected, as `ghost_phase` gives it.
        """
        by_readout, grid = self.split.by_readout, self.split.grid
        kspace = np.zeros((len(points), self.coils, *self.split.matrix), np.complex64)
        repeats = np.bincount(self.places.cells(chosen))
        wanted = [self.split.points[point] for point in points]
        rows = inverse_rows(grid.nz, [0] if by_readout else wanted)
        for part, samples in self.readouts(lines, chosen, energies):
            if ghost is not None:
                samples = correct_ghost(samples, is_reversed(self.places.table[part]), ghost)
            readouts = to_image(samples)[..., wanted] if by_readout else crop_field_of_view(samples, grid.columns)
            shares = (1 / repeats[self.places.cells(part)]).astype(np.float32)
            for share, ky, kz, readout in zip(
                shares, self.places.ky[part], self.places.kz[part], readouts, strict=True
            ):
                if by_readout:
                    kspace[:, :, ky, kz] += share * readout.T
                else:
                    kspace[:, :, ky] += share * rows[:, kz, None, None] * readout
        mask = self._mask(chosen)
        return np.where(mask, kspace, 0), mask

    def readouts(
        self, lines: LineReader, chosen: Indices, energies: LineEnergies | None = None
    ) -> Iterator[tuple[Indices, Array]]:
        """Yield (indices, samples on the encoded grid): zeros where an echo is cut short."""
        for part, samples in lines(chosen):
            if energies is not None:
                energies.add(part, samples)
            if self.places.ramp is not None:
                readouts = self._regridded(part, samples, self.places.ramp)
                yield part, readouts.conj() if self.conjugate else readouts
                continue
            readouts = np.zeros((len(part), self.coils, self.split.grid.nx), np.complex64)
            first, last = self.places.spans(part)
            starts = self.places.starts(part)
            for row, line, begin, end, start in zip(readouts, samples, first, last, starts, strict=True):
                row[:, begin : end + 1] = line[:, begin - start : end + 1 - start]
            yield part, readouts.conj() if self.conjugate else readouts

    def _regridded(self, part: Indices, samples: Array, ramp: Ramp) -> Array:
        """Return lines that were sampled on ramps on the encoded grid."""
        grid = self.split.grid
        reverse = is_reversed(self.places.table[part])
        readouts = np.empty((*samples.shape[:2], grid.nx), np.complex64)
        for direction in np.unique(reverse):
            matrix = ramp.regridding(samples.shape[2], grid.nx, grid.kept_x, bool(direction))
            readouts[reverse == direction] = samples[reverse == direction] @ matrix.T
        return readouts

    def ghost(self, lines: LineReader, navigators: Indices) -> Array | None:
        """Return the phase between reversed and forward lines that these navigators show; see `ghost_phase`."""
        parts = self.readouts(lines, navigators)
        return ghost_phase((is_reversed(self.places.table[part]), readouts) for part, readouts in parts)

    def repeats(self, lines: LineReader, chosen: Indices, span: slice) -> list[Array]:
        """Return the samples within `span` of these lines, by their place: complex (repeat, coil, sample) each."""
        by_place: dict[int, list[Array]] = {}
        for part, samples in self.readouts(lines, chosen):
            for cell, readout in zip(self.places.cells(part).tolist(), samples, strict=True):
                by_place.setdefault(cell, []).append(readout[:, span])
        return [np.stack(repeats) for repeats in by_place.values()]

    def noise(self, lines: LineReader, chosen: Indices) -> Array:
        """Return the samples of noise lines, complex64 (coil, sample)."""
        parts = lines(chosen)
        noise = np.concatenate([samples.swapaxes(0, 1).reshape(self.coils, -1) for _, samples in parts], axis=1)
        return noise.conj() if self.conjugate else noise

    def _mask(self, chosen: Indices) -> Mask:
        """Return where these lines put samples, bool (*matrix)."""
        mask = np.zeros(self.split.matrix, bool)
        rows = self.places.ky[chosen]
        if self.split.by_readout:
            mask[rows, self.places.kz[chosen]] = True
            return mask
        grid = self.split.grid
        first, last = self.places.spans(chosen)
        # The kept grid has fewer samples over the same range: those within the part that was acquired.
        begin = np.ceil((first - grid.nx // 2) * grid.columns / grid.nx).astype(int) + grid.columns // 2
        end = np.floor((last - grid.nx // 2) * grid.columns / grid.nx).astype(int) + grid.columns // 2 + 1
        whole = (first == 0) & (last == grid.nx - 1)
        begin, end = np.where(whole, 0, begin), np.where(whole, grid.columns, end)
        for row, start, stop in zip(rows, begin, end, strict=True):
            mask[row, start:stop] = True
        return mask
