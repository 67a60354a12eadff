"""NumPy files: every array that may stand in them, and every shape that is accepted."""

import json

import numpy as np
import pytest
import torch

from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save_scan
from fourfold.scan import Scan

RNG = np.random.default_rng(0)
FULL = (RNG.normal(size=(3, 4, 12, 10)) + 1j * RNG.normal(size=(3, 4, 12, 10))).astype(np.complex64)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("axes", "shape"), [(2, (1, 1, 12, 10)), (3, (1, 4, 12, 10)), (4, (3, 4, 12, 10))])
def test_missing_first_axes_are_added(tmp_path, axes, shape, compressed):
    array = FULL[(0,) * (4 - axes)]
    (np.savez_compressed if compressed else np.savez)(tmp_path / "scan.npz", kspace=array)
    file = open_scan(tmp_path / "scan.npz")
    assert file.shape == shape
    for index, scan in enumerate(file):
        np.testing.assert_array_equal(scan.kspace[0].numpy(), array.reshape(shape)[index])
    np.testing.assert_array_equal(file.load().kspace.numpy(), array.reshape(shape))


def test_npy_is_kspace_alone(tmp_path):
    np.save(tmp_path / "scan.npy", FULL)
    np.testing.assert_array_equal(load(tmp_path / "scan.npy", 2).kspace[0].numpy(), FULL[2])


def test_column_major_and_double_precision_arrays_are_read(tmp_path):
    path = save(tmp_path / "scan.npz", kspace=np.asfortranarray(FULL.astype(np.complex128)))
    scan = load(path)
    assert scan.kspace.dtype == torch.complex64
    np.testing.assert_array_equal(scan.kspace.numpy(), FULL)


def test_suffix_does_not_matter(tmp_path):
    save(tmp_path / "scan.npz", kspace=FULL).rename(tmp_path / "scan.h5")
    assert open_scan(tmp_path / "scan.h5").format == "NumPy"


@pytest.mark.parametrize("name", ["coil_maps", "maps"])
def test_companions_are_read(tmp_path, name):
    mask = np.zeros((12, 10), np.uint8)
    mask[::2] = 1
    path = save(
        tmp_path / "scan.npz",
        kspace=FULL[0] * mask,
        mask=mask,
        **{name: FULL[:2]},
        calibration_kspace=FULL[0, :, 3:9, 2:8],
        noise=FULL[0].reshape(4, -1),
        line_axis="kx",
        voxel_size=(5.0, 2.0, 1.5),
        image_size=(8, 10),
        label="a head",
        density=np.ones(3),
    )
    scan = open_scan(path)[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask.astype(bool))
    np.testing.assert_array_equal(scan.coil_maps[0].numpy(), FULL[:2])
    np.testing.assert_array_equal(scan.calibration_kspace[0].numpy(), FULL[0, :, 3:9, 2:8])
    np.testing.assert_array_equal(scan.noise.numpy(), FULL[0].reshape(4, -1))
    assert scan.line_axis == "kx"
    assert scan.geometry.voxel_size == (5, 2, 1.5)
    assert scan.geometry.image_size == (8, 10)
    assert scan.source.label == "a head"
    assert scan.source.details["arrays_not_used"] == ["density"]


def test_companions_of_a_frame_follow_it(tmp_path):
    masks = RNG.random((3, 12, 10)) < 0.5
    maps = FULL[:, None]
    path = save(tmp_path / "scan.npz", kspace=FULL * masks[:, None], mask=masks, coil_maps=maps)
    for index, scan in enumerate(open_scan(path)):
        np.testing.assert_array_equal(scan.mask[0].numpy(), masks[index])
        np.testing.assert_array_equal(scan.coil_maps.numpy(), maps[index : index + 1])


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_line_axis_comes_from_the_pattern(tmp_path, axis):
    mask = np.zeros((12, 10), bool)
    mask[(slice(None, None, 2), slice(None)) if axis == "ky" else (slice(None), slice(None, None, 2))] = True
    assert load(save(tmp_path / "scan.npz", kspace=FULL * mask)).line_axis == axis


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": FULL}, "holds image but no 'kspace': give the complex k-space that name"),
        ({"kspace": FULL.real}, r"is float32 of shape \(3, 4, 12, 10\); it must be complex64: store complex samples"),
        ({"kspace": np.ones((4, 12, 10), np.int16)}, "is int16"),
        ({"kspace": np.stack([FULL.real, FULL.imag], -1)}, r"join real and imaginary parts: k\[..., 0\] \+ 1j"),
        ({"kspace": FULL[None]}, r"has shape|of shape \(1, 3, 4, 12, 10\); it must be \(ky, kx\)"),
        ({"kspace": FULL[:, :, :0]}, r"none of them empty"),
        ({"kspace": FULL, "mask": np.ones((10, 12), bool)}, r"mask in .* has shape \(1, 10, 12\); this k-space needs"),
        ({"kspace": FULL, "mask": np.zeros((12, 10), bool)}, "leaves out 360 samples that hold data"),
        ({"kspace": FULL, "mask": np.full((12, 10), 2)}, "values other than 0 and 1"),
        ({"kspace": FULL, "coil_maps": FULL.real}, "coil_maps in .* is float32 with 4 axes; it must be complex64"),
        ({"kspace": FULL, "coil_maps": FULL[:, :, 1:]}, "The coil maps have shape"),
        ({"kspace": FULL, "noise": FULL}, "noise in .* with 4 axes; it must be complex64 with at most 2"),
        ({"kspace": FULL, "line_axis": "y"}, "line_axis is 'y'; it must be 'ky' or 'kx'"),
        (
            {"kspace": FULL, "voxel_size": (4e-3, 1e-3, 1e-3)},
            r"voxel_size in .* is 0.004 × 0.001 × 0.001 mm, which seems to be in metres: give it in millimetres",
        ),
        (
            {"kspace": FULL, "voxel_size": (1.0, 2.0)},
            r"voxel_size in .* is \[1.0, 2.0\]; it must be 3 positive numbers",
        ),
        ({"kspace": FULL, "image_size": (0, 4)}, "must be 2 positive numbers"),
        ({"kspace": np.array([None])}, "holds Python objects"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    path = save(tmp_path / "scan.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load(path)


def test_real_files_are_read(data):
    files = sorted((data / "raw_multicoil").glob("*[a-z]8_*.npz")) + sorted((data / "raw_undersampled").glob("*.npz"))
    assert len(files) == 8
    for path in files:
        scan = open_scan(path)[0]
        stored = np.load(path)["kspace"]
        np.testing.assert_array_equal(scan.kspace[0].numpy(), stored.reshape(-1, *scan.shape)[: scan.coils])
        assert scan.fully_sampled == ("undersampled" not in path.parent.name)


@pytest.mark.parametrize("name", ["rows", "two-dimensional"])
def test_full_mask_beside_undersampled_kspace_is_not_believed(tmp_path, name):
    rng = np.random.default_rng(0)
    kspace = (rng.normal(size=(3, 32, 24)) + 1j * rng.normal(size=(3, 32, 24))).astype(np.complex64)
    mask = rng.random((32, 24)) < 0.4
    if name == "rows":
        mask[:] = (np.arange(32) % 3 == 0)[:, None]
    mask[14:18, 10:14] = True
    np.savez(tmp_path / "scan.npz", kspace=kspace * mask, mask=np.ones((32, 24)))
    scan = open_scan(tmp_path / "scan.npz")[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask)
    assert scan.source.notes == (
        f"{1 - mask.mean():.0%} of the samples that the mask marks hold zeros alone; they count as not acquired.",
    )


def test_single_zeros_within_a_mask_were_measured(tmp_path):
    rng = np.random.default_rng(0)
    kspace = np.round(3 * (rng.normal(size=(1, 32, 24)) + 1j * rng.normal(size=(1, 32, 24)))).astype(np.complex64)
    kspace[:, ::2] = 0
    assert 0 < (kspace[:, 1::2] == 0).mean() < 0.05
    mask = np.zeros((32, 24), bool)
    mask[1::2] = True
    np.savez(tmp_path / "scan.npz", kspace=kspace, mask=mask)
    scan = open_scan(tmp_path / "scan.npz")[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask)
    assert scan.source.notes == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voxel_size", (5, 1, 0)),
        ("voxel_size", (5, 1, -1)),
        ("voxel_size", (5, 1, np.nan)),
        ("voxel_size", (5, 1, np.inf)),
        ("voxel_size", (1, 1)),
        ("voxel_size", "1 mm"),
        ("image_size", (0, 24)),
        ("image_size", (23.9996, 24)),
        ("image_size", (0.5, 24)),
        ("image_size", (np.nan, 24)),
        ("image_size", (33, 24)),
        ("image_size", (10**18, 24)),
    ],
)
def test_sizes_that_cannot_be_are_refused(tmp_path, name, value):
    kspace = np.random.default_rng(0).normal(size=(3, 32, 24)).astype(np.complex64)
    np.savez(tmp_path / "scan.npz", **{"kspace": kspace, name: np.array(value)})
    with pytest.raises(InputError, match=f"{name} in .*; it must be .*correct it, or leave it out"):
        open_scan(tmp_path / "scan.npz")
    np.savez(tmp_path / "scan.npz", kspace=kspace, image_size=(32, 20), voxel_size=(5, 1.5, 1.25))
    assert open_scan(tmp_path / "scan.npz")[0].geometry.image_size == (32, 20)


@pytest.mark.parametrize("damage", ["truncated", "empty", "nan", "details", "unknown", "list", "notes"])
def test_damaged_record_of_our_own_is_refused(tmp_path, damage):
    kspace = torch.randn(2, 3, 32, 24, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    arrays = dict(np.load(save_scan(Scan(kspace), tmp_path / "scan.npz")))
    text = str(arrays["fourfold"])
    record = json.loads(text)
    if damage == "nan":
        record["geometry"]["voxel_size"] = [5, float("nan"), 1]
    elif damage == "details":
        record["sampling"]["details"] = None
    elif damage == "unknown":
        record["sampling"]["pattern"] = "random"
    elif damage == "notes":
        record["source"]["notes"] = 3
    else:
        record = {"empty": {}, "list": [record]}.get(damage, record)
    arrays["fourfold"] = np.array(text[:-9] if damage == "truncated" else json.dumps(record))
    np.savez(tmp_path / "damaged.npz", **arrays)
    with pytest.raises(InputError, match=r"The record 'fourfold' in .* is damaged, or of an older version"):
        open_scan(tmp_path / "damaged.npz")[0]


def test_record_from_before_there_were_notes_is_read(tmp_path):
    kspace = torch.randn(2, 3, 32, 24, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    arrays = dict(np.load(save_scan(Scan(kspace), tmp_path / "scan.npz")))
    record = json.loads(str(arrays["fourfold"]))
    del record["source"]["notes"]
    arrays["fourfold"] = np.array(json.dumps(record))
    np.savez(tmp_path / "old.npz", **arrays)
    assert open_scan(tmp_path / "old.npz")[0].source.notes == ()
