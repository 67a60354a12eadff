"""MRD files whose lines carry the points of a trajectory."""

import numpy as np
import pytest
import torch
from tests.helpers.mrd import MrdHeader, ismrmrd, make_image, write_mrd

from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.scan import FrameLabels

HEADER = {
    "matrix": (32, 32, 1),
    "fov": (96.0, 96.0, 5.0),
    "recon_matrix": (32, 32, 1),
    "recon_fov": (96.0, 96.0, 5.0),
    "trajectory": "radial",
}


def spokes(number=16, samples=32):
    """Return points (shot, sample, 2), (kx, ky) in cycles per field of view."""
    angles = np.pi * np.arange(number) / number
    along = np.arange(samples) - samples // 2
    return along[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None]


def sampled(image, points):
    """Return the samples (coil, shot, sample) of images (coil, y, x) at points (kx, ky)."""
    ny, nx = image.shape[-2:]
    y, x = np.arange(ny) - ny // 2, np.arange(nx) - nx // 2
    phases = points[..., 0, None, None] * x / nx + points[..., 1, None, None] * y[:, None] / ny
    return np.einsum("cyx,styx->cst", image, np.exp(-2j * np.pi * phases)) / np.sqrt(ny * nx)


def shot(samples, points, **counters):
    acquisition = ismrmrd.Acquisition.from_array(
        np.ascontiguousarray(samples, np.complex64), np.ascontiguousarray(points, np.float32)
    )
    for name, value in {"read_dir": (1, 0, 0), "phase_dir": (0, 1, 0), "slice_dir": (0, 0, 1)}.items():
        getattr(acquisition, name)[:] = value
    for name, value in counters.items():
        setattr(acquisition.idx, name, value)
    return acquisition


def shots(image, points, unit=1.0, **counters):
    samples = sampled(image, points)
    return [
        shot(samples[:, index], points[index] * unit, kspace_encode_step_1=index, **counters)
        for index in range(len(points))
    ]


@pytest.mark.parametrize("unit", [1.0, 1 / 32], ids=["cycles per field of view", "cycles per pixel"])
def test_points_and_samples_are_read(tmp_path, unit):
    image = make_image((2, 32, 32))
    points = spokes()
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(**HEADER), shots(image, points, unit)))
    assert file.format == "MRD with trajectories"
    assert file.shape == (1, 2, 16, 32)
    scan = file[0]
    np.testing.assert_allclose(scan.trajectory.points[0].numpy(), points[..., ::-1], atol=1e-5)
    np.testing.assert_allclose(scan.kspace[0].numpy(), sampled(image, points), atol=1e-5)
    assert scan.shape == (32, 32)
    assert scan.geometry.voxel_size == (5, 3, 3)
    assert scan.trajectory.kind == "radial"


def test_frames_have_points_of_their_own_and_labels(tmp_path):
    pictures = [make_image((2, 32, 32), seed) for seed in range(2)]
    turned = [spokes(), spokes()[::-1]]
    lines = []
    for repetition, (image, points) in enumerate(zip(pictures, turned, strict=True)):
        lines += shots(image, points, repetition=repetition)
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(**HEADER), lines)).load()
    assert scan.labels == FrameLabels({"slice": [0, 0], "repetition": [0, 1]})
    assert scan.trajectory.points.shape == (2, 16, 32, 2)
    for frame, (image, points) in enumerate(zip(pictures, turned, strict=True)):
        np.testing.assert_allclose(scan.kspace[frame].numpy(), sampled(image, points), atol=1e-5)


def test_a_point_lies_where_it_was(tmp_path):
    image = np.zeros((1, 32, 32), np.complex64)
    image[0, 12, 20] = 1
    path = write_mrd(tmp_path / "a.h5", MrdHeader(**HEADER), shots(image, spokes(48)))
    picture = ZeroFilled()(open_scan(path)[0]).image[0].abs()
    assert divmod(int(torch.argmax(picture)), 32) == (12, 20)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (100.0, r"reaches \(kx, ky\) = ±\(1.6e\+03, .*must be in cycles per pixel \(±0.5\) or per encoded"),
        (1 / 8, r"reaches \(kx, ky\) = ±\(2, .*must be in cycles per pixel"),
    ],
)
def test_points_in_another_unit_are_refused(tmp_path, unit, message):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(**HEADER), shots(make_image((2, 32, 32)), spokes(), unit))
    with pytest.raises(InputError, match=message):
        open_scan(path)[0]


def test_what_cannot_be_read_is_refused(tmp_path):
    image = make_image((2, 32, 32))
    points = spokes()
    lines = shots(image, points)
    deep = np.concatenate([points, np.ones((16, 32, 1))], axis=2)
    three = [shot(sampled(image, points)[:, index], deep[index]) for index in range(16)]
    cases = {
        "a": ([*lines, *shots(image, points, repetition=1)[:-1]], "has frames of 15 to 16 shots"),
        "b": (three, "third number of the trajectory's points .* is not zero"),
        "c": ([shot(line.data, np.zeros((32, 0))) for line in lines], "trajectories of 0 dimensions"),
    }
    for name, (content, message) in cases.items():
        path = write_mrd(tmp_path / f"{name}.h5", MrdHeader(**HEADER), content)
        with pytest.raises(InputError, match=message):
            open_scan(path)[0]
