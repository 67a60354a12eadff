"""Simulated acquisitions: phantoms, coils as Biot-Savart loops, image phase and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ellipe, ellipkm1
from torch import Tensor

from fourfold.errors import InputError
from fourfold.memory import array_bytes, require_memory
from fourfold.operators.fourier import fft
from fourfold.operators.nufft import Nufft
from fourfold.sampling.validation import check_frames, check_shape, is_whole
from fourfold.scan import Reconstruction, Scan, Source, Trajectory

__all__ = [
    "beating_phantom",
    "check_coils",
    "in_object",
    "loop_maps",
    "loop_sensitivity",
    "phantom",
    "simulate",
    "smooth_phase",
]

Ellipse: TypeAlias = tuple[float, float, float, float, float, float]

# Intensity, half axes (x, y), centre (x, y), angle in degrees; x to the right, y up, half the field of view is 1.
# The modified Shepp-Logan head: Toft 1996, "The Radon Transform", table B.3 (Shepp and Logan 1974 with more contrast).
ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)
# A chest with two lungs and a spine; `_heart` is added.
CHEST = (
    (0.35, 0.9, 0.75, 0.0, 0.0, 0.0),
    (-0.3, 0.22, 0.42, -0.5, 0.0, 10.0),
    (-0.3, 0.2, 0.4, 0.54, -0.02, -10.0),
    (0.3, 0.12, 0.1, 0.0, -0.5, 0.0),
)
SUBPIXELS = 4
OBJECT_LEVEL = 0.1
COILS_IN_RING = 16
# Half the conductor's width relative to half the field of view; the field is constant within it.
WIRE = 0.05


def phantom(shape: Sequence[int]) -> Tensor:
    """Return the modified Shepp-Logan phantom, nose up, with its centre on the pixel ``n // 2``.

    Pixels on an edge are the mean of 4×4 points (partial volume).

    Parameters
    ----------
    shape
        Size (ny, nx); the phantom fills the field of view along each axis.

    Returns
    -------
    Tensor
        float32, (y, x), from 0 to 1.

    Raises
    ------
    InputError
        Unless the size is two positive whole numbers.
    """
    return _draw(ELLIPSES, check_shape(shape)).clamp(0, 1)


def beating_phantom(shape: Sequence[int], frames: int = 24) -> Tensor:
    """Return a static chest with one heart beat: wall and cavity of the heart change in size.

    Parameters
    ----------
    shape
        Size (ny, nx).
    frames
        Number of frames, evenly spaced over one period of the heart beat.

    Returns
    -------
    Tensor
        float32, (frame, y, x), from 0 to 1.

    Raises
    ------
    InputError
        Unless the size is two positive whole numbers and there is at least one frame.
    """
    size = check_shape(shape)
    phases = 2 * math.pi * np.arange(check_frames(frames, size)) / frames
    return torch.stack([_draw((*CHEST, *_heart((1 - math.cos(phase)) / 2)), size) for phase in phases])


def _heart(contraction: float) -> tuple[Ellipse, Ellipse]:
    """Return wall and cavity of the heart for a contraction from 0, end-diastole, to 1, end-systole."""
    wall, cavity = 0.32 - 0.05 * contraction, 0.22 - 0.1 * contraction
    lift = 0.2 + 0.04 * contraction
    return (0.35, 1.1 * wall, wall, 0.1, lift, 30.0), (0.3, 1.1 * cavity, cavity, 0.1, lift, 30.0)


def _draw(ellipses: Sequence[Ellipse], shape: tuple[int, int]) -> Tensor:
    """Return the sum of `ellipses`, float32 (y, x)."""
    ny, nx = shape
    y = -_coordinates(ny, SUBPIXELS)[:, None]
    x = _coordinates(nx, SUBPIXELS)
    image = np.zeros((ny * SUBPIXELS, nx * SUBPIXELS), dtype=np.float32)
    for intensity, half_x, half_y, centre_x, centre_y, degrees in ellipses:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        along = (x - centre_x) * cosine + (y - centre_y) * sine
        across = (y - centre_y) * cosine - (x - centre_x) * sine
        image[(along / half_x) ** 2 + (across / half_y) ** 2 <= 1] += intensity
    pixels = image.reshape(ny, SUBPIXELS, nx, SUBPIXELS).mean(axis=(1, 3))
    return torch.from_numpy(pixels)


def loop_maps(shape: Sequence[int], coils: int = 8, distance: float = 1.25) -> Tensor:
    """Return the receive sensitivities Bx − iBy of circular loops around the object.

    The loops lie on a cylinder around the axis of the main field and face it, at equal angles, in stacked rings of at
    most 16. Each loop's field is the Biot-Savart integral in closed form with complete elliptic integrals (Smythe 1950,
    "Static and Dynamic Electricity", section 7.10; Simpson et al. 2001, NASA/TM-2013-217919). The maps are divided by
    their root-sum-of-squares at every pixel, so that the combined image has the intensity of the simulated one.

    Parameters
    ----------
    shape
        Size (ny, nx).
    coils
        Number of loops.
    distance
        Radius of the cylinder relative to half of the longer side of the field of view. 1.25 corresponds to a
        close-fitting head array; an object that fills the corners needs more than √2.

    Returns
    -------
    Tensor
        complex64, (1, 1, coil, y, x), the shape of `Scan.coil_maps`; the root-sum-of-squares over coils is 1.

    Raises
    ------
    InputError
        For less than one coil, or a cylinder within the field of view.
    """
    ny, nx = check_shape(shape)
    check_coils(coils)
    require_memory(
        array_bytes((coils, ny, nx), 16),
        f"A simulation of {coils} coils of {ny}×{nx}",
        "simulate fewer, or a smaller grid",
    )
    if not distance > 1:
        raise InputError(f"The coils' distance is {distance:g} half fields of view; it must exceed 1, the edges.")
    longer = max(ny, nx)
    y = -_coordinates(ny) * (ny / longer)
    x = _coordinates(nx) * (nx / longer)
    rings = math.ceil(coils / COILS_IN_RING)
    radius = min(1.1 * math.pi / min(coils, COILS_IN_RING), 0.8) * distance
    maps = np.empty((coils, ny, nx), dtype=np.complex128)
    for coil in range(coils):
        height = (coil % rings - (rings - 1) / 2) * 1.5 * radius
        maps[coil] = loop_sensitivity(y, x, 2 * math.pi * coil / coils, height, distance, radius)
    maps /= np.linalg.norm(maps, axis=0)
    return torch.from_numpy(maps.astype(np.complex64))[None, None]


def check_coils(coils: int) -> None:
    """Raise InputError unless the number of coils is a whole number from 1."""
    if not is_whole(coils) or coils < 1:
        raise InputError(f"{coils} coils cannot be simulated; give a whole number from 1.")


def loop_sensitivity(
    y: NDArray[np.float64], x: NDArray[np.float64], angle: float, height: float, distance: float, radius: float
) -> NDArray[np.complex128]:
    """Return Bx − iBy in the plane z = 0 of a loop at (`angle`, `distance`, z = `height`) that faces the z axis.

    The field is computed in cylindrical coordinates of the loop, up to a constant factor. Lengths are in half fields of
    view; `y` (upwards) and `x` are the positions of rows and columns. The result is complex128, (y, x).
    """
    cosine, sine = math.cos(angle), math.sin(angle)
    axial = x * cosine + y[:, None] * sine - distance
    tangential = y[:, None] * cosine - x * sine
    from_axis = np.hypot(tangential, height)
    far = (radius + from_axis) ** 2 + axial**2
    near = np.maximum((radius - from_axis) ** 2 + axial**2, WIRE**2)
    # m = 1 - near / far; ellipkm1 takes 1 - m, which is accurate close to the wire.
    first, second = ellipkm1(near / far), ellipe(1 - near / far)
    square = from_axis**2 + axial**2
    along = (first + (radius**2 - square) / near * second) / np.sqrt(far)
    outwards = axial * ((radius**2 + square) / near * second - first) / np.sqrt(far)
    # `outwards` is ρ · B_ρ, which vanishes on the loop's axis.
    outwards = outwards / np.maximum(from_axis, 1e-9) ** 2 * tangential
    sensitivity: NDArray[np.complex128] = (along - 1j * outwards) * (cosine - 1j * sine)
    return sensitivity


def smooth_phase(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Return a smooth phase, as from an inhomogeneous main field: a random polynomial of third degree.

    Parameters
    ----------
    shape
        Size (ny, nx).
    seed
        Seed of the polynomial's coefficients.

    Returns
    -------
    Tensor
        float32, (y, x), in radians, with a standard deviation of one over the field of view.
    """
    ny, nx = check_shape(shape)
    y = torch.from_numpy(_coordinates(ny))
    x = torch.from_numpy(_coordinates(nx))
    generator = torch.Generator().manual_seed(seed)
    coefficients = torch.randn((4, 4), generator=generator, dtype=torch.float64)
    powers = torch.arange(4)
    coefficients[powers[:, None] + powers > 3] = 0
    phase = (y[:, None] ** powers) @ coefficients @ (x[:, None] ** powers).T
    phase -= phase.mean()
    return (phase / phase.std(correction=0).clamp_min(1e-12)).float()


def in_object(image: Tensor) -> Tensor:
    """Return a mask of the object, bool, of the image's shape: magnitude above a tenth of the maximum."""
    magnitude = image.abs()
    return magnitude > OBJECT_LEVEL * magnitude.max()


def simulate(
    image: Tensor | Reconstruction,
    coils: int = 8,
    snr: float | None = 30.0,
    seed: int = 0,
    phase: bool = True,
    label: str = "simulated",
    trajectory: Trajectory | None = None,
) -> Scan:
    """Return a multi-coil acquisition of `image`, fully sampled on the grid or along a trajectory.

    Coil images are the image times the maps of `loop_maps`. White complex Gaussian noise is added in k-space, with the
    same variance in all coils and independent between them. The scan does not contain the true maps, so that methods
    estimate them as for measured data.

    Parameters
    ----------
    image
        float or complex, (y, x) or (frame, y, x); or an image, such as `load_image` reads, whose geometry, labels,
        protocol and identity the scan then has.
    coils
        Number of coils.
    snr
        Mean magnitude of the image within the object (`in_object`) over the standard deviation of the real part of each
        coil's noise. With the orthonormal Fourier transform this is the same in k-space and in the image, and in the
        combined image, because the maps' root-sum-of-squares is one. None adds no noise.
    seed
        Seed of phase and noise.
    phase
        Multiply the image by `smooth_phase`.
    label
        Label of the scan's source.
    trajectory
        Trajectory to sample instead of the grid, for all frames or for each; its matrix is the image's size.

    Returns
    -------
    Scan
        kspace complex64, (frame, coil, ky, kx) or (frame, coil, shot, sample); ``source.simulated`` is True and its
        details hold the settings.

    Raises
    ------
    InputError
        For an image of a wrong type or shape or without an object, an SNR that is not positive, or a trajectory of
        another size.
    """
    given = image if isinstance(image, Reconstruction) else None
    frames = _check_image(image if isinstance(image, Tensor) else image.image)
    if snr is not None and not snr > 0:
        raise InputError(f"The SNR is {snr:g}; it must be positive, or None for no noise.")
    shape = frames.shape[-2:]
    if phase:
        frames = frames * torch.polar(torch.ones(shape), smooth_phase(shape, seed))
    kspace = _acquire(loop_maps(shape, coils)[:, 0] * frames[:, None], trajectory)
    if snr is not None:
        noise = torch.randn(kspace.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
        deviation = float(frames.abs()[in_object(frames)].mean()) / snr
        # torch's complex normal numbers have variance one, one half in each part.
        kspace = kspace + noise * (deviation * math.sqrt(2))
    details = {"coils": coils, "snr": snr, "seed": seed, "phase": phase}
    scan = Scan(kspace, source=Source(label=label, simulated=True, details=details), trajectory=trajectory)
    if given is None:
        return scan
    return scan.replace(geometry=given.geometry, labels=given.labels, protocol=given.protocol, identity=given.identity)


def _acquire(coil_images: Tensor, trajectory: Trajectory | None) -> Tensor:
    """Return the k-space of coil images (frame, coil, y, x) on the grid, or the samples along a trajectory."""
    if trajectory is None:
        return fft(coil_images)
    if trajectory.matrix != tuple(coil_images.shape[-2:]):
        raise InputError(
            f"The trajectory is for a matrix of {trajectory.matrix} but the image is {tuple(coil_images.shape[-2:])}; "
            "make one for the image's size."
        )
    everywhere = trajectory.points.new_ones((1, trajectory.shots, trajectory.samples), dtype=torch.bool)
    return Nufft(trajectory, everywhere).forward(coil_images)


def _check_image(image: Tensor) -> Tensor:
    """Return `image` as complex64 (frame, y, x)."""
    if image.ndim not in (2, 3) or not (image.is_floating_point() or image.is_complex()):
        raise InputError(
            f"The image is {image.dtype} of shape {tuple(image.shape)}; a simulation needs a float or complex image "
            "(y, x) or (frame, y, x)."
        )
    if not bool(torch.isfinite(image).all()) or not bool(image.abs().sum() > 0):
        raise InputError("The image to simulate holds NaN, Inf or zeros only; give one that shows an object.")
    return (image[None] if image.ndim == 2 else image).to(torch.complex64)


def _coordinates(size: int, parts: int = 1) -> NDArray[np.float64]:
    """Return positions, each pixel in `parts`: 0 at the centre of pixel ``size // 2``, 1 at half a field of view."""
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    pixels = (np.arange(size) - size // 2)[:, None] + offsets
    return pixels.ravel() / (size / 2)
