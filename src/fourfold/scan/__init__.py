"""The two values that every method works on: `Scan` in, `Reconstruction` out."""

from fourfold.scan.frame_labels import CONTRASTS, LABELS, PLACES, TIMES, FrameLabels, check_labels
from fourfold.scan.geometry import Affine, Geometry, Placement, Vector
from fourfold.scan.identity import Identity
from fourfold.scan.protocol import Protocol
from fourfold.scan.raw_sampling import Axis, RawSampling, centre_slice, crop_centre, find_acquired
from fourfold.scan.raw_scan import AnyScan, RawScan, Source
from fourfold.scan.reconstruction import FrameRecord, Reconstruction, Record, common_details, mean_scale
from fourfold.scan.same_grid import on_grid_of
from fourfold.scan.scan import Sampling, Scan, acquired_samples, check_scan
from fourfold.scan.trajectory import RawTrajectory, Trajectory

__all__ = [
    "CONTRASTS",
    "LABELS",
    "PLACES",
    "TIMES",
    "Affine",
    "AnyScan",
    "Axis",
    "FrameLabels",
    "FrameRecord",
    "Geometry",
    "Identity",
    "Placement",
    "Protocol",
    "RawSampling",
    "RawScan",
    "RawTrajectory",
    "Reconstruction",
    "Record",
    "Sampling",
    "Scan",
    "Source",
    "Trajectory",
    "Vector",
    "acquired_samples",
    "centre_slice",
    "check_labels",
    "check_scan",
    "common_details",
    "crop_centre",
    "find_acquired",
    "mean_scale",
    "on_grid_of",
]
