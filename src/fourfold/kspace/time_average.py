"""The time average of a dynamic series."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from fourfold.scan import Scan, Trajectory

__all__ = ["time_average"]


def time_average(scan: Scan) -> Scan:
    """Return the mean over time of a series as a scan of one frame: each sample is averaged over its acquisitions.

    Lines that are interleaved over time combine to a fully sampled k-space, from which the coil maps of all frames can
    be estimated (TSENSE, Kellman et al. 2001, MRM 45:846), even if no single frame has calibration lines. With a
    trajectory, the frame has the shots of all frames.

    Parameters
    ----------
    scan
        The frames of one slice. Calibration data and coil maps of several frames are averaged too.
    """
    scan = scan.without_silent_coils()
    if scan.trajectory is not None:
        return _joined_shots(scan, scan.trajectory)
    acquisitions = scan.mask.expand(scan.frames, -1, -1).sum(dim=0)
    kspace = (scan.kspace * scan.mask[:, None]).sum(dim=0, keepdim=True) / acquisitions.clamp_min(1)
    return scan.replace(
        kspace=kspace,
        sampling=replace(scan.sampling, mask=(acquisitions > 0)[None]),
        coil_maps=_mean(scan.coil_maps),
        calibration_kspace=_mean(scan.calibration_kspace),
        geometry=scan.geometry.part(0, 1),
        labels=scan.labels.in_common,
    )


def _joined_shots(scan: Scan, trajectory: Trajectory) -> Scan:
    mask = scan.mask.expand(scan.frames, -1, -1)
    return scan.replace(
        kspace=scan.kspace.movedim(0, 1).flatten(1, 2)[None],
        sampling=replace(scan.sampling, mask=mask.flatten(0, 1)[None]),
        coil_maps=_mean(scan.coil_maps),
        calibration_kspace=_mean(scan.calibration_kspace),
        geometry=scan.geometry.part(0, 1),
        labels=scan.labels.in_common,
        trajectory=trajectory.joined(scan.frames),
    )


def _mean(array: Tensor | None) -> Tensor | None:
    return None if array is None else array.mean(dim=0, keepdim=True)
