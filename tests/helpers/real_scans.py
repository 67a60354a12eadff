"""Undersampled scans of real data."""

from fourfold.sampling import random, regular
from fourfold.scan import Scan


def four_times_undersampled(full: Scan, pattern: str) -> Scan:
    """Return a scan with a quarter of its lines, regular (and 22 calibration lines) or random ones."""
    sampling = regular(full.shape, 4, lines=22) if pattern == "regular" else random(full.shape, 4, centre=0.08)
    return full.with_sampling(sampling)
