"""Images and scans written and read back; nothing is ever left half-written."""

import dataclasses
import json
import os

import h5py
import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fourfold.errors import InputError
from fourfold.formats import check_writable, load, open_scan, save, save_scan, writer, writing
from fourfold.formats.orientation import View, axis_codes, orient_for_display
from fourfold.formats.registry import image_writers
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import fft
from fourfold.scan import FrameLabels, Geometry, Placement, Reconstruction, Record, Sampling, Scan, Source

SUFFIXES = (".h5", ".nii", ".nii.gz", ".npz", ".cfl", ".png")
BESIDE = {".cfl": {"a.hdr"}, ".nii": {"a.json"}, ".nii.gz": {"a.json"}}
# A coronal slice stack: x to the left, y down to the feet, frames from the back to the front.
DIRECTIONS = {"x_axis": (1.0, 0.0, 0.0), "y_axis": (0.0, 0.0, -1.0), "slice_axis": (0.0, -1.0, 0.0)}


def coronal(frames=1, **fields):
    placement = Placement(**DIRECTIONS, centre=(10.0, 20.0, 30.0))
    return Geometry.stack((4.0, 2.0, 1.5), placement, frames, **fields)


def make_image(frames=3, ny=7, nx=10, geometry=None, std=False, **source):
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(frames, ny, nx, dtype=torch.complex64, generator=generator)
    record = Record("zero-filled", {"a": 1}, source=Source(**source).summary(), notes=("a note",))
    labels = FrameLabels({"slice": range(frames)})
    return Reconstruction(image, record, image.abs() / 10 if std else None, geometry or coronal(frames), labels=labels)


def test_hdf5_holds_fastmris_reconstruction_and_the_rest(tmp_path):
    image = make_image(std=True)
    save(image, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["reconstruction"].dtype == np.float32
        np.testing.assert_array_equal(file["reconstruction"][()], image.magnitude.numpy())
        np.testing.assert_array_equal(file["image"][()], image.image.numpy())
        np.testing.assert_array_equal(file["std"][()], image.std.numpy())
        record = json.loads(file["record"][()])
    assert (record["method"], record["settings"], record["notes"]) == ("zero-filled", {"a": 1}, ["a note"])
    assert record["seconds"] is None
    assert record["geometry"]["placements"][2] == {
        "x_axis": [1, 0, 0],
        "y_axis": [0, 0, -1],
        "slice_axis": [0, -1, 0],
        "centre": [10, 20 - 2 * 4, 30],
    }


def test_npz_holds_the_complex_image(tmp_path):
    image = make_image(std=True)
    save(image, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["image"], image.image.numpy())
        np.testing.assert_array_equal(file["std"], image.std.numpy())
        assert json.loads(str(file["record"]))["method"] == "zero-filled"


def test_cfl_holds_the_complex_image(tmp_path):
    image = make_image()
    save(image, tmp_path / "a.cfl")
    sizes = (tmp_path / "a.hdr").read_text().splitlines()[1].split()
    assert sizes == ["7", "10", *["1"] * 11, "3", "1", "1"]
    samples = np.fromfile(tmp_path / "a.cfl", np.complex64).reshape(7, 10, 3, order="F")
    np.testing.assert_array_equal(samples.transpose(2, 0, 1), image.image.numpy())


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_is_placed_as_computed_by_hand(tmp_path, suffix):
    image = make_image()
    save(image, tmp_path / f"a{suffix}")
    file = nibabel.load(tmp_path / f"a{suffix}")
    assert file.get_data_dtype() == np.float32
    np.testing.assert_array_equal(file.get_fdata(dtype=np.float32), image.magnitude.numpy().transpose(2, 1, 0))
    # Voxel (5, 3, 0) lies at the centre (left 10, posterior 20, superior 30): NIfTI counts right and anterior.
    # x: 1.5 mm to the left; y: 2 mm to the feet; slices: 4 mm to the front.
    expected = [[-1.5, 0, 0, -10 + 5 * 1.5], [0, 0, 4, -20], [0, -2, 0, 30 + 3 * 2], [0, 0, 0, 1]]
    np.testing.assert_allclose(file.affine, expected)
    np.testing.assert_allclose(file.get_qform(), expected, atol=1e-5)
    assert nibabel.aff2axcodes(file.affine) == ("L", "I", "A")
    assert file.header.get_zooms() == (1.5, 2, 4)
    assert (int(file.header["sform_code"]), int(file.header["qform_code"])) == (1, 1)
    assert json.loads(file.header.extensions[0].get_content())["method"] == "zero-filled"


PLACED = Placement(**DIRECTIONS, centre=(1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("geometry", "zooms", "units"),
    [
        (Geometry(), (1, 1, 1), "unknown"),
        (Geometry((5.0, 2.0, 1.5)), (1.5, 2, 5), "mm"),
        (Geometry((None, 2.0, 1.5), placements=(PLACED,)), (1.5, 2, 1), "unknown"),
        (Geometry((5.0, 2.0, 1.5), placements=(Placement(**DIRECTIONS),)), (1.5, 2, 5), "mm"),
    ],
)
def test_nifti_of_unknown_place_says_so(tmp_path, geometry, zooms, units):
    save(make_image(1, geometry=geometry), tmp_path / "a.nii")
    header = nibabel.load(tmp_path / "a.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)
    assert header.get_zooms() == zooms
    assert header.get_xyzt_units()[0] == units


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_numbers_that_stand_for_nothing_are_refused(value):
    with pytest.raises(InputError, match="voxel size"):
        Geometry((value, 1.0, 1.0))
    if not np.isfinite(value):
        with pytest.raises(InputError, match="placement"):
            Placement(**DIRECTIONS, centre=(value, 0.0, 0.0))


@pytest.mark.parametrize(
    ("labels", "shape"),
    [
        ([{"repetition": r, "slice": s} for r in range(3) for s in range(2)], (5, 4, 2, 3)),
        ([{"repetition": r, "slice": 0} for r in range(6)], (5, 4, 1, 6)),
        ([{"slice": s} for s in range(6)], (5, 4, 6)),
        ([{"slice": s} for s in (0, 1) * 3], (5, 4, 2, 3)),
        ([], (5, 4, 6)),
    ],
)
def test_repeated_slices_become_the_fourth_dimension_of_nifti(tmp_path, labels, shape):
    image = torch.arange(6 * 4 * 5).reshape(6, 4, 5).to(torch.complex64)
    save(Reconstruction(image, Record("m", {}), labels=FrameLabels.of_each(labels)), tmp_path / "a.nii")
    array = nibabel.load(tmp_path / "a.nii").get_fdata()
    assert array.shape == shape
    frames = array.transpose(*range(3, array.ndim), 2, 1, 0).reshape(6, 4, 5)
    np.testing.assert_array_equal(frames, image.real.numpy())


def test_the_fourth_dimension_is_in_the_order_of_the_labels(tmp_path):
    """Contrasts change fastest, then phases, whatever the order of the frames."""
    keys = [(slice_, phase, echo) for slice_ in range(2) for echo in range(2) for phase in range(3)]
    numbers = dict(zip(("slice", "phase", "contrast"), zip(*keys, strict=True), strict=True))
    values = torch.tensor([100.0 * slice_ + 10 * phase + echo for slice_, phase, echo in keys])
    image = values[:, None, None].expand(-1, 4, 5).to(torch.complex64)
    save(Reconstruction(image, Record("m", {}), labels=FrameLabels(numbers)), tmp_path / "a.nii")
    volume = nibabel.load(tmp_path / "a.nii")
    assert volume.get_fdata()[0, 0].tolist() == [[0, 1, 10, 11, 20, 21], [100, 101, 110, 111, 120, 121]]
    labels = json.loads(volume.header.extensions[0].get_content())["labels"]
    assert labels["slice"] == [0, 1] * 6
    assert labels["contrast"] == [0, 0, 1, 1] * 3
    assert labels["phase"] == [0] * 4 + [1] * 4 + [2] * 4


def test_png_shows_the_stated_window(tmp_path):
    image = torch.linspace(0, 1, 20 * 30).reshape(1, 20, 30).to(torch.complex64)
    save(Reconstruction(image, Record("m", {})), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as file:
        assert (file.mode, file.size) == ("L", (30, 20))
        white = float(file.text["Window"].split("white ")[1].split()[0])
        assert white == pytest.approx(np.percentile(image.abs().numpy(), 99.9), rel=1e-5)
        assert "percentile 99.9" in file.text["Window"]
        assert json.loads(file.text["Comment"])["method"] == "m"
        expected = np.clip(image[0].abs().numpy() / white, 0, 1) * 255
        np.testing.assert_allclose(np.asarray(file, float), expected, atol=0.51)


def test_png_of_several_frames_is_a_montage_in_reading_order(tmp_path):
    image = torch.arange(1, 6)[:, None, None].expand(5, 8, 8).to(torch.complex64)
    save(Reconstruction(image.clone(), Record("m", {})), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as file:
        tiles = np.asarray(file)[4::8, 4::8]
    np.testing.assert_array_equal(tiles, [[51, 102, 153], [204, 255, 0]])


def test_black_image_is_written(tmp_path):
    save(Reconstruction(torch.zeros(1, 4, 4, dtype=torch.complex64), Record("m", {})), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as file:
        assert not np.asarray(file).any()


LETTERS = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "S": (0.0, 0.0, 1.0),
    "I": (0.0, 0.0, -1.0),
}
OPPOSITE = dict(zip("LRPASI", "RLAPIS", strict=True))


@pytest.mark.parametrize("view", ["LP", "LI", "PI"])
@pytest.mark.parametrize("turn", range(8))
def test_pictures_are_turned_to_the_radiological_view(view, turn):
    displayed = np.arange(12).reshape(1, 3, 4)
    across, down = view
    stored = displayed
    if turn & 1:
        stored, across = stored[:, :, ::-1], OPPOSITE[across]
    if turn & 2:
        stored, down = stored[:, ::-1], OPPOSITE[down]
    if turn & 4:
        stored, across, down = stored.swapaxes(1, 2), down, across
    placement = Placement(LETTERS[across], LETTERS[down], tuple(np.cross(LETTERS[across], LETTERS[down]).tolist()))
    assert axis_codes(placement)[:2] == across + down
    np.testing.assert_array_equal(orient_for_display(stored, Geometry(placements=(placement,))), displayed)
    assert View.radiological(placement).edges(placement) == (OPPOSITE[view[0]], OPPOSITE[view[1]], *view)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 1000))
def test_affine_puts_the_centre_voxel_at_the_centre(ny, nx, seed):
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    placement = Placement(*map(tuple, axes), centre=tuple(rng.normal(size=3)))
    matrix = Geometry((4.0, 2.0, 1.5), placements=(placement,)).ras_affine((ny, nx))
    to_ras = np.array([-1, -1, 1])
    np.testing.assert_allclose((matrix @ (nx // 2, ny // 2, 0, 1))[:3], to_ras * placement.centre)
    np.testing.assert_allclose(matrix[:3, :3], (to_ras * axes * [[1.5], [2], [4]]).T)


def make_scan(frames, coils, ny, nx, line_axis, seed=0, full=False):
    generator = torch.Generator().manual_seed(seed)
    kspace = torch.randn(frames, coils, ny, nx, dtype=torch.complex64, generator=generator)
    mask = torch.rand(frames, ny, nx, generator=generator) < 0.7
    mask[:, 0] = True
    sampling = Sampling(torch.ones(1, ny, nx, dtype=torch.bool) if full else mask, "random", 7, 3.5, {"centre": 0.08})
    return Scan(
        torch.where(sampling.mask[:, None], kspace, 0),
        sampling,
        line_axis,
        coil_maps=torch.randn(1, 2, coils, ny, nx, dtype=torch.complex64, generator=generator),
        calibration_kspace=torch.randn(frames, coils, 4, 5, dtype=torch.complex64, generator=generator),
        noise=torch.randn(coils, 9, dtype=torch.complex64, generator=generator),
        geometry=coronal(frames, image_size=(ny - 1, nx)),
        source=Source(label="a label", simulated=True, details={"vendor": "ACME"}),
    )


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([".npz", ".h5", ".cfl"]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(2, 9),
    st.integers(2, 9),
    st.sampled_from(["ky", "kx"]),
    st.booleans(),
)
def test_scans_come_back_as_they_were_saved(tmp_path_factory, suffix, frames, coils, ny, nx, line_axis, full):
    path = tmp_path_factory.mktemp("scan") / f"a{suffix}"
    scan = make_scan(frames, coils, ny, nx, line_axis, full=full)
    save_scan(scan, path)
    back = load(path)
    assert torch.equal(back.kspace, scan.kspace)
    assert torch.equal(back.mask.expand(frames, -1, -1), scan.mask.expand(frames, -1, -1))
    assert back.line_axis == line_axis
    assert back.geometry == scan.geometry
    for name in ("kind", "seed", "target_acceleration"):
        assert getattr(back.sampling, name) == getattr(scan.sampling, name)
    assert back.sampling.details["centre"] == 0.08
    assert (back.source.label, back.source.simulated) == ("a label", True)
    assert back.source.details["vendor"] == "ACME"
    if suffix != ".cfl":
        for name in ("coil_maps", "calibration_kspace", "noise"):
            assert torch.equal(getattr(back, name), getattr(scan, name)), name
    last = open_scan(path)[-1]
    assert torch.equal(last.kspace, scan.kspace[-1:])


def test_zero_padding_that_was_marked_as_sampled_stays_so(tmp_path):
    kspace = make_scan(1, 2, 8, 10, "kx", full=True).kspace.clone()
    kspace[..., :2] = 0
    scan = Scan(kspace, Sampling(torch.ones(1, 8, 10, dtype=torch.bool)), "kx")
    save_scan(scan, tmp_path / "a.h5")
    assert load(tmp_path / "a.h5").fully_sampled


def test_saved_scan_serves_the_fastmri_way_of_reading(tmp_path):
    mask = torch.zeros(1, 8, 10, dtype=torch.bool)
    mask[..., ::2] = True
    full = make_scan(2, 2, 8, 10, "kx", full=True)
    save_scan(Scan(torch.where(mask, full.kspace, 0), Sampling(mask), "kx"), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["kspace"].shape == (2, 2, 8, 10)
        np.testing.assert_array_equal(file["mask"][()], mask[0, 0].numpy())
        assert b"<x>8</x><y>10</y>" in file["ismrmrd_header"][()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_volume_written_frame_by_frame_equals_the_whole(tmp_path, suffix):
    whole = make_image(4, 6, 8)
    scan = Scan(fft(whole.image)[:, None], geometry=coronal(4))
    save_scan(scan, tmp_path / "scan.npz")
    file = open_scan(tmp_path / "scan.npz")
    together, streamed = tmp_path / f"together{suffix}", tmp_path / f"streamed{suffix}"
    save(ZeroFilled()(file.load()), together)
    with writer(streamed) as volume:
        for frame in file:
            volume.add(ZeroFilled()(frame))
    if suffix == ".png":
        with Image.open(together) as a, Image.open(streamed) as b:
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    elif suffix.startswith(".nii"):
        a, b = nibabel.load(together), nibabel.load(streamed)
        np.testing.assert_array_equal(a.get_fdata(), b.get_fdata())
        np.testing.assert_array_equal(a.affine, b.affine)
    elif suffix == ".cfl":
        assert together.read_bytes() == streamed.read_bytes()
    else:
        opener = h5py.File if suffix == ".h5" else np.load
        with opener(together) as a, opener(streamed) as b:
            np.testing.assert_array_equal(a["image"][()], b["image"][()])


def test_join_sums_what_was_spent_and_keeps_every_label():
    parts = [
        dataclasses.replace(
            make_image(1),
            record=Record(
                "m",
                {},
                seconds=1.5,
                iterations=10,
                notes=(f"note {index}", "common"),
            ),
            labels=FrameLabels({"slice": [index]}),
        )
        for index in range(3)
    ]
    joined = writing.join(parts)
    record = joined.record
    assert (record.seconds, record.iterations) == (4.5, 30)
    assert record.notes == ("note 0", "common", "note 1", "note 2")
    assert joined.labels == FrameLabels({"slice": [0, 1, 2]})


def add_all(path, images, stop=None):
    with writer(path) as volume:
        for image in images:
            volume.add(image)
        if stop is not None:
            raise stop


def test_frames_of_another_size_are_refused(tmp_path):
    with pytest.raises(InputError, match="A frame of 6×8 cannot follow frames of 7×10"):
        add_all(tmp_path / "a.h5", [make_image(1), make_image(1, 6, 8)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_interrupted_volume_leaves_nothing_behind(tmp_path, suffix, stop):
    with pytest.raises(stop):
        add_all(tmp_path / f"a{suffix}", [make_image(1)], stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix, stop):
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    whole = image_writers()[suffix]

    def stopped(temporary, image):
        whole(temporary, image)
        assert temporary.exists()
        raise stop

    monkeypatch.setitem(image_writers(), suffix, stopped)
    expected = InputError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space left on device" if expected is InputError else None):
        save(make_image(), path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing_file_is_replaced_and_readable_by_all_the_umask_allows(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    old = os.umask(0o022)
    try:
        save(make_image(), path)
    finally:
        os.umask(old)
    assert path.stat().st_size > 100
    assert path.stat().st_mode & 0o777 == 0o644
    names = {path.name} | BESIDE.get(suffix, set())
    assert {entry.name for entry in tmp_path.iterdir()} == names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.nifti", r"has the suffix '.nifti', which says no format; end it in one of .*\.nii.* Did you mean '.nii'\?"),
        ("a.pgn", r"Did you mean '.png'\?"),
        (".nii", "has no suffix"),
        ("missing/a.nii", r"The folder '.*missing' of the output 'a.nii' does not exist: create it first"),
        ("folder.h5", "is a folder: name a file"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_the_work(tmp_path, name, message):
    (tmp_path / "folder.h5").mkdir()
    for refuse in (check_writable, writer, lambda path: save(make_image(), path)):
        with pytest.raises(InputError, match=message):
            refuse(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_protected_folder_and_file_are_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    path.chmod(0o400)
    with pytest.raises(InputError, match="exists and is write-protected"):
        check_writable(path)
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="is not writable: choose another folder"):
        check_writable(tmp_path / "b.png")
    tmp_path.chmod(0o700)


def test_folder_the_system_protects_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(InputError, match="is not writable: choose another folder"):
        check_writable(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, _: path == tmp_path)
    with pytest.raises(InputError, match="exists and is write-protected"):
        check_writable(tmp_path / "b.png")


def test_raw_file_is_never_overwritten(tmp_path):
    path = tmp_path / "scan.npz"
    save_scan(make_scan(1, 2, 8, 8, "ky"), path)
    scan = load(path)
    before = path.read_bytes()
    for write in (lambda: save_scan(scan, path), lambda: save(ZeroFilled()(scan), path)):
        with pytest.raises(InputError, match="is the raw file itself: choose another name"):
            write()
    assert path.read_bytes() == before


def test_scan_of_an_image_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"end it in one of .h5, .npz, .cfl"):
        save_scan(make_scan(1, 2, 8, 8, "ky"), tmp_path / "a.png")
