"""Frames of any raw file as lines, so that they can be written as MRD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.encoding import Encoding, Limits
from fourfold.formats.lines.table import CALIBRATION, NOISE, STEPS, TABLE, Table
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import PLACES, FrameLabels, RawScan

__all__ = ["Block", "encoding_of_frames", "lines_of_frames"]

Array = npt.NDArray[Any]
Block = tuple[Table, Array, Array | None]
"""Headers, samples (line, coil, sample) and points (line, sample, 2) of lines."""

LARGEST = 2**16 - 1
COUNTERS = ("contrast", "phase", "repetition", "set", "average", "segment")
TIMES = ("time", "time2")
"""Labels that MRD has no counter for; the first that varies becomes the repetition."""


def encoding_of_frames(file: ScanFile, first: RawScan) -> Encoding:
    """Return the encoding of a file's frames, of which the first is given.

    Raises
    ------
    InputError
        For a grid that is too large for MRD.
    """
    ny, nx = first.shape
    dz, dy, dx = first.geometry.voxel_size
    recon_y, recon_x = first.geometry.image_size or (ny, nx)
    if max(ny, nx, first.kspace.shape[3]) > LARGEST:
        raise InputError(f"'{file.path}' has a grid of {ny}×{nx}; MRD holds at most {LARGEST} points along an axis.")
    thickness = first.geometry.slice_thickness or dz or 0.0
    encoding = Encoding(
        matrix=(nx, ny, 1),
        field_of_view=(nx * (dx or 0.0), ny * (dy or 0.0), thickness),
        recon_matrix=(recon_x, recon_y, 1),
        recon_field_of_view=(recon_x * (dx or 0.0), recon_y * (dy or 0.0), thickness),
        trajectory="cartesian" if first.trajectory is None else first.trajectory.kind,
        lines=Limits(0, ny - 1, ny // 2),
        partitions=None,
        calibration_mode=None if first.calibration_kspace is None else "separate",
        shown=None if dx and dy else (recon_x, recon_y, 1),
    )
    if _is_turned(first):
        encoding = replace(encoding.turned(), lines=Limits(0, nx - 1, nx // 2))
    return encoding


def lines_of_frames(file: ScanFile, first: RawScan) -> Iterator[Block]:
    """Yield the lines of a file's frames, one frame after the other: noise, then calibration and image.

    Parameters
    ----------
    file
        The file.
    first
        Its first frame.
    """
    conjugate = "siemens" in (file.protocol.vendor or "").lower()
    labels = _counters(file.labels(range(file.frames)), file)
    for block in _blocks(file, first, labels):
        rows, samples, points = block
        # Readers conjugate the samples of Siemens files, whose directions belong to the forward transform.
        yield rows, samples.conj() if conjugate else samples, points


def _blocks(file: ScanFile, first: RawScan, labels: dict[str, list[int]]) -> Iterator[Block]:
    if first.noise is not None:
        yield from _noise(first.noise)
    for frame in range(file.frames):
        scan = first if frame == 0 else file.read_checked([frame])
        if scan.coils != first.coils:
            raise InputError(
                f"Frame {frame} of '{file.path}' has {scan.coils} coils with signal and frame 0 {first.coils}; lines "
                "of MRD must all have the same: leave such coils or frames out first."
            )
        counters = {name: numbers[frame] for name, numbers in labels.items()}
        if scan.trajectory is not None:
            yield _shots(scan, counters)
            continue
        if scan.calibration_kspace is not None:
            yield _calibration(scan, counters)
        yield from _rows(scan, counters, f"Frame {frame} of '{file.path}'")


def _counters(labels: FrameLabels, file: ScanFile) -> dict[str, list[int]]:
    """Return MRD's counters of all frames: slices are the places, which MRD has no other name for."""
    varying = labels.varying
    unknown = [name for name in varying if name not in (*PLACES, *COUNTERS, *TIMES)]
    times = [name for name in TIMES if name in varying]
    if unknown or len(times) + ("repetition" in varying) > 1:
        raise InputError(
            f"MRD has no counter for the labels {', '.join(unknown or [*times, 'repetition'])} of the frames in "
            f"'{file.path}': convert a part of the frames, or name them otherwise with --frames-are."
        )
    if not labels.known:
        return {"slice": list(range(file.frames))}
    zeros = [0] * file.frames
    places = list(zip(*(labels.numbers.get(name, zeros) for name in reversed(PLACES)), strict=True))
    order = {place: rank for rank, place in enumerate(sorted(set(places)))}
    counters = {name: list(labels.numbers[name]) for name in COUNTERS if name in labels.numbers}
    if times:
        counters["repetition"] = list(labels.numbers[times[0]])
    return {"slice": [order[place] for place in places], **counters}


def _is_turned(scan: RawScan) -> bool:
    """Whether whole columns are lines, so that x and y must be exchanged."""
    return scan.trajectory is None and scan.line_axis == "kx"


def _table(scan: RawScan, count: int, counters: dict[str, int]) -> Table:
    """Return headers of lines with counters and place of a frame."""
    table = np.zeros(count, TABLE)
    table["active_channels"] = scan.coils
    for name, number in counters.items():
        table["idx"][name] = number
    if scan.geometry.placements:
        place = scan.geometry.placements[0]
        read, phase = (place.y_axis, place.x_axis) if _is_turned(scan) else (place.x_axis, place.y_axis)
        table["read_dir"], table["phase_dir"], table["slice_dir"] = read, phase, place.slice_axis
        table["position"] = (np.nan,) * 3 if place.centre is None else place.centre
    return table


def _rows(scan: RawScan, counters: dict[str, int], where: str) -> Iterator[Block]:
    """Yield the lines of a Cartesian frame: whole ones, or those that begin and end alike together."""
    kspace, mask = scan.kspace[0], scan.mask[0]
    if _is_turned(scan):
        kspace, mask = kspace.swapaxes(1, 2), mask.T
    nx = mask.shape[1]
    acquired = np.flatnonzero(mask.any(axis=1))
    first = mask[acquired].argmax(axis=1)
    end = nx - mask[acquired][:, ::-1].argmax(axis=1)
    if (mask[acquired].sum(axis=1) != end - first).any():
        raise InputError(
            f"{where} is undersampled along both axes; lines of MRD have all their samples: keep it as .npz."
        )
    for start, stop in sorted(set(zip(first.tolist(), end.tolist(), strict=True))):
        chosen = acquired[(first == start) & (end == stop)]
        table = _table(scan, len(chosen), counters)
        table["number_of_samples"] = stop - start
        table["center_sample"] = np.clip(nx // 2 - start, 0, LARGEST)
        table["idx"][STEPS[0]] = chosen
        if nx // 2 < start:
            raise InputError(f"{where} has lines that begin behind the centre of k-space, which MRD cannot say.")
        yield table, kspace[:, chosen, start:stop].swapaxes(0, 1), None


def _calibration(scan: RawScan, counters: dict[str, int]) -> Block:
    assert scan.calibration_kspace is not None
    box, (ny, nx) = scan.calibration_kspace[0], scan.shape
    if _is_turned(scan):
        box, ny, nx = box.swapaxes(1, 2), nx, ny
    lines, samples = box.shape[1:]
    table = _table(scan, lines, counters)
    table["flags"] = CALIBRATION
    table["number_of_samples"], table["center_sample"] = samples, samples // 2
    table["idx"][STEPS[0]] = np.arange(lines) - lines // 2 + ny // 2
    return table, box.swapaxes(0, 1), None


def _shots(scan: RawScan, counters: dict[str, int]) -> Block:
    assert scan.trajectory is not None
    _, _, shots, samples = scan.kspace.shape
    table = _table(scan, shots, counters)
    table["number_of_samples"], table["center_sample"] = samples, samples // 2
    table["trajectory_dimensions"] = 2
    table["idx"][STEPS[0]] = np.arange(shots)
    # (ky, kx) here, (kx, ky) in MRD.
    return table, scan.kspace[0].swapaxes(0, 1), scan.trajectory.points[0, ..., ::-1]


def _noise(noise: Array) -> Iterator[Block]:
    """Yield a noise scan (coil, sample) as lines of a length that MRD can hold."""
    for start in range(0, noise.shape[1], LARGEST):
        part = noise[:, start : start + LARGEST]
        table = np.zeros(1, TABLE)
        table["flags"], table["active_channels"], table["number_of_samples"] = NOISE, *part.shape
        yield table, part[None], None
