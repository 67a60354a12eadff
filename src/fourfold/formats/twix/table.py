"""The headers of twix lines as the table that all readers of lines share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.formats.lines.table import (
    CALIBRATION,
    CALIBRATION_AND_IMAGING,
    NAVIGATION,
    NOISE,
    NOT_FOR_IMAGES,
    PHASE_CORRECTION,
    REVERSE,
    STEPS,
    TABLE,
    Table,
)
from fourfold.formats.twix.line_headers import FLAGS

__all__ = ["steps_at_centre", "table_of"]

Array = npt.NDArray[Any]

COUNTERS = {
    STEPS[0]: "lin",
    STEPS[1]: "par",
    "average": "ave",
    "slice": "sli",
    "contrast": "eco",
    "phase": "phs",
    "repetition": "rep",
    "set": "set",
    "segment": "seg",
}
HIGH_FEEDBACK, DUMMY, FEEDBACK, PHASE_REFERENCE, PHASE_STABILISATION = (1 << bit for bit in (25, 26, 27, 29, 30))
PLAIN_FLAGS = {
    "NOISEADJSCAN": NOISE,
    "REFLECT": REVERSE,
    "PHASCOR": PHASE_CORRECTION,
    "RTFEEDBACK": FEEDBACK,
    "HPFEEDBACK": HIGH_FEEDBACK,
    "REFPHASESTABSCAN": PHASE_REFERENCE,
    "PHASESTABSCAN": PHASE_STABILISATION,
    "RETRO_DUMMYSCAN": DUMMY,
    "FIDNAV": NAVIGATION,
    "SLICE_ACCEL_REFSCAN": DUMMY,
    "SLICE_ACCEL_PHASCOR": DUMMY,
    "PATREFANDIMASCAN": CALIBRATION_AND_IMAGING,
}


def table_of(headers: Array, dwell_us: list[float]) -> Table:
    """Return the table of lines.

    Parameters
    ----------
    headers
        As `Layout.header` has them, (line,).
    dwell_us
        Duration of a sample in µs for each contrast, 0 where it is not known.
    """
    table = np.zeros(len(headers), TABLE)
    flags = headers["flags"]

    def flagged(name: str) -> npt.NDArray[np.bool_]:
        return np.asarray((flags >> np.uint64(FLAGS[name])) & np.uint64(1), bool)

    for name, bit in PLAIN_FLAGS.items():
        table["flags"][flagged(name)] |= np.uint64(bit)
    table["flags"][flagged("PATREFSCAN") & ~flagged("PATREFANDIMASCAN")] |= np.uint64(CALIBRATION)
    for column, name in (("number_of_samples", "samples"), ("active_channels", "channels")):
        table[column] = headers[name]
    table["center_sample"] = headers["centre_column"]
    table["discard_pre"], table["discard_post"] = headers["cutoff"][:, 0], headers["cutoff"][:, 1]
    for counter, name in COUNTERS.items():
        table["idx"][counter] = headers["counter"][name]
    table["sample_time_us"] = np.array(dwell_us)[np.minimum(headers["counter"]["eco"], len(dwell_us) - 1)]
    table["position"] = headers["position"]
    # The columns of the rotation are the directions of phase encoding, readout and slice.
    table["phase_dir"], table["read_dir"], table["slice_dir"] = _rotation(headers["quaternion"].astype(float))
    return table


def _rotation(quaternions: Array) -> tuple[Array, Array, Array]:
    """Return the columns of the rotations that quaternions (line, 4) stand for, the scalar first; zeros for none."""
    lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
    known = np.isfinite(lengths) & (lengths > 0)
    s, i, j, k = np.divide(quaternions, lengths, out=np.zeros_like(quaternions), where=known).T
    first = np.stack([1 - 2 * (j * j + k * k), 2 * (i * j + k * s), 2 * (i * k - j * s)], axis=1)
    second = np.stack([2 * (i * j - k * s), 1 - 2 * (i * i + k * k), 2 * (j * k + i * s)], axis=1)
    third = np.stack([2 * (i * k + j * s), 2 * (j * k - i * s), 1 - 2 * (i * i + j * j)], axis=1)
    return first * known, second * known, third * known


def steps_at_centre(table: Table, headers: Array) -> tuple[int, int]:
    """Give all lines one count of encoding steps, in place; return the steps at the centre of k-space.

    Each line states the centre of its own count, which calibration lines of another matrix may begin elsewhere. A
    calibration line that states 0 gives no centre of its own.
    """
    # Noise has no place in k-space; navigators may state another.
    placed = (table["flags"] & np.uint64(NOISE | NOT_FOR_IMAGES)) == 0
    apart = (table["flags"] & np.uint64(CALIBRATION)) != 0
    imaging = placed & ~apart
    centres = []
    for step, field in zip(STEPS, ("centre_line", "centre_partition"), strict=True):
        stated = headers[field].astype(int)
        usual = int(np.bincount(stated[imaging if imaging.any() else placed]).argmax()) if placed.any() else 0
        stated = np.where(apart & (stated == 0), usual, stated)
        places = table["idx"][step].astype(int)
        # Counts must not fall below 0.
        common = max(usual, int((stated - places)[placed].max(initial=0)))
        table["idx"][step][placed] = (places - stated + common)[placed]
        centres.append(common)
    return centres[0], centres[1]
