"""Creation of a reader study: images of any tool, settings, orders, what is refused."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image
from tests.helpers.reader_studies import METHODS, SIZE, make_study, write_images

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.formats.image_files import read_image_file
from fourfold.reader_study.design import presentations, sample_cases
from fourfold.reader_study.folder import database_of
from fourfold.reader_study.settings import ReaderStudySettings
from fourfold.reader_study.sources import find_cases
from fourfold.scan import Geometry, Placement
from fourfold.simulation.simulate import phantom, simulate


def test_cases_are_drawn_by_the_seed_and_shown_in_other_orders_to_each_reader():
    settings = ReaderStudySettings(cases=25, repeats=0.12)
    assert len(set(sample_cases(40, settings))) == 25
    assert sample_cases(40, settings) == sample_cases(40, settings)
    assert sample_cases(40, settings) != sample_cases(40, ReaderStudySettings(seed=1))
    assert sample_cases(3, settings) == [0, 1, 2]
    rng = np.random.default_rng(0)
    anna, ben = (presentations(reader, 25, 5, settings, rng) for reader in range(2))
    assert [each.case for each in anna] != [each.case for each in ben]
    assert sorted(each.case for each in anna if not each.repeated) == list(range(25))
    assert all(sorted(each.images) == list(range(5)) for each in anna)
    assert len({each.images for each in anna}) > 10


def test_repeats_come_after_their_case_and_far_from_it():
    settings = ReaderStudySettings(repeats=0.12)
    for seed in range(20):
        shown = presentations(0, 25, 5, settings, np.random.default_rng(seed))
        places = {each.case: place for place, each in enumerate(shown) if not each.repeated}
        repeats = [(each.case, place) for place, each in enumerate(shown) if each.repeated]
        assert len(repeats) == 3
        assert all(place - places[case] >= 25 // 6 for case, place in repeats)


def test_readers_share_anchors_and_rotate_through_the_others():
    settings = ReaderStudySettings(readers=("a", "b", "c"), cases_per_reader=6, anchors=2, repeats=0)
    rng = np.random.default_rng(0)
    seen = [{each.case for each in presentations(reader, 14, 3, settings, rng)} for reader in range(3)]
    assert all(len(each) == 6 for each in seen)
    assert set.intersection(*seen) == {0, 1}
    assert set.union(*seen) == set(range(14))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"criteria": [{"name": "a", "kind": "score"}]}, "'a' is a score with 0 meanings"),
        ({"criteria": [{"name": "a", "scale": ["x", "y"]}]}, "'a' is a rank, which has no scale"),
        ({"criteria": [{"name": "a"}, {"name": "a"}]}, "Two of the names of a criterion are alike"),
        ({"readers": ["x", "x"]}, "Two of the names of a reader are alike"),
        ({"anchors": 3}, "give 'cases_per_reader' too"),
        ({"anchors": 3, "cases_per_reader": 2}, "more than the 2 cases"),
        ({"repeats": 0.9}, "repeats"),
        ({"criterions": []}, "has no setting 'criterions'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        ReaderStudySettings(**given)


def test_images_of_any_tool_are_read(tmp_path):
    image = (np.arange(24 * 20).reshape(24, 20) % 251).astype(np.float32)
    Image.fromarray(image.astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray((256 * image).astype(np.uint16)).save(tmp_path / "b.png")
    np.save(tmp_path / "c.npy", image.astype(np.complex64) * 1j)
    np.savez(tmp_path / "d.npz", image=np.stack([0 * image, image]))
    for name, scale in (("a.png", 1), ("b.png", 256), ("c.npy", 1), ("d.npz", 1)):
        found = read_image_file(tmp_path / name)
        assert found.frames[-1] == pytest.approx(scale * image)
        assert found.pixel_aspect == 1


def test_dicom_that_fourfold_writes_is_read(tmp_path):
    pytest.importorskip("pydicom", reason="needs pydicom, extra 'dicom'")
    scan = simulate(phantom((40, 36)), coils=1, snr=None)
    place = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    geometry = Geometry(voxel_size=(5.0, 2.0, 1.0), placements=(place,))
    image = ff.ZeroFilled()(scan.replace(geometry=geometry))
    ff.save(image, tmp_path / "image.dcm")
    found = read_image_file(tmp_path / "image.dcm")
    assert found.pixel_aspect == 2
    assert found.frames == pytest.approx(image.magnitude.numpy(), abs=float(image.magnitude.max()) / 30000)


@pytest.mark.parametrize("name", ["e.nii", "e.nii.gz"])
def test_nifti_is_shown_in_the_radiological_view(tmp_path, name):
    """An axial volume in RAS: the patient's right is left in the picture, and anterior is up."""
    volume = np.zeros((10, 8, 3), np.float32)
    volume[9, 7, 1] = 5  # right-most towards the patient's right hand is x = 0 in RAS; this is left, anterior
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.0, 2.0, 4.0, 1.0])), tmp_path / name)
    found = read_image_file(tmp_path / name)
    assert found.frames.shape == (3, 8, 10)
    assert np.argwhere(found.frames).tolist() == [[1, 0, 0]]
    assert found.pixel_aspect == 2


def test_colour_and_damage_are_refused(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 9
    Image.fromarray(picture).save(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "broken.nii").write_bytes(b"nothing")
    np.save(tmp_path / "zero.npy", np.zeros((8, 8)))
    np.save(tmp_path / "nan.npy", np.full((8, 8), np.nan))
    np.savez(tmp_path / "names.npz", other=np.ones((8, 8)))
    for name, words in (
        ("colour.png", "in colour"),
        ("broken.png", "damaged or no PNG"),
        ("broken.nii", "damaged or not a NIfTI"),
        ("zero.npy", "zero everywhere"),
        ("nan.npy", "NaN or Inf"),
        ("names.npz", "holds other"),
    ):
        with pytest.raises(InputError, match=words):
            read_image_file(tmp_path / name)


def test_cases_without_an_image_of_every_method_are_left_out(tmp_path):
    write_images(tmp_path)
    (tmp_path / METHODS[1] / "head2.npy").unlink()
    cases, left_out = find_cases([tmp_path], ReaderStudySettings())
    assert [case.name for case in cases] == ["head0", "head1", "head3"]
    assert left_out == ["head2"]
    several = [tmp_path / method for method in METHODS[:2]]
    assert list(find_cases(several, ReaderStudySettings())[0][0].read) == list(METHODS[:2])


def test_each_frame_may_be_a_case_of_its_files_subject(tmp_path):
    for method in ("a", "b"):
        (tmp_path / method).mkdir()
        np.save(tmp_path / method / "sub-07_scan.npy", np.ones((3, 8, 8)))
    cases, _ = find_cases([tmp_path], ReaderStudySettings(frames="all"))
    assert [case.subject for case in cases] == ["sub-07_scan"] * 3
    cases, _ = find_cases([tmp_path], ReaderStudySettings(subject=r"sub-(\d+)"))
    assert [case.subject for case in cases] == ["07"]
    with pytest.raises(InputError, match="does not match the case 'sub-07_scan'"):
        find_cases([tmp_path], ReaderStudySettings(subject="patient"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "alpha-net" / "head0.png").write_bytes(b"x"), "two files of the case 'head0'"),
        (lambda folder: [each.unlink() for each in (folder / "beta-tv").iterdir()], "holds no image"),
        (lambda folder: [each.rename(each.with_name(f"x{each.name}")) for each in (folder / "beta-tv").iterdir()],
         "No case has an image of every method"),
    ],
)  # fmt: skip
def test_folders_that_do_not_fit_are_refused(tmp_path, change, sentence):
    change(write_images(tmp_path))
    with pytest.raises(InputError, match=sentence):
        find_cases([tmp_path], ReaderStudySettings())


def test_more_images_than_a_reader_can_compare_are_refused(tmp_path):
    write_images(tmp_path, cases=1, methods=tuple("abcdefghij"))
    with pytest.raises(InputError, match="at most 9 side by side"):
        find_cases([tmp_path], ReaderStudySettings())


def test_images_of_other_sizes_are_refused(tmp_path):
    write_images(tmp_path / "images")
    np.save(tmp_path / "images" / "beta-tv" / "head1.npy", np.ones((5, 5)))
    assert main(["reader", "create", str(tmp_path / "images"), "-o", str(tmp_path / "study")]) == 2


def test_a_comparison_becomes_a_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        save_scan(simulate(phantom((96, 88)), coils=4, snr=30.0, seed=seed), tmp_path / f"h{seed}.npz")
    files = [f"h{seed}.npz" for seed in range(3)]
    words = ["compare", *files, "zero-filled", "grappa", "--metrics", "psnr,object-ssim", "-o", "out", "--workers", "1"]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "scores.json").read_text())["statistics"]
    assert [(each["score"], each["subjects"]) for each in found] == [("psnr", 3), ("object-ssim", 3)]
    (tmp_path / "reading.yaml").write_text("readers: [Anna]\nrepeats: 0.34\n")
    capsys.readouterr()
    assert main(["reader", "create", "out", "-s", "reading.yaml", "-o", "study", "--key", "key.json"]) == 0
    printed = capsys.readouterr()
    assert "3 cases × 2 methods (grappa, zero-filled)" in printed.out
    assert "fewer than 25" in printed.err
    assert not (tmp_path / "study" / "key.json").exists()
    assert len(database_of(tmp_path / "study").rows("SELECT * FROM presentation")) == 4
    assert main(["reader", "create", "out", "-o", "study"]) == 2
    assert "needs a new one" in capsys.readouterr().err


def test_units_of_tools_may_differ(tmp_path):
    write_images(tmp_path / "images")
    path = tmp_path / "images" / "alpha-net"
    for file in path.iterdir():
        np.save(file, 1000 * np.load(file))
    settings = ReaderStudySettings(scaling="each")
    made = make_study(tmp_path / "other", **settings.model_dump(include={"scaling"}))
    pixels = [np.fromfile(file, "<u2") for file in (tmp_path / "other" / "study" / "images").iterdir()]
    assert made.cases == 4
    assert all(np.percentile(each, 99) > 40000 for each in pixels)
    assert {each.size for each in pixels} == {SIZE[0] * SIZE[1]}
