"""Whether a scan is like those that a network was trained on, told by its measured samples alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from fourfold.coils.calibration import calibration_kspace
from fourfold.coils.low_resolution import lowres_images
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.scan import Scan
from fourfold.weights.manifest import Domain, TrainingData

__all__ = ["FEWEST_SCANS", "distance", "domain_of", "features", "pattern_of", "remarks", "seen"]

# Rings of k-space, in cycles a pixel, and sectors of half a turn within each.
_RINGS = (0, *(2.0**power for power in range(-6, 0)))
_SECTORS = 8
# The low-resolution image: samples of the centre, the fewest that show an object, and pixels a side.
_CENTRE, _FEWEST, _PIXELS = 16, 12, 48
# The object is brighter than this part of the brightest pixel. Rings of its shape, in standard deviations of it.
_OBJECT = 0.15
_RADII = (0, 0.5, 1, 1.5, 2, 2.5)
_INSIDE = 1.5
# Scans of subjects left out lie within the first number in this share of cases; a margin for other scanners.
_SHARE, _MARGIN = 0.99, 1.3
# Directions of less than this part of the widest one's variance are taken for as wide.
_NARROWEST = 1e-3
FEWEST_SCANS = 60


def features(scan: Scan) -> Tensor:
    """Return numbers that tell what a frame shows, whatever the scale, position and quarter turn: float64 (feature,).

    From the acquired samples' energy: how it falls with the distance from the centre of k-space, and in each ring the
    second and fourth harmonic of its direction. From the low-resolution image of the centre: size and elongation of
    the object, and mean and deviation of the brightness in rings of its own shape. A head is a compact oval, brighter
    in the middle or at the rim; a knee's edges point one way; a chest fills the field of view and has dark lungs.

    Parameters
    ----------
    scan
        A single Cartesian frame.

    Raises
    ------
    InputError
        When fewer than 12 samples along an axis are fully sampled around the centre.
    """
    return torch.cat([_energies(scan), _shape(scan)])


def pattern_of(scan: Scan) -> str:
    """Return the kind of sampling pattern: ``full``, ``lines`` or ``points``."""
    mask = scan.mask
    if bool(mask.all()):
        return "full"
    rows, columns = mask.any(dim=2, keepdim=True), mask.any(dim=1, keepdim=True)
    return "lines" if torch.equal(rows & columns, mask) and (bool(rows.all()) or bool(columns.all())) else "points"


def distance(domain: Domain, found: Tensor) -> float:
    """Return how far features lie from the domain's mean: the root-mean-square of standard deviations (Mahalanobis)."""
    whitening = torch.tensor(domain.whitening, dtype=torch.float64)
    return float((whitening @ (found.cpu() - torch.tensor(domain.mean, dtype=torch.float64))).square().mean().sqrt())


def remarks(scan: Scan, domain: Domain | None) -> tuple[str, ...]:
    """Return in what a scan is unlike those that weights were trained on, a sentence each.

    Parameters
    ----------
    scan
        The measured data, of one frame or more; the frame least alike counts.
    domain
        Of the weights; None where their manifest has none.
    """
    if domain is None:
        return (
            "The weights do not say what they were trained for, so that nobody looked whether this scan suits them.",
        )
    told = []
    fewest, most = domain.coils
    if not fewest <= scan.coils <= most:
        trained = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        told.append(f"The scan has {scan.coils} coils; the network was trained on {trained}.")
    low, high = domain.acceleration
    if not 0.95 * low <= scan.acceleration <= 1.05 * high:
        trained = f"{low:.1f}×" if high - low < 0.1 else f"{low:.1f} to {high:.1f}×"
        told.append(f"The scan is accelerated {scan.acceleration:.1f}×; the network was trained on {trained}.")
    pattern = pattern_of(scan)
    if pattern not in domain.patterns:
        told.append(f"The scan's pattern is of the kind '{pattern}'; the network was trained on {_listed(domain)}.")
    return (*told, *_unlike(scan, domain))


def seen(scan: Scan, data: Iterable[TrainingData]) -> tuple[str, ...]:
    """Return a sentence where the training data names the subject that the scan's source names."""
    subject = scan.source.details.get("subject")
    if not subject or not any(subject in source.name for source in data):
        return ()
    return (
        f"The network was trained on this subject, {subject}: how good the image is says nothing about other subjects.",
    )


def domain_of(scans: Iterable[Scan], subjects: Sequence[str]) -> Domain:
    """Return the domain of scans that weights were trained or validated on, for their manifest.

    A scan is unlike them beyond 1.3 times the distance within which 99 % of the scans lie when their subject is left
    out.

    Parameters
    ----------
    scans
        Undersampled as in training; every frame counts. They may be made one after the other.
    subjects
        Whom each scan shows.

    Raises
    ------
    InputError
        For fewer than 60 frames, or fewer than three subjects.
    """
    rows, owners, coils, accelerations, patterns = [], [], set(), set(), set()
    for scan, subject in zip(scans, subjects, strict=True):
        for index in range(scan.frames):
            rows.append(features(scan.frame(index)).cpu())
            owners.append(subject)
        coils.add(scan.coils)
        accelerations.add(scan.acceleration)
        patterns.add(pattern_of(scan))
    if len(rows) < FEWEST_SCANS or len(set(owners)) < 3:
        raise InputError(
            f"{len(rows)} frames of {len(set(owners))} subjects were given; a domain takes {FEWEST_SCANS} frames of "
            "three subjects at least: give more of the training data."
        )
    found = torch.stack(rows)
    mean, whitening = _spread(found)
    return Domain(
        scans=len(rows),
        coils=(min(coils), max(coils)),
        acceleration=(min(accelerations), max(accelerations)),
        patterns=tuple(sorted(patterns)),
        mean=_numbers(mean),
        whitening=tuple(_numbers(row) for row in whitening),
        limit=_MARGIN * float(_distances_left_out(found, owners).quantile(_SHARE)),
    )


def _energies(scan: Scan) -> Tensor:
    ny, nx = scan.shape
    energy = scan.kspace[0].abs().square().sum(dim=0, dtype=torch.float64)
    device = energy.device
    ky = (torch.arange(ny, device=device) - ny // 2)[:, None] / ny
    kx = (torch.arange(nx, device=device) - nx // 2)[None] / nx
    rings = torch.bucketize(torch.hypot(ky, kx), torch.tensor(_RINGS[1:], device=device), right=True)
    # Opposite samples hold the same of a real object, and partial Fourier leaves one of them out.
    turns = (torch.atan2(ky, kx) / math.pi) % 1
    sectors = (turns * _SECTORS).long().clamp_max(_SECTORS - 1)
    count = len(_RINGS) - 1
    inside = scan.mask[0] & (rings < count)
    cells = (rings * _SECTORS + sectors)[inside]
    sums, samples = (
        torch.zeros(count * _SECTORS, dtype=torch.float64, device=device).index_add_(0, cells, values)
        for values in (energy[inside], torch.ones_like(energy[inside]))
    )
    # Means, because patterns are denser here and there. Sectors without samples have the ring's.
    sums, samples = sums.view(count, _SECTORS), samples.view(count, _SECTORS)
    ring = (sums.sum(dim=1) / samples.sum(dim=1).clamp_min(1)).clamp_min(1e-12 * float(energy.max()))
    means = torch.where(samples > 0, sums / samples.clamp_min(1), ring[:, None])
    falls = (ring[1:] / ring[:2].mean()).log()
    spectrum = torch.fft.rfft(means, dim=1).abs()
    harmonics = spectrum[:, 1:3] / spectrum[:, :1]
    return torch.cat([falls, harmonics.flatten()])


def _shape(scan: Scan) -> Tensor:
    centre = calibration_kspace(scan, minimum=_FEWEST, size=_CENTRE)
    image = root_sum_of_squares(lowres_images(centre, (_PIXELS, _PIXELS)))[0].double()
    image = image / image.max()
    positions = (torch.arange(_PIXELS, dtype=torch.float64, device=image.device) - _PIXELS // 2) / _PIXELS
    points = torch.stack(torch.meshgrid(positions, positions, indexing="ij"), dim=-1).flatten(0, 1)
    weights = torch.where(image > _OBJECT, image, 0).flatten()
    weights = weights / weights.sum()
    points = points - weights @ points
    variances, axes = torch.linalg.eigh(points.T @ (weights[:, None] * points))
    radius = (points @ axes / variances.sqrt()).norm(dim=1)
    brightness = image.flatten() / image.flatten()[radius < _INSIDE].mean()
    rings = [brightness[(radius >= inner) & (radius < outer)] for inner, outer in pairwise(_RADII)]
    # A ring that lies outside the field of view holds nothing.
    rings = [ring if len(ring) else ring.new_zeros(1) for ring in rings]
    profile = [statistic for ring in rings for statistic in (ring.mean(), ring.std(correction=0))]
    size = variances.log().sum() / 4
    return torch.stack([(variances[1] / variances[0]).log(), size, *profile])


def _spread(found: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and whitening of features (scan, feature)."""
    mean, deviation = found.mean(dim=0), found.std(dim=0).clamp_min(1e-6)
    variances, axes = torch.linalg.eigh(torch.cov(((found - mean) / deviation).T))
    whitening = (axes / variances.clamp_min(_NARROWEST * float(variances[-1])).sqrt()).T / deviation
    return mean, whitening


def _distances_left_out(found: Tensor, owners: Sequence[str]) -> Tensor:
    """Return each scan's distance from all subjects but its own."""
    distances = found.new_empty(len(found))
    for subject in set(owners):
        own = torch.tensor([owner == subject for owner in owners])
        mean, whitening = _spread(found[~own])
        distances[own] = ((found[own] - mean) @ whitening.T).square().mean(dim=1).sqrt()
    return distances


def _unlike(scan: Scan, domain: Domain) -> tuple[str, ...]:
    try:
        found = max(distance(domain, features(scan.frame(index))) for index in range(scan.frames))
    except InputError:
        return ("The scan has too few calibration lines to tell whether it shows what the network was trained on.",)
    if found <= domain.limit:
        return ()
    return (
        f"The scan is unlike those the network was trained on: {found:.1f} standard deviations away, where their own "
        f"lie within {domain.limit:.1f}; compare with another method, and trust no detail that it does not show.",
    )


def _listed(domain: Domain) -> str:
    return " and ".join(f"'{pattern}'" for pattern in domain.patterns)


def _numbers(values: Tensor) -> tuple[float, ...]:
    # Six digits: a manifest is read by people too.
    return tuple(float(f"{value:.6g}") for value in values.tolist())
