"""Bruker ParaVision: a real experiment, and datasets that stand in for what brukerapi decodes."""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from tests.helpers.mrd import make_image, numpy_fft

from fourfold.errors import InputError
from fourfold.formats import load, open_scan
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels

pytest.importorskip("brukerapi", reason="needs the brukerapi package")

TWO_D = ["k_space_encode_step_0", "k_space_encode_step_1", "object", "repetition", "channel"]
THREE_D = ["k_space_encode_step_0", "k_space_encode_step_1", "k_space_encode_step_2", "repetition", "channel"]


def affine(height=0.0):
    """Return the affine matrix of a slice: pixels of 3 by 2 mm, the image's y runs to the front."""
    matrix = np.diag([2.0, -3.0, 4.0, 1.0])
    matrix[:3, 3] = 1, 2, height
    return matrix


class Decoded:
    """Stands in for a dataset of brukerapi."""

    def __init__(self, data, axes, affines, scheme="CART_2D", **parameters):
        self.data, self.dim_type, self.scheme_id, self.affines = data, axes, scheme, affines
        self.parameters = {"PVM_EncMatrix": [16, 20, 6], "PVM_SliceThick": 4.0} | parameters

    def __getitem__(self, name):
        return SimpleNamespace(value=self.parameters[name])

    def acquisition_affines(self):
        return self.affines


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """Make an experiment's files, which brukerapi is said to decode to the dataset that is given."""

    def make(*arguments, **options):
        for name in ("acqp", "method"):
            (tmp_path / name).write_text("##TITLE=Parameter List\n")
        (tmp_path / "fid").write_bytes(bytes(100))
        monkeypatch.setattr("brukerapi.dataset.Dataset", lambda _: Decoded(*arguments, **options))
        return tmp_path / "fid"

    return make


def stored(images):
    """Return k-space of images (slice, coil, y, x) as (kx, ky, slice, repetition, coil)."""
    return numpy_fft(images).transpose(3, 2, 0, 1)[:, :, :, None]


def test_slices_repetitions_and_their_places(experiment):
    images = np.stack([make_image((2, 20, 16), seed) for seed in range(3)])
    both = np.concatenate([stored(images), stored(2 * images)], axis=3)
    path = experiment(both, TWO_D, [affine(0.0), affine(4.0), affine(8.0)])
    scan = load(path)
    assert scan.labels == FrameLabels({"slice": [0, 1, 2] * 2, "repetition": [0, 0, 0, 1, 1, 1]})
    for frame in range(6):
        expected = images[frame % 3] * (1 + frame // 3)
        np.testing.assert_allclose(ifft(scan.kspace)[frame].numpy(), expected, atol=1e-5)
        place = scan.geometry.placements[frame]
        assert place.centre == pytest.approx((1 + 2 * 8, 2 - 3 * 10, 4.0 * (frame % 3)))
        assert place.y_axis == (0, -1, 0)
    assert scan.geometry.voxel_size == (4, 3, 2)


def test_undersampled_lines_stand_where_their_steps_say(experiment):
    image = make_image((2, 20, 16))[None]
    steps = [*range(-10, -2, 2), -2, -1, 0, 1, *range(2, 10, 2)]
    data = stored(image)[:, [step + 10 for step in steps]]
    path = experiment(data, TWO_D, [affine()], PVM_EncSteps1=np.array(steps), PVM_EncMatrix=[16, len(steps)])
    scan = load(path)
    np.testing.assert_array_equal(np.flatnonzero(scan.mask[0, :, 0].numpy()) - 10, steps)
    np.testing.assert_allclose(
        scan.kspace[0, :, 10].numpy(), numpy_fft(image)[0, :, 10].astype(np.complex64), atol=1e-5
    )


def test_three_dimensions_become_slices(experiment):
    image = make_image((2, 6, 20, 16))
    data = numpy_fft(image, (-3, -2, -1)).transpose(3, 2, 1, 0)[:, :, :, None]
    path = experiment(data, THREE_D, [affine()], scheme="CART_3D", PVM_EncSteps2=np.arange(-3, 3))
    scan = load(path)
    assert scan.labels == FrameLabels({"slice": [0] * 6, "partition": list(range(6))})
    for frame in range(6):
        np.testing.assert_allclose(ifft(scan.kspace)[frame].numpy(), image[:, frame], atol=1e-5)
        assert scan.geometry.placements[frame].centre[2] == pytest.approx(4.0 * frame)


def test_slices_that_are_numbered_with_echoes_are_not_named(experiment):
    images = np.stack([make_image((2, 20, 16), seed) for seed in range(4)])
    scan = load(experiment(stored(images), TWO_D, [affine(0.0), affine(4.0)]))
    assert not scan.labels.known
    assert scan.geometry.placements == ()
    assert "numbers slices and echoes together" in scan.source.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheme": "SPIRAL"}, r"is of the kind SPIRAL; fourfold reads Cartesian experiments"),
        ({"PVM_EncPft": np.array([1.5, 1.0])}, "has asymmetric echoes, whose centre is not known"),
        ({"PVM_EncSteps1": np.arange(7)}, "has 20 lines, but 7 encoding steps"),
    ],
)
def test_what_is_not_known_is_refused(experiment, changes, message):
    path = experiment(stored(make_image((2, 20, 16))[None]), TWO_D, [affine()], **changes)
    with pytest.raises(InputError, match=message):
        open_scan(path)


def test_partitions_in_another_order_are_refused(experiment):
    data = np.ones((16, 20, 6, 1, 2), complex)
    path = experiment(data, THREE_D, [affine()], scheme="CART_3D", PVM_EncSteps2=np.array([0, 1, -1, 2, -2, 3]))
    with pytest.raises(InputError, match="partitions that are not all acquired one after the other"):
        open_scan(path)


def test_without_the_package_the_sentence_says_how_to_get_it(experiment, monkeypatch):
    path = experiment(stored(make_image((2, 20, 16))[None]), TWO_D, [affine()])
    monkeypatch.setitem(sys.modules, "brukerapi.dataset", None)
    with pytest.raises(InputError, match=r"install it with pip install 'fourfold\[bruker\]'"):
        open_scan(path)


def test_a_damaged_experiment_is_refused(tmp_path):
    for name in ("acqp", "method"):
        (tmp_path / name).write_text("##TITLE=Parameter List\n##$ACQ_size=( 2 )\nnonsense")
    (tmp_path / "fid").write_bytes(bytes(100))
    with pytest.raises(InputError, match=r"is damaged, or of a kind that brukerapi does not decode .*copy its whole"):
        open_scan(tmp_path / "fid")


def test_a_real_experiment_shows_and_lies_as_the_scanners_own_images(data):
    folder = data / "formats" / "bruker" / "flash_100"
    scan = load(folder / "fid")
    images = ifft(scan.kspace)[:, 0].abs().numpy()
    from brukerapi.dataset import Dataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packages = Dataset(folder / "pdata" / "1" / "2dseq").get_slice_packages()
    for frame, package in enumerate(packages):
        # Each voxel of the scanner's image, by its place in the patient, and the same place in ours.
        shown, theirs = np.squeeze(package.data), np.asarray(package.affine, float)
        ours = scan.geometry.select([frame]).lps_affine(images.shape[1:])
        i, j = np.meshgrid(*map(np.arange, shown.shape), indexing="ij")
        places = theirs @ np.stack([i, j, 0 * i, 1 + 0 * i]).reshape(4, -1)
        x, y, z, _ = np.linalg.inv(ours) @ places
        assert np.abs(z).max() < 1e-3
        inside = (x > -0.5) & (x < 127.5) & (y > -0.5) & (y < 127.5)
        assert inside.mean() > 0.95
        same = images[frame, np.round(y[inside]).astype(int), np.round(x[inside]).astype(int)]
        assert np.corrcoef(same, shown.reshape(-1)[inside])[0, 1] > 0.99
