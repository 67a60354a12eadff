"""What the frames of a dynamic series share."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from fourfold.scan import Scan, Trajectory

__all__ = ["time_average"]


def time_average(scan: Scan) -> Scan:
    """Return the mean over time of a series as a scan of one frame: each sample over the frames that acquired it.

    Lines interleaved over time add up to a fully sampled k-space, whose coil maps are those of every frame (as in
    TSENSE, Kellman et al. 2001, Magn. Reson. Med. 45:846), although no single frame could be calibrated. With a
    trajectory the shots of all frames become those of the one frame.

    Parameters
    ----------
    scan
        The frames of one slice, moving or not. Calibration data and coil maps of several frames are averaged too.
    """
    scan = scan.without_silent_coils()
    if scan.trajectory is not None:
        return _joined_shots(scan, scan.trajectory)
    times = scan.mask.expand(scan.frames, -1, -1).sum(dim=0)
    kspace = (scan.kspace * scan.mask[:, None]).sum(dim=0, keepdim=True) / times.clamp_min(1)

    return scan.replace(
        kspace=kspace,
        sampling=replace(scan.sampling, mask=(times > 0)[None]),
        coil_maps=_mean(scan.coil_maps),
        calibration_kspace=_mean(scan.calibration_kspace),
        geometry=scan.geometry.part(0, 1),
    )


def _joined_shots(scan: Scan, trajectory: Trajectory) -> Scan:
    mask = scan.mask.expand(scan.frames, -1, -1)
    return scan.replace(
        kspace=scan.kspace.movedim(0, 1).flatten(1, 2)[None],
        sampling=replace(scan.sampling, mask=mask.flatten(0, 1)[None]),
        coil_maps=_mean(scan.coil_maps),
        calibration_kspace=_mean(scan.calibration_kspace),
        geometry=scan.geometry.part(0, 1),
        trajectory=trajectory.joined(scan.frames),
    )


def _mean(array: Tensor | None) -> Tensor | None:
    return None if array is None else array.mean(dim=0, keepdim=True)
