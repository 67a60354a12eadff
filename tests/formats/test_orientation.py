"""A phantom whose places in the patient are known: from an MRD file to the affine and the letters of the page."""

import nibabel
import numpy as np
import pytest
from tests.helpers.mrd import MrdHeader, mrd_line, numpy_fft, write_mrd

from fourfold.cli.main import main
from fourfold.formats import load
from fourfold.formats.orientation import orient_for_display, plane_name, views
from fourfold.methods.classical.zero_filled import ZeroFilled

# Brightness and place of blobs, in mm to the left, back and head of the patient.
BLOBS = ((1.0, (20.0, 0.0, 0.0)), (0.8, (0.0, 16.0, 0.0)), (0.6, (0.0, 0.0, 12.0)))
WIDTH = 5.0
DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
TILT = np.array([[np.cos(0.4), np.sin(0.4), 0], [-np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])


def letters(codes):
    return np.array([DIRECTIONS[letter] for letter in codes], float)


# Directions of readout, phase and slices; the slices' plane.
ORIENTATIONS = {
    "axial": (letters("LPS"), "axial"),
    "axial, feet first": (letters("RPI"), "axial"),
    "axial, readout to the front": (letters("ALS"), "axial"),
    "coronal": (letters("LIP"), "coronal"),
    "coronal, head down": (letters("RSP"), "coronal"),
    "sagittal": (letters("PIR"), "sagittal"),
    "sagittal, readout to the feet": (letters("IAR"), "sagittal"),
    "oblique axial": (letters("LPS") @ TILT.T[[2, 0, 1]][:, [2, 0, 1]], "oblique axial"),
    "oblique coronal": (letters("LIP") @ TILT, "oblique coronal"),
}
NX, NY, SLICES = 32, 24, 11
VOXEL = np.array([3.0, 4.0, 5.0])  # x, y, slice
CENTRE = np.array([3.0, -2.0, 4.0])


def phantom(axes, blobs):
    """Blobs in slices (slice, y, x) along these directions."""
    indices = np.stack(np.meshgrid(np.arange(SLICES), np.arange(NY), np.arange(NX), indexing="ij"), axis=-1)
    offsets = (indices[..., ::-1] - [NX // 2, NY // 2, SLICES // 2]) * VOXEL
    places = CENTRE + offsets @ axes
    return sum(
        value * np.exp(-np.square(places - where).sum(axis=-1) / (2 * WIDTH**2)) for value, where in blobs
    ).astype(np.complex64)


def write_phantom(path, axes, blobs=BLOBS):
    lines = []
    for index, image in enumerate(phantom(axes, blobs)):
        position = CENTRE + (index - SLICES // 2) * VOXEL[2] * axes[2]
        geometry = dict(zip(("read_dir", "phase_dir", "slice_dir"), axes, strict=True)) | {"position": position}
        kspace = numpy_fft(image[None])
        lines += [mrd_line(kspace[:, ky], ky, slice=index, geometry=geometry) for ky in range(NY)]
    size, fov = (NX, NY, 1), (NX * VOXEL[0], NY * VOXEL[1], VOXEL[2])
    return write_mrd(path, MrdHeader(size, fov, size, fov, (NY // 2, 0)), lines)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_nifti_puts_every_blob_where_it_is(tmp_path, name, capsys):
    axes, _ = ORIENTATIONS[name]
    path = write_phantom(tmp_path / "a.h5", axes)
    assert main(["recon", str(path), "--method", "zero-filled", "-o", str(tmp_path / "a.nii")]) == 0
    assert capsys.readouterr().err == ""
    file = nibabel.load(tmp_path / "a.nii")
    assert (int(file.header["sform_code"]), int(file.header["qform_code"])) == (1, 1)
    image = file.get_fdata()
    grid = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    for matrix in (file.affine, file.get_qform()):
        places = grid @ matrix[:3, :3].T + matrix[:3, 3]
        for value, where in BLOBS:
            expected = np.multiply(where, (-1, -1, 1))  # NIfTI counts to the right, front and head
            near = np.square(places - expected).sum(axis=-1) < WIDTH**2
            centre = (places[near] * image[near, None]).sum(axis=0) / image[near].sum()
            np.testing.assert_allclose(centre, expected, atol=1)
            assert image[near].max() == pytest.approx(value, rel=0.2)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_letters_stand_on_the_side_where_a_blob_is(tmp_path, name):
    axes, plane = ORIENTATIONS[name]
    offset = np.array([15.0, 12.0, 10.0])  # to the left, back and head
    made = ZeroFilled()(load(write_phantom(tmp_path / "a.h5", axes, [(1.0, CENTRE + offset)])))
    placement = made.geometry.placements[0]
    assert plane_name(placement) == plane
    displayed = orient_for_display(made.magnitude.numpy(), made.geometry)
    edges = views(made.geometry)[0].edges(placement)
    # As radiologists expect them; oblique planes have a second letter.
    expected = {"axial": "RALP", "coronal": "RSLI", "sagittal": "ASPI"}[plane.removeprefix("oblique ")]
    assert "".join(edge[0] for edge in edges) == expected
    assert any(len(edge) == 2 for edge in edges) == plane.startswith("oblique")
    rows, columns = np.indices(displayed.shape[1:])
    down = (displayed * (rows - displayed.shape[1] // 2)).sum() / displayed.sum()
    right = (displayed * (columns - displayed.shape[2] // 2)).sum() / displayed.sum()
    for steps, (low, high) in ((right, edges[::2]), (down, edges[1::2])):
        assert abs(steps) > 0.5
        assert np.sign(steps) == np.sign(offset @ DIRECTIONS[high[0]]) == -np.sign(offset @ DIRECTIONS[low[0]])
