"""Whether a scan is out of distribution for trained weights, judged by its measured samples alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.scan import Scan
from fourfold.weights.manifest import ScanStatistics, TrainingData

__all__ = [
    "FEWEST_SCANS",
    "distance",
    "measure_scan_statistics",
    "out_of_distribution_notes",
    "pattern_kind",
    "scan_features",
    "training_subject_notes",
]

FEWEST_SCANS = 60
"""Fewest frames that statistics are computed from."""
# Borders of the rings in k-space, in cycles per pixel, and sectors of each ring over half a turn.
_RINGS = (0, *(2.0**power for power in range(-6, 0)))
_SECTORS = 8
# Side of the calibration region in samples, fewest samples that show an object, side of the image in pixels.
_REGION, _FEWEST_SAMPLES, _PIXELS = 16, 12, 48
# Pixels above this fraction of the maximum belong to the object.
_OBJECT_LEVEL = 0.15
# Borders of the rings in the object, and radius of its inner part, in standard deviations of its shape.
_RADII = (0, 0.5, 1, 1.5, 2, 2.5)
_INNER_RADIUS = 1.5
# The limit is a quantile of the left-out subjects' distances, times a margin for other scanners.
_QUANTILE, _MARGIN = 0.99, 1.3
# Smallest variance along a principal axis, as a fraction of the largest.
_SMALLEST_VARIANCE = 1e-3


def scan_features(scan: Scan) -> Tensor:
    """Return features of what a frame shows, float64 (feature,).

    They do not depend on the scale, and hardly on position and quarter turns. Two groups:

    - energy of the acquired samples: its decay with the distance from the k-space centre, and the second and fourth
      angular harmonic in each ring;
    - the low-resolution image: size and elongation of the object, and mean and standard deviation of the brightness in
      elliptical rings.

    A head is a compact oval, a knee has edges of one direction, a chest fills the field of view and has dark lungs.

    Parameters
    ----------
    scan
        One Cartesian frame.

    Raises
    ------
    InputError
        When fewer than 12 samples along an axis are fully sampled around the centre.
    """
    return torch.cat([_kspace_features(scan), _image_features(scan)])


def pattern_kind(scan: Scan) -> str:
    """Return the kind of sampling pattern: ``full``, ``lines`` or ``points``."""
    mask = scan.mask
    if bool(mask.all()):
        return "full"
    rows, columns = mask.any(dim=2, keepdim=True), mask.any(dim=1, keepdim=True)
    return "lines" if torch.equal(rows & columns, mask) and (bool(rows.all()) or bool(columns.all())) else "points"


def distance(statistics: ScanStatistics, features: Tensor) -> float:
    """Return the Mahalanobis distance of features (feature,) from the mean, over √(number of features)."""
    whitening = torch.tensor(statistics.whitening, dtype=torch.float64)
    deviation = features.cpu() - torch.tensor(statistics.mean, dtype=torch.float64)
    return float((whitening @ deviation).square().mean().sqrt())


def out_of_distribution_notes(scan: Scan, statistics: ScanStatistics | None) -> tuple[str, ...]:
    """Return how a scan differs from those that weights were trained on, one sentence each.

    Parameters
    ----------
    scan
        The measured data, of one or more frames. The frame with the largest distance counts.
    statistics
        Of the training scans; None where the manifest has none.
    """
    if statistics is None:
        return (
            "The manifest of these weights has no scan statistics: whether this scan is in distribution is unknown.",
        )
    notes = []
    fewest, most = statistics.coils
    if not fewest <= scan.coils <= most:
        trained = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        notes.append(f"The scan has {scan.coils} coils; the network was trained on {trained}.")
    low, high = statistics.acceleration
    if not 0.95 * low <= scan.acceleration <= 1.05 * high:
        trained = f"{low:.1f}×" if high - low < 0.1 else f"{low:.1f} to {high:.1f}×"
        notes.append(f"The scan is accelerated {scan.acceleration:.1f}×; the network was trained on {trained}.")
    pattern = pattern_kind(scan)
    if pattern not in statistics.patterns:
        trained = " and ".join(f"'{name}'" for name in statistics.patterns)
        notes.append(f"The scan's sampling pattern is of the kind '{pattern}'; the network was trained on {trained}.")
    return (*notes, *_distance_notes(scan, statistics))


def training_subject_notes(scan: Scan, training_data: Iterable[TrainingData]) -> tuple[str, ...]:
    """Return a sentence where the training data names the subject of the scan's source."""
    subject = scan.source.details.get("subject")
    if not subject or not any(subject in source.name for source in training_data):
        return ()
    return (
        f"The network was trained on this subject, {subject}: the image quality does not carry over to other subjects.",
    )


def measure_scan_statistics(scans: Iterable[Scan], subjects: Sequence[str]) -> ScanStatistics:
    """Return the statistics of the scans that weights were trained on, for their manifest.

    A scan is out of distribution beyond a limit: 1.3 times the 99 % quantile of the scans' distances from the
    statistics of all other subjects.

    Parameters
    ----------
    scans
        Undersampled as in training. Every frame counts. An iterator is enough.
    subjects
        Name of the subject of each scan.

    Raises
    ------
    InputError
        For fewer than 60 frames, or fewer than three subjects.
    """
    rows, row_subjects, coils, accelerations, patterns = [], [], set(), set(), set()
    for scan, subject in zip(scans, subjects, strict=True):
        for index in range(scan.frames):
            rows.append(scan_features(scan.frame(index)).cpu())
            row_subjects.append(subject)
        coils.add(scan.coils)
        accelerations.add(scan.acceleration)
        patterns.add(pattern_kind(scan))
    if len(rows) < FEWEST_SCANS or len(set(row_subjects)) < 3:
        raise InputError(
            f"{len(rows)} frames of {len(set(row_subjects))} subjects were given; scan statistics need {FEWEST_SCANS} "
            "frames of three subjects at least: give more of the training data."
        )
    features = torch.stack(rows)
    mean, whitening = _mean_and_whitening(features)
    return ScanStatistics(
        scans=len(rows),
        coils=(min(coils), max(coils)),
        acceleration=(min(accelerations), max(accelerations)),
        patterns=tuple(sorted(patterns)),
        mean=_rounded(mean),
        whitening=tuple(_rounded(row) for row in whitening),
        limit=_MARGIN * float(_left_out_distances(features, row_subjects).quantile(_QUANTILE)),
    )


def _kspace_features(scan: Scan) -> Tensor:
    """Return decay and angular harmonics of the acquired samples' energy."""
    ny, nx = scan.shape
    energy = scan.kspace[0].abs().square().sum(dim=0, dtype=torch.float64)
    device = energy.device
    ky = (torch.arange(ny, device=device) - ny // 2)[:, None] / ny
    kx = (torch.arange(nx, device=device) - nx // 2)[None] / nx
    rings = torch.bucketize(torch.hypot(ky, kx), torch.tensor(_RINGS[1:], device=device), right=True)
    # Half a turn: opposite samples of a real object are conjugates, and partial Fourier omits one of them.
    half_turns = (torch.atan2(ky, kx) / math.pi) % 1
    sectors = (half_turns * _SECTORS).long().clamp_max(_SECTORS - 1)
    count = len(_RINGS) - 1
    inside = scan.mask[0] & (rings < count)
    cells = (rings * _SECTORS + sectors)[inside]
    sums, samples = (
        torch.zeros(count * _SECTORS, dtype=torch.float64, device=device).index_add_(0, cells, values)
        for values in (energy[inside], torch.ones_like(energy[inside]))
    )
    # Means rather than sums, because the sampling density varies. A sector without samples has its ring's mean.
    sums, samples = sums.view(count, _SECTORS), samples.view(count, _SECTORS)
    ring = (sums.sum(dim=1) / samples.sum(dim=1).clamp_min(1)).clamp_min(1e-12 * float(energy.max()))
    means = torch.where(samples > 0, sums / samples.clamp_min(1), ring[:, None])
    decay = (ring[1:] / ring[:2].mean()).log()
    spectrum = torch.fft.rfft(means, dim=1).abs()
    harmonics = spectrum[:, 1:3] / spectrum[:, :1]
    return torch.cat([decay, harmonics.flatten()])


def _image_features(scan: Scan) -> Tensor:
    """Return elongation, size and brightness profile of the object in the low-resolution image."""
    centre = central_calibration(scan, minimum=_FEWEST_SAMPLES, size=_REGION)
    image = root_sum_of_squares(low_resolution_images(centre, (_PIXELS, _PIXELS)))[0].double()
    image = image / image.max()
    positions = (torch.arange(_PIXELS, dtype=torch.float64, device=image.device) - _PIXELS // 2) / _PIXELS
    points = torch.stack(torch.meshgrid(positions, positions, indexing="ij"), dim=-1).flatten(0, 1)
    weights = torch.where(image > _OBJECT_LEVEL, image, 0).flatten()
    weights = weights / weights.sum()
    points = points - weights @ points
    variances, axes = torch.linalg.eigh(points.T @ (weights[:, None] * points))
    radius = (points @ axes / variances.sqrt()).norm(dim=1)
    brightness = image.flatten() / image.flatten()[radius < _INNER_RADIUS].mean()
    rings = [brightness[(radius >= inner) & (radius < outer)] for inner, outer in pairwise(_RADII)]
    # A ring outside the field of view has no pixels.
    rings = [ring if len(ring) else ring.new_zeros(1) for ring in rings]
    profile = [statistic for ring in rings for statistic in (ring.mean(), ring.std(correction=0))]
    size = variances.log().sum() / 4
    return torch.stack([(variances[1] / variances[0]).log(), size, *profile])


def _mean_and_whitening(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (feature,) and whitening matrix (feature, feature) of features (scan, feature)."""
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    variances, axes = torch.linalg.eigh(torch.cov(((features - mean) / deviation).T))
    whitening = (axes / variances.clamp_min(_SMALLEST_VARIANCE * float(variances[-1])).sqrt()).T / deviation
    return mean, whitening


def _left_out_distances(features: Tensor, subjects: Sequence[str]) -> Tensor:
    """Return the distance (scan,) of each scan from the statistics of all other subjects."""
    distances = features.new_empty(len(features))
    for subject in set(subjects):
        left_out = torch.tensor([name == subject for name in subjects])
        mean, whitening = _mean_and_whitening(features[~left_out])
        distances[left_out] = ((features[left_out] - mean) @ whitening.T).square().mean(dim=1).sqrt()
    return distances


def _distance_notes(scan: Scan, statistics: ScanStatistics) -> tuple[str, ...]:
    try:
        largest = max(distance(statistics, scan_features(scan.frame(index))) for index in range(scan.frames))
    except InputError:
        return ("The scan has too few calibration lines to tell whether it is out of distribution.",)
    if largest <= statistics.limit:
        return ()
    return (
        f"The scan is out of distribution: {largest:.1f} standard deviations from the training scans, whose limit is "
        f"{statistics.limit:.1f}; compare with another method, and do not trust details that it does not show.",
    )


def _rounded(values: Tensor) -> tuple[float, ...]:
    # Six digits keep the manifest readable.
    return tuple(float(f"{value:.6g}") for value in values.tolist())
