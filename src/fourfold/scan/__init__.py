"""The two values that flow through everything: `Scan` in, `Reconstruction` out."""

from fourfold.scan.scan import (
    PLACE_LABELS,
    Axis,
    FrameRecord,
    Geometry,
    Placement,
    Reconstruction,
    Record,
    Sampling,
    Scan,
    Source,
    Vector,
    acquired_samples,
    agreed_details,
    centre_slice,
    check_scan,
    crop_centre,
    mean_scale,
)
from fourfold.scan.trajectory import Trajectory

__all__ = [
    "PLACE_LABELS",
    "Axis",
    "FrameRecord",
    "Geometry",
    "Placement",
    "Reconstruction",
    "Record",
    "Sampling",
    "Scan",
    "Source",
    "Trajectory",
    "Vector",
    "acquired_samples",
    "agreed_details",
    "centre_slice",
    "check_scan",
    "crop_centre",
    "mean_scale",
]
