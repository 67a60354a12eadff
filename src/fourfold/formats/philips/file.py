"""Philips' exported raw data, read line by line on demand.

The layout is that which the files describe in their own comments. The scanner has already corrected the samples
(offsets, random phases, EPI's phase) and brought those of ramps to an even grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.input import check_file, first_bytes
from fourfold.formats.lines.encoding import Encoding, Header, Limits
from fourfold.formats.lines.file import LineFile
from fourfold.formats.lines.repeats import Repeats
from fourfold.formats.lines.table import LINES_AT_ONCE, NOISE, STEPS, TABLE, Indices, LineReader, Table
from fourfold.formats.philips.index import COLUMNS, TITLE, Index, Vectors, read_index
from fourfold.scan import Protocol

__all__ = ["PhilipsFile"]

Array = npt.NDArray[Any]

COUNTERS = {"repetition": "dyn", "phase": "card", "contrast": "echo", "slice": "loca", "average": "aver"}
KINDS = ("mix", "extr1", "extr2")
"""Columns that number images in ways of their own; together they are the counter ``set``."""
ONE_LINE = [COLUMNS.index(name) for name in (*KINDS, *COUNTERS.values(), "ky", "kz", "rf", "grad", "enc")]
"""Columns in which the vectors of one line's coils agree."""
LARGEST = 2**16 - 1
SAMPLE_BYTES = 8
WHOLE = 1e-3


class PhilipsFile(LineFile):
    """Reads standard vectors, those of all coils as one line; `LineFile` describes the frames.

    Dynamics are repetitions, cardiac phases are phases, locations are slices; mixes and extra attributes are sets. The
    files give neither the voxel size nor the place in the patient.

    Parameters
    ----------
    path
        Either file of the pair.
    repeats, centre, keep_oversampling
        As in `LineFile.arrange`.
    """

    format: ClassVar[str] = "Philips list/data"
    options: ClassVar[tuple[str, ...]] = ("repeats", "centre", "keep_oversampling")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file is an index, or has one beside it."""
        index = _index_of(path)
        return index.is_file() and TITLE in first_bytes(index, 2000)

    def __init__(
        self,
        path: Path,
        repeats: Repeats | None = None,
        centre: str | None = None,
        keep_oversampling: bool = False,
    ) -> None:
        index_path = _index_of(path)
        self.path = _sibling(index_path, ".data")
        for file in (index_path, self.path):
            check_file(file)
        index = read_index(index_path)
        standard = index.vectors["STD"]
        self._check_offsets(standard, index_path)
        lines = _lines_of_coils(standard, index_path)
        axes = _axes(index, standard, index_path)
        table = _table(standard, lines, axes)
        self.offsets = [standard.column("offset")[line] for line in lines]
        if "NOI" in index.vectors:
            self._check_offsets(index.vectors["NOI"], index_path)
            noise = _noise_lines(index.vectors["NOI"])
            table = np.concatenate([_noise_table(index.vectors["NOI"], noise), table])
            self.offsets = [index.vectors["NOI"].column("offset")[line] for line in noise] + self.offsets
        self.notes = ("Reading of Philips' files has not been tested on a real one: check the image.",)
        if len(np.unique(standard.column("sign"))) > 1:
            self.notes += ("Lines were read in both directions; the export is taken to have turned them.",)
        protocol = Protocol(vendor="Philips", acquisition="3D" if axes[2].size > 1 else "2D")
        header = Header((_encoding(axes),), {"vendor": "Philips"}, protocol)
        self.arrange(header, table, repeats=repeats, centre=centre, keep_oversampling=keep_oversampling)

    def _check_offsets(self, vectors: Vectors, index_path: Path) -> None:
        """Refuse vectors that do not lie within the file of the samples."""
        size, offset = vectors.column("size"), vectors.column("offset")
        end = self.path.stat().st_size
        if not ((size > 0) & (size % SAMPLE_BYTES == 0) & (size <= end) & (offset >= 0) & (offset <= end - size)).all():
            raise InputError(
                f"'{index_path}' names samples outside '{self.path.name}', which has {end:,} bytes: copy or export "
                "both files again."
            )

    @contextmanager
    def open_lines(self) -> Iterator[LineReader]:
        """Open the file for as long as lines are read."""
        with self.path.open("rb", buffering=0) as file:
            yield partial(self._read, file)

    def _read(self, file: Any, indices: Indices) -> Iterator[tuple[Indices, Array]]:
        indices = np.sort(indices)
        rows = self.table[indices]
        shapes = np.stack([rows["active_channels"].astype(int), rows["number_of_samples"].astype(int)], axis=1)
        ends = np.flatnonzero((np.diff(shapes, axis=0) != 0).any(axis=1)) + 1
        for run in np.split(indices, ends):
            for start in range(0, len(run), LINES_AT_ONCE):
                part = run[start : start + LINES_AT_ONCE]
                coils, count = (int(self.table[name][part[0]]) for name in ("active_channels", "number_of_samples"))
                samples = np.empty((len(part), coils, count), np.complex64)
                for line, index in zip(samples, part, strict=True):
                    for row, offset in zip(line, self.offsets[index], strict=True):
                        file.seek(int(offset))
                        content = file.read(SAMPLE_BYTES * count)
                        if len(content) < SAMPLE_BYTES * count:
                            raise InputError(f"'{self.path}' has become shorter since it was opened: open it again.")
                        row[:] = np.frombuffer(content, "<c8")
                yield part, samples


def _index_of(path: Path) -> Path:
    return _sibling(path, ".list") if path.suffix.lower() == ".data" else path


def _sibling(path: Path, suffix: str) -> Path:
    """Return the other file of the pair, in the case of letters in which it is there."""
    upper = path.with_suffix(suffix.upper())
    return upper if upper.is_file() else path.with_suffix(suffix)


def _lines_of_coils(vectors: Vectors, path: Path) -> list[Array]:
    """Return the vectors of each line, those of its coils in their order; lines in the order of the file."""
    rows = vectors.rows
    # Vectors of one line follow each other; a repeated line begins with the first coil again.
    changes = (np.diff(rows[:, ONE_LINE], axis=0) != 0).any(axis=1) | (np.diff(vectors.column("chan")) <= 0)
    lines = np.split(np.arange(len(rows)), np.flatnonzero(changes) + 1)
    channels = {tuple(vectors.column("chan")[line].tolist()) for line in lines}
    if len(channels) > 1:
        raise InputError(
            f"'{path}' lists lines of different coils ({min(map(len, channels))} to {max(map(len, channels))} of them, "
            "or others): export the scan again, with the coils of a line in their order."
        )
    if any(np.ptp(vectors.column("size")[line]) for line in lines):
        raise InputError(f"'{path}' lists coils of one line with different lengths: export the scan again.")
    return lines


def _noise_lines(vectors: Vectors) -> list[Array]:
    """Return the noise vectors of all coils together, none where their lengths differ or a coil occurs twice."""
    size, channels = vectors.column("size"), vectors.column("chan")
    alike = len(np.unique(channels)) == len(channels) and not np.ptp(size) and size[0] // SAMPLE_BYTES <= LARGEST
    return [np.argsort(channels)] if alike else []


def _noise_table(vectors: Vectors, lines: list[Array]) -> Table:
    table = np.zeros(len(lines), TABLE)
    table["flags"] = NOISE
    for row, line in zip(table, lines, strict=True):
        row["active_channels"], row["number_of_samples"] = len(line), vectors.column("size")[line[0]] // SAMPLE_BYTES
    return table


@dataclass(frozen=True)
class Axis:
    """One axis of k-space."""

    size: int
    """Points of the grid, with the centre at ``size // 2``."""
    kept: int
    """Points of the image that are shown; the rest is oversampling."""
    factor: int
    """Steps of the full field of view between neighbouring places, with SENSE more than one."""
    low: int
    """The first place."""


def _axis(index: Index, name: str, low: int, high: int, path: Path) -> Axis:
    """Return an axis whose places run from `low` to `high`."""
    factor = 1 if name == "x" else _sense_factor(index, name.upper(), path)
    size = 2 * max(-low, high + 1, 1) * factor if low < high or name != "z" else 1
    oversampling = index.values.get(f"k{name}_oversample_factor", (1.0,))[0]
    if not 1 <= oversampling <= 16 or size > LARGEST:
        raise InputError(
            f"'{path}' gives k{name} from {low} to {high} and an oversampling of {oversampling:g}, which cannot be: "
            "export the scan again."
        )
    return Axis(size, max(1, round(size / oversampling)), factor, low)


def _axes(index: Index, vectors: Vectors, path: Path) -> tuple[Axis, Axis, Axis]:
    """Return readout, lines and partitions."""
    low, high = _range(index, "kx_range", path)
    samples = vectors.column("size") // SAMPLE_BYTES
    if (samples != high - low + 1).any():
        raise InputError(
            f"'{path}' lists lines of {samples.min()} to {samples.max()} samples, but its kx_range {low} to {high} has "
            f"{high - low + 1}: export one mix or echo alone."
        )
    ky, kz = (vectors.column(name) for name in ("ky", "kz"))
    return (
        _axis(index, "x", low, high, path),
        _axis(index, "y", int(ky.min()), int(ky.max()), path),
        _axis(index, "z", int(kz.min()), int(kz.max()), path),
    )


def _range(index: Index, name: str, path: Path) -> tuple[int, int]:
    values = index.values.get(name, ())
    if len(values) != 2 or not -LARGEST < values[0] <= 0 <= values[1] < LARGEST:
        raise InputError(f"'{path}' does not give {name}, two numbers around 0: export the scan again.")
    return int(values[0]), int(values[1])


def _sense_factor(index: Index, name: str, path: Path) -> int:
    factor = index.values.get(f"{name}-direction SENSE factor", (1.0,))[0]
    if not 1 <= factor <= 64 or abs(factor - round(factor)) > WHOLE:
        raise InputError(
            f"'{path}' has the SENSE factor {factor:g} along {name}, which is no whole number: its lines lie on no "
            "grid of the full field of view, which fourfold needs; measure with a whole factor."
        )
    return round(factor)


def _encoding(axes: tuple[Axis, Axis, Axis]) -> Encoding:
    """Return the encoding; fields of view are not known in mm."""
    x, y, z = axes
    return Encoding(
        matrix=(x.size, y.size, z.size),
        field_of_view=(0.0, 0.0, 0.0),
        recon_matrix=(x.kept, y.kept, z.kept),
        recon_field_of_view=(0.0, 0.0, 0.0),
        trajectory="cartesian",
        lines=Limits(0, y.size - 1, y.size // 2),
        partitions=Limits(0, z.size - 1, z.size // 2),
        calibration_mode=None,
        shown=(x.kept, y.kept, z.kept),
    )


def _table(vectors: Vectors, lines: list[Array], axes: tuple[Axis, Axis, Axis]) -> Table:
    """Return the headers of lines as the table that all readers of lines share."""
    table = np.zeros(len(lines), TABLE)
    first = np.array([line[0] for line in lines])
    table["active_channels"] = len(lines[0])
    table["number_of_samples"] = vectors.column("size")[first] // SAMPLE_BYTES
    table["center_sample"] = -axes[0].low
    for counter, name in COUNTERS.items():
        table["idx"][counter] = vectors.column(name)[first]
    kinds = np.stack([vectors.column(name)[first] for name in KINDS], axis=1)
    table["idx"]["set"] = np.unique(kinds, axis=0, return_inverse=True)[1].ravel()
    for step, name, axis in zip(STEPS, ("ky", "kz"), axes[1:], strict=True):
        table["idx"][step] = vectors.column(name)[first] * axis.factor + axis.size // 2
    return table
