"""Siemens twix files, read line by line on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.file import LineFile
from fourfold.formats.lines.repeats import Repeats, cell_numbers
from fourfold.formats.lines.table import (
    CALIBRATION,
    NOISE,
    NOT_FOR_IMAGES,
    STEPS,
    LineReader,
    Table,
)
from fourfold.formats.twix.encoding import dwell_times_us, header_of, noise_dwell_us
from fourfold.formats.twix.line_headers import FLAGS, Lines, find_lines
from fourfold.formats.twix.measurements import Measurement, ProtocolText, is_twix, measurements, read_protocol
from fourfold.formats.twix.samples import coil_numbers, read_samples
from fourfold.formats.twix.table import steps_at_centre, table_of

__all__ = ["TwixFile"]

Array = npt.NDArray[Any]

COLLIDING = (*STEPS, "slice", "contrast", "phase", "repetition", "set", "average")
EXTRA = ("ida", "idb", "idc", "idd", "ide")
CORRECTED = 1 << 10
"""Flag of lines that the scanner multiplies by a factor of each coil."""


class TwixFile(LineFile):
    """Reads a measurement of a twix file; `LineFile` describes the frames.

    The last measurement is the scan, those before it are adjustments. Their noise lines serve where the scan has none
    and the coils are the same. Lines that share all counters are refused unless `repeats` says what they are.

    Parameters
    ----------
    path
        The file.
    measurement
        Index of the measurement to read, the last one unless given.
    repeats, centre, embedded, keep_oversampling
        As in `LineFile.arrange`.
    """

    format: ClassVar[str] = "Siemens twix"
    options: ClassVar[tuple[str, ...]] = ("measurement", "repeats", "centre", "embedded", "keep_oversampling")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the file begins as twix files of VB, VD, VE or XA do."""
        return is_twix(path)

    def __init__(
        self,
        path: Path,
        measurement: int | None = None,
        repeats: Repeats | None = None,
        centre: str | None = None,
        embedded: bool | None = None,
        keep_oversampling: bool = False,
    ) -> None:
        self.path = path
        found = measurements(path)
        index = len(found) - 1 if measurement is None else measurement
        if not 0 <= index < len(found):
            raise InputError(
                f"'{path}' has measurements 0 to {len(found) - 1}; {index} was asked for: choose one of them."
            )
        chosen = found[index]
        self.layout = chosen.layout
        protocol = read_protocol(path, chosen)
        lines = find_lines(path, chosen.layout, protocol.lines_start, chosen.end)
        if not len(lines.headers):
            raise InputError(f"'{path}' has no lines: the scan was stopped, or the file is cut; export it again.")
        noise = self._noise_of_adjustments(found[:index], lines)
        headers = np.concatenate([noise.headers, lines.headers])
        self.offsets = np.concatenate([noise.offsets, lines.offsets])
        table = table_of(headers, dwell_times_us(protocol))
        is_noise = (table["flags"] & np.uint64(NOISE)) != 0
        for samples in np.unique(table["number_of_samples"][is_noise]):
            same = is_noise & (table["number_of_samples"] == samples)
            table["sample_time_us"][same] = noise_dwell_us(protocol, int(samples))
        centres = steps_at_centre(table, headers)
        imaging = table[_is_imaging(table)]
        if not len(imaging):
            raise InputError(
                f"Measurement {index} of '{path}' has no imaging line: it is an adjustment, or was stopped before the "
                "first one; choose another one (--measurement), or export the scan again."
            )
        header = header_of(protocol, imaging, centres, path)
        self._check_collisions(headers, table, repeats)
        self.notes = self._reading_notes(lines, found, index, protocol)
        self.arrange(
            header, table, repeats=repeats, centre=centre, embedded=embedded, keep_oversampling=keep_oversampling
        )
        self.details = {**self.details, "measurements": len(found)}

    def _noise_of_adjustments(self, earlier: list[Measurement], lines: Lines) -> Lines:
        """Return the noise lines of the measurements before the scan, none where it has its own or coils differ."""
        flag = np.uint64(1 << FLAGS["NOISEADJSCAN"])
        nothing = Lines(lines.headers[:0], lines.offsets[:0], True)
        if ((lines.headers["flags"] & flag) != 0).any():
            return nothing
        for measurement in reversed(earlier):
            start = read_protocol(self.path, measurement).lines_start
            found = find_lines(self.path, measurement.layout, start, measurement.end)
            noise = np.flatnonzero((found.headers["flags"] & flag) != 0)
            if noise.size:
                coils = self._coils(found, int(noise[0]))
                same = coils == self._coils(lines, -1)
                alike = (found.headers["channels"][noise] == len(coils)).all()
                return Lines(found.headers[noise], found.offsets[noise], True) if same and alike else nothing
        return nothing

    def _coils(self, lines: Lines, index: int) -> list[int]:
        return coil_numbers(self.path, self.layout, int(lines.offsets[index]), lines.headers[index])

    def _check_collisions(self, headers: Array, table: Table, repeats: Repeats | None) -> None:
        """Refuse imaging lines that share all counters, which one would overwrite by the other."""
        if repeats is not None:
            return
        imaging = _is_imaging(table)
        cells = np.stack([table["idx"][name][imaging].astype(int) for name in COLLIDING], axis=1)
        numbers = cell_numbers(cells)
        counts = np.bincount(numbers)
        again = int((counts - 1).sum())
        if not again:
            return
        line = cells[np.argmax(counts[numbers] > 1)]
        extra = [name for name in EXTRA if np.ptp(headers["counter"][name][imaging])]
        other = f" They differ in the counters {', '.join(extra)}." if extra else ""
        raise InputError(
            f"{again} imaging lines of '{self.path}' share all counters with another one (line {line[0]}, slice "
            f"{line[2]} for example): echoes that XA's EPI does not count, or averages.{other} Make a frame of each "
            "with --repeats frames (in Python repeats='frames'), or average them with --repeats average."
        )

    def _reading_notes(
        self, lines: Lines, found: list[Measurement], index: int, protocol: ProtocolText
    ) -> tuple[str, ...]:
        notes = []
        if not lines.ended:
            notes.append("The measurement has no end mark: the scan was stopped early, or the file is cut.")
        if index != len(found) - 1:
            notes.append(f"Measurement {index} of {len(found)} was read, which is not the last one, the scan.")
        if ((lines.headers["flags"] & np.uint64(CORRECTED)) != 0).any():
            notes.append(
                "The scanner multiplies the coils of some lines by factors of its own (RAWDATACORRECTION); here they "
                "are as they were measured."
            )
        if any("XA" in word for word in protocol.parameter("SoftwareVersions", "Dicom", "Meas")):
            notes.append("Reading of files of Numaris XA has not been tested on a real one: check the image.")
        return tuple(notes)

    @contextmanager
    def open_lines(self) -> Iterator[LineReader]:
        """Open the file for as long as lines are read."""
        yield partial(read_samples, self.path, self.layout, self.offsets, self.table)


def _is_imaging(table: Table) -> npt.NDArray[np.bool_]:
    """Return which lines are for images and not for calibration alone."""
    return np.asarray((table["flags"] & np.uint64(NOISE | NOT_FOR_IMAGES | CALIBRATION)) == 0)
