"""What a twix file's protocol says of the encoding, and facts of the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fourfold.errors import InputError
from fourfold.formats.lines.encoding import Encoding, Header, Limits
from fourfold.formats.lines.ramp import Ramp
from fourfold.formats.lines.table import STEPS, Table, is_reversed
from fourfold.formats.twix.facts import (
    MOST_CONTRASTS,
    THREE_DIMENSIONAL,
    facts_of,
    identity_of,
    protocol_of,
)
from fourfold.formats.twix.measurements import ProtocolText

__all__ = ["dwell_times_us", "header_of", "noise_dwell_us"]

TRAJECTORIES = {2: "radial", 4: "spiral", 8: "blade (PROPELLER)"}
CALIBRATION_MODES = {2: "embedded", 4: "separate", 8: "separate", 16: "interleaved", 32: "interleaved"}
CALIBRATION_MODES[64] = "interleaved"
NO_REGRIDDING, TRAPEZOID = 1, 2
SAME_FIELD_OF_VIEW = 1e-3
# The noise scan has 130 Hz per sample of the line; its dwell time is a multiple of 0.1 µs.
NOISE_BANDWIDTH_HZ = 130
LARGEST = 2**16 - 1
MOST_SLICES = 4096


def header_of(protocol: ProtocolText, imaging: Table, centres: tuple[int, int], path: Path) -> Header:
    """Return the encoding and the facts of a scan.

    Parameters
    ----------
    protocol
        The measurement's protocol.
    imaging
        The headers of the imaging lines, as a table.
    centres
        Encoding steps 1 and 2 at the centre of k-space.
    path
        The file, for messages.

    Raises
    ------
    InputError
        When the protocol lacks what is needed, or the scan is of a kind that cannot be read.
    """
    _check_kind(protocol, path)
    ramp = _ramp(protocol, path)
    base = _positive(protocol, "sKSpace.lBaseResolution", path)
    read_fov = _positive(protocol, "sSliceArray.asSlice[0].dReadoutFOV", path)
    phase_fov = _positive(protocol, "sSliceArray.asSlice[0].dPhaseFOV", path)
    thickness = _positive(protocol, "sSliceArray.asSlice[0].dThickness", path)
    _check_fields_of_view(protocol, read_fov, phase_fov, path)
    oversampling = (protocol.parameter_numbers("flReadoutOSFactor", "Dicom", "Meas") or [2.0])[0]
    nx = _readout_size(imaging, round(base * oversampling), ramp)
    phase_whole = phase_fov * (1 + (protocol.number("sKSpace.dPhaseOversamplingForDialog", 0.0) or 0.0))
    ny = max(round(phase_whole * base / read_fov), _extent(imaging, STEPS[0], centres[0]))
    three = protocol.number("sKSpace.ucDimension") == THREE_DIMENSIONAL
    images = round(_positive(protocol, "sKSpace.lImagesPerSlab", path)) if three else 1
    slab_share = 1 + (protocol.number("sKSpace.dSliceOversamplingForDialog", 0.0) or 0.0) if three else 1.0
    nz = max(round(images * slab_share), _extent(imaging, STEPS[1], centres[1])) if three else 1
    sizes = (nx, ny, nz, round(base))
    if not all(0 < size <= LARGEST for size in sizes):
        raise InputError(
            f"The protocol in '{path}' describes a matrix of {nx}×{ny}×{nz}, which cannot be: copy the file from the "
            "scanner again."
        )
    encoding = Encoding(
        matrix=(nx, ny, nz),
        field_of_view=(read_fov * nx / base, phase_whole, thickness * slab_share),
        recon_matrix=(round(base), max(1, round(phase_fov * base / read_fov)), images),
        recon_field_of_view=(read_fov, phase_fov, thickness),
        trajectory="epi" if _is_epi(protocol, imaging, ramp) else "cartesian",
        lines=_limits(imaging, STEPS[0], centres[0]),
        partitions=_limits(imaging, STEPS[1], centres[1]),
        calibration_mode=CALIBRATION_MODES.get(int(protocol.number("sPat.ucRefScanMode", 0) or 0)),
        ramp=ramp,
    )
    values, protocol_notes = protocol_of(protocol)
    identity, identity_notes = identity_of(protocol)
    return Header((encoding,), facts_of(values), values, identity, (*protocol_notes, *identity_notes))


def _check_kind(protocol: ProtocolText, path: Path) -> None:
    """Refuse trajectories that are not Cartesian, and slices that were excited together."""
    trajectory = TRAJECTORIES.get(int(protocol.number("sKSpace.ucTrajectory", 1) or 1))
    if trajectory is not None:
        raise InputError(
            f"'{path}' is a {trajectory} scan, whose trajectory twix files do not hold: save the samples as 'kspace' "
            "and their points as 'trajectory' in an .npz file."
        )
    bands = protocol.number("sSliceAcceleration.lMultiBandFactor", 1) or 1
    if bands > 1:
        raise InputError(
            f"'{path}' holds {bands:.0f} slices that were excited together (SMS), which fourfold cannot separate: "
            "separate them first, and save the result as MRD or .npz."
        )


def _positive(protocol: ProtocolText, name: str, path: Path) -> float:
    value = protocol.number(name)
    if value is None or not 0 < value < 1e6:
        found = "does not give" if value is None else f"gives {value:g} for"
        raise InputError(
            f"The protocol in '{path}' {found} {name}, a positive number: copy the file from the scanner again."
        )
    return value


def _check_fields_of_view(protocol: ProtocolText, read: float, phase: float, path: Path) -> None:
    """Refuse slices of different fields of view, which share no grid."""
    for index in range(1, min(MOST_SLICES, int(protocol.number("sSliceArray.lSize", 1) or 1))):
        for name, first in (("dReadoutFOV", read), ("dPhaseFOV", phase)):
            value = protocol.number(f"sSliceArray.asSlice[{index}].{name}", first) or 0.0
            if abs(value - first) > SAME_FIELD_OF_VIEW * first:
                raise InputError(
                    f"The slices in '{path}' have different fields of view ({first:g} and {value:g} mm): export each "
                    "slice group as a scan of its own."
                )


def _readout_size(imaging: Table, expected: int, ramp: Ramp | None) -> int:
    """Return the points of the readout: as the protocol says, or more where the lines reach further."""
    if ramp is not None:
        return expected
    before = imaging["center_sample"].astype(int)
    after = imaging["number_of_samples"].astype(int) - before
    return max(expected, 2 * int(np.maximum(before, after).max()))


def _extent(imaging: Table, step: str, centre: int) -> int:
    """Return the points of an axis that hold all lines, with the centre at the middle."""
    places = imaging["idx"][step].astype(int)
    return 2 * max(centre - int(places.min()), int(places.max()) - centre + 1)


def _limits(imaging: Table, step: str, centre: int) -> Limits:
    places = imaging["idx"][step].astype(int)
    return Limits(min(int(places.min()), centre), max(int(places.max()), centre), centre)


def _is_epi(protocol: ProtocolText, imaging: Table, ramp: Ramp | None) -> bool:
    factor = protocol.number("sFastImaging.lEPIFactor", 1) or 1
    return bool(is_reversed(imaging).any()) and (ramp is not None or factor > 1)


def _ramp(protocol: ProtocolText, path: Path) -> Ramp | None:
    """Return the readout gradient whose ramps hold samples, None where the scanner does not regrid."""
    modes = protocol.parameter_numbers("alRegridMode", "Meas")
    if not modes or modes[0] <= NO_REGRIDDING:
        return None
    if modes[0] != TRAPEZOID:
        raise InputError(
            f"'{path}' was sampled on sinusoidal ramps (regridding mode {modes[0]:.0f}), which fourfold does not "
            "regrid: convert it with siemens_to_ismrmrd, regrid it, and open the result."
        )
    names = ("alRegridRampupTime", "alRegridFlattopTime", "alRegridRampdownTime", "alRegridDelaySamplesTime")
    times = [protocol.parameter_numbers(name, "Meas") for name in names]
    duration = protocol.parameter_numbers("aflRegridADCDuration", "Meas")
    samples = protocol.parameter_numbers("alRegridDestSamples", "Meas")
    if not all(times) or not duration or not samples or samples[0] < 1:
        raise InputError(
            f"The protocol in '{path}' does not say how its ramps were sampled: copy the file from the scanner again."
        )
    rise, flat, fall, delay = (time[0] for time in times)
    return Ramp(rise, flat, fall, delay, dwell=duration[0] / samples[0])


def dwell_times_us(protocol: ProtocolText) -> list[float]:
    """Return the duration of a sample in µs for each contrast; 0 where the protocol does not say."""
    times = protocol.numbers("sRXSPEC.alDwellTime", MOST_CONTRASTS)
    return [time / 1000 for time in times]


def noise_dwell_us(protocol: ProtocolText, samples: int) -> float:
    """Return the duration of a sample of the noise scan in µs; 0 for XA, which does not say."""
    software = " ".join(protocol.parameter("SoftwareVersions", "Dicom", "Meas"))
    if "XA" in software:
        return 0.0
    return int(1e7 / (NOISE_BANDWIDTH_HZ * samples)) / 10
