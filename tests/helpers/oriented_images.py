"""Small images in every orientation, and what independent programs make of their DICOM files."""

import shutil
import subprocess
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import torch

from fourfold.scan import FrameLabels, Geometry, Identity, Placement, Protocol, Reconstruction, Record

SLICES, NY, NX = 3, 5, 6
VOXEL = (4.0, 1.5, 2.0)  # slice spacing, y, x
CENTRE = (10.0, -20.0, 30.5)
LARGEST = 2**15 - 1
# A turn about a direction that is no axis.
TILT = np.linalg.qr(np.array([[0.9, 0.3, -0.2], [-0.25, 0.95, 0.1], [0.2, -0.15, 0.9]]))[0]


def all_axes(tilt=None):
    """Return the 48 ways in which x, y and slices can point along the patient's axes, turned by a matrix."""
    turn = np.eye(3) if tilt is None else tilt
    return [
        np.array([np.eye(3)[axis] * sign for axis, sign in zip(order, signs, strict=True)]) @ turn
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]


def oriented_image(axes, volumes=1, seed=0, name=""):
    """Return an image of whole numbers, of which the largest is stored as it is."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, LARGEST, (volumes * SLICES, NY, NX))
    values[0, 0, 0] = LARGEST
    first = Placement(*map(tuple, axes.tolist()), centre=CENTRE)
    stack = Geometry.stack(VOXEL, first, SLICES)
    geometry = Geometry(VOXEL, None, stack.placements * volumes, slice_thickness=3.5, phase_axis="y")
    labels = FrameLabels(
        {
            "slice": list(range(SLICES)) * volumes,
            "repetition": [volume for volume in range(volumes) for _ in range(SLICES)],
        }
    )
    return Reconstruction(
        torch.from_numpy(values.astype(np.complex64)),
        Record("zero-filled", {"weight": 0.1}, notes=("A note.",)),
        geometry=geometry,
        labels=labels,
        protocol=Protocol(vendor="ACME", field_strength=3.0, repetition_times=(500.0,), echo_times=(5.0,)),
        identity=Identity(patient_id=name or None),
    )


def positions(axes):
    """Return where the voxels (slice, y, x) lie, in mm to the left, back and head: by the definition, (…, 3)."""
    z, y, x = np.indices((SLICES, NY, NX))
    steps = np.stack([(x - NX // 2) * VOXEL[2], (y - NY // 2) * VOXEL[1], z * VOXEL[0]], axis=-1)
    return np.array(CENTRE) + steps @ axes


def check_volume(file, image, axes):
    """Check that each voxel of a NIfTI file has the number that the image has at the same place."""
    values = np.asanyarray(file.dataobj.get_unscaled())
    values = values[..., None] if values.ndim == 3 else values
    x, y, z = np.indices(values.shape[:3])
    right_front_head = np.stack([x, y, z], axis=-1) @ file.affine[:3, :3].T + file.affine[:3, 3]
    found = right_front_head * (-1, -1, 1)
    expected = positions(axes).reshape(-1, 3)
    distances = np.linalg.norm(found.reshape(-1, 1, 3) - expected, axis=-1)
    nearest = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-4
    assert len(set(nearest)) == len(expected)
    stored = image.magnitude.numpy().reshape(-1, len(expected))
    np.testing.assert_array_equal(values.reshape(len(expected), -1), stored[:, nearest].T)


def dcm2niix(folder, output, *options):
    """Convert all DICOM files in a folder, and return the NIfTI images by their names: the patients' numbers."""
    if shutil.which("dcm2niix") is None:
        pytest.skip("needs dcm2niix")
    output.mkdir()
    call = ["dcm2niix", "-f", "%i", "-o", output, *options, folder]
    subprocess.run(call, check=True, capture_output=True)
    return {path.name.removesuffix(".nii"): nibabel.load(path) for path in sorted(output.glob("*.nii"))}


def dciodvfy(path):
    """Return the errors that dciodvfy finds in a DICOM file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy of dicom3tools")
    # The program exits with 0 also where it finds errors.
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
    assert "MRImage" in done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
