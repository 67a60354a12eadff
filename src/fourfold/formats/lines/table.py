"""The headers of a raw file's lines as one table, and their roles by their flags.

Columns and flags are those of MRD: Inati et al., "ISMRM Raw data format", Magn Reson Med 77:411 (2017),
https://doi.org/10.1002/mrm.26089. Readers of other formats translate their headers into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "CALIBRATION",
    "CALIBRATION_AND_IMAGING",
    "COUNTERS",
    "LINES_AT_ONCE",
    "NAVIGATION",
    "NOISE",
    "NOT_FOR_IMAGES",
    "PHASE_CORRECTION",
    "REVERSE",
    "STEPS",
    "TABLE",
    "Indices",
    "LineReader",
    "Roles",
    "Table",
    "is_reversed",
    "roles",
    "turn_reversed",
    "valid_range",
]

Table = npt.NDArray[np.void]
Indices = npt.NDArray[np.intp]
LineReader = Callable[[Indices], Iterator[tuple[Indices, Any]]]
"""Reads lines of a file that is open: yields (indices, samples), a few lines at a time, all of one length, complex64
(line, coil, sample). Reversed lines are turned round, so that all run the same way."""

# Bits of an acquisition's flags, as ISMRMRD's ismrmrd.h numbers them.
NOISE, CALIBRATION, CALIBRATION_AND_IMAGING, REVERSE = (1 << bit for bit in (18, 19, 20, 21))
NAVIGATION, PHASE_CORRECTION = (1 << bit for bit in (22, 23))
# Navigator, phase correction, feedback (two kinds), dummy, surface coil correction, phase stabilisation (two kinds).
NOT_FOR_IMAGES = sum(1 << bit for bit in (22, 23, 25, 26, 27, 28, 29, 30))

STEPS = ("kspace_encode_step_1", "kspace_encode_step_2")
"""Counters of lines and partitions."""
COUNTERS = (*STEPS, "average", "slice", "contrast", "phase", "repetition", "set", "segment")
TABLE = np.dtype(
    [
        ("flags", "<u8"),
        ("number_of_samples", "<u2"),
        ("active_channels", "<u2"),
        ("discard_pre", "<u2"),
        ("discard_post", "<u2"),
        ("center_sample", "<u2"),
        ("encoding_space_ref", "<u2"),
        ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"),
        ("position", "<f4", (3,)),
        ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)),
        ("slice_dir", "<f4", (3,)),
        ("idx", [(name, "<u2") for name in COUNTERS]),
    ]
)
"""What a table has of every line; its meaning is that of MRD."""
LINES_AT_ONCE = 128


@dataclass(frozen=True)
class Roles:
    """Indices of the lines by role; a line may be both an imaging and a calibration line."""

    imaging: Indices
    calibration: Indices
    noise: Indices
    phase_correction: Indices
    """Navigators of EPI: lines without phase encoding, read both ways."""
    left_out: int


def roles(table: Table, encoding: int, embedded: bool) -> Roles:
    """Sort the lines of one encoding space by their flags.

    Calibration lines that are not marked as imaging lines too serve as both where the calibration is `embedded` in the
    acquisition; elsewhere their contrast may differ, and they are kept apart.
    """
    flags = table["flags"]

    def flagged(bits: int) -> npt.NDArray[np.bool_]:
        return np.asarray((flags & np.uint64(bits)) != 0)

    noise = flagged(NOISE)
    here = ~noise & (table["encoding_space_ref"] == encoding)
    phase_correction = here & flagged(PHASE_CORRECTION)
    usable = here & ~flagged(NOT_FOR_IMAGES)
    apart = flagged(CALIBRATION) & ~flagged(CALIBRATION_AND_IMAGING) & (not embedded)
    calibration = usable & flagged(CALIBRATION | CALIBRATION_AND_IMAGING) & bool((usable & apart).any())
    return Roles(
        imaging=np.flatnonzero(usable & ~apart),
        calibration=np.flatnonzero(calibration),
        noise=np.flatnonzero(noise),
        phase_correction=np.flatnonzero(phase_correction),
        left_out=int((~usable & ~noise & ~phase_correction).sum()),
    )


def is_reversed(rows: Table) -> npt.NDArray[np.bool_]:
    """Return which lines were acquired from the end to the start."""
    return np.asarray((rows["flags"] & np.uint64(REVERSE)) != 0)


def turn_reversed(samples: Any, rows: Table) -> None:
    """Turn the reversed ones of lines (line, coil, sample) round, in place."""
    reverse = is_reversed(rows)
    samples[reverse] = samples[reverse, :, ::-1]


def valid_range(rows: Table) -> tuple[Indices, Indices]:
    """Return each line's first valid sample and the one after its last, counted in the turned line."""
    before, after = rows["discard_pre"].astype(int), rows["discard_post"].astype(int)
    reverse = is_reversed(rows)
    before, after = np.where(reverse, after, before), np.where(reverse, before, after)
    return before, rows["number_of_samples"].astype(int) - after
