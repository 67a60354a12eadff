"""The trained methods: weights by name, folder and hub, what they do to every scan, and what the record tells."""

import inspect
import math
import sys
import types

import pytest
import torch
from tests.helpers.trained_weights import RECONSTRUCTORS, SMALL, write_small

import fourfold as ff
from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.methods.registry import find_method, methods, quick_methods
from fourfold.networks.build import networks
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import radial, undersample
from fourfold.scan import Geometry
from fourfold.simulation.simulate import phantom, simulate
from fourfold.studies import compare
from fourfold.weights import find
from fourfold.weights.load_network import load_network

each = pytest.mark.parametrize("name", RECONSTRUCTORS)


@pytest.fixture(autouse=True)
def nothing_ships(tmp_path, monkeypatch):
    """What ships with fourfold changes no test."""
    monkeypatch.setattr(find, "_SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


@pytest.fixture
def method(tmp_path):
    """Make a method with a small network's weights."""

    def make(name, settings=None, **more):
        folder = write_small(tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}", name, settings=settings)
        return find_method(name)(weights=str(folder), **more)

    return make


@pytest.fixture(scope="module")
def single(full):
    one = full.replace(kspace=full.kspace[:, :1], coil_maps=None)
    return undersample(one, "random", 3, centre=0.25, seed=0)


def test_bfloat16_is_used_where_it_is_asked_for(method, scan):
    images = [method("unet", precision=each)(scan).before_data_consistency for each in ("float32", "bfloat16")]
    assert torch.equal(method("unet")(scan).before_data_consistency, images[0])
    assert 1e-5 < float((images[1] - images[0]).norm() / images[0].norm()) < 0.03


def test_there_is_a_method_for_every_reconstructor():
    trained = {name: kind for name, kind in methods().items() if kind.family == "trained"}
    assert set(trained) == set(RECONSTRUCTORS)


@each
def test_every_method_takes_one_coil_and_several(name, method, scan, single):
    solver = method(name)
    for data in (scan, single):
        result = solver(data)
        assert result.image.shape == (1, 63, 64)
        assert result.image.dtype == torch.complex64
        assert result.before_data_consistency.shape == result.image.shape
        assert bool(result.image.isfinite().all())


@each
@pytest.mark.parametrize("factor", [2.0**-20, 2.0**20])
def test_scale_of_the_data_changes_nothing_else(name, factor, method, scan):
    solver = method(name)
    image = solver(scan).image
    scaled = solver(scan.replace(kspace=scan.kspace * factor)).image / factor
    torch.testing.assert_close(scaled, image, rtol=0, atol=1e-5 * float(image.abs().max()))


@each
def test_frames_together_equal_single_frames(name, method, full, monkeypatch):
    """Each with a mask and a brightness of its own."""
    series = full.replace(kspace=torch.cat([full.kspace, 3 * full.kspace.flip(-1).roll(1, -1)]), sampling=None)
    series = undersample(series, "kt-interleaved", 3, lines=16)
    solver = method(name)
    series_result = solver(series)
    monkeypatch.setattr(type(solver), "frames_at_once", lambda *_: 2)
    together = solver(series)
    assert together.image.shape == (2, 63, 64)
    assert torch.allclose(together.image, series_result.image, atol=1e-4 * float(series_result.image.abs().max()))
    assert together.record.scale == pytest.approx(series_result.record.scale)


@each
def test_what_was_measured_comes_back(name, method, single):
    """A single coil's image, transformed again, holds the measured samples."""
    again = fft(method(name)(single).image)[0]
    acquired = single.mask[0]
    measured = single.kspace[0, 0]
    assert torch.allclose(again[acquired], measured[acquired], atol=1e-4 * float(measured.abs().max()))


@pytest.mark.parametrize("name", ["unet", "resnet", "cascade", "varnet"])
def test_phase_of_the_data_is_the_phase_of_the_image(name, method, single):
    """Networks of two channels are not told that phases turn together; a quarter turn swaps their channels."""
    image = method(name, {"complex": False} if name in ("unet", "resnet") else None, coil_combination="maps")(
        single
    ).image
    start = ifft(single.kspace)[:, 0]
    if name in ("unet", "resnet"):
        assert float((torch.sgn(image) * torch.sgn(start).conj()).imag.abs().max()) < 1e-3
    else:
        bright = start.abs() > 0.3 * start.abs().max()
        assert float((torch.sgn(image) * torch.sgn(start).conj())[bright].real.mean()) > 0.5


def test_the_image_is_the_networks_in_the_unit_of_the_data(method, scan):
    """Written out for the cascade: scale, maps, network, scale."""
    solver = method("cascade", coil_combination="maps")
    network, manifest = load_network(solver.weights)
    scale, maps = intensity_scale(scan), estimate_maps(scan)[:, 0]
    expected = network(scan.kspace / scale, scan.mask, maps) * scale
    result = solver(scan)
    assert torch.allclose(result.image, expected, atol=1e-5 * float(expected.abs().max()))
    assert result.before_data_consistency is None
    assert result.record.scale == pytest.approx(scale)
    assert result.record.details["weights"]["sha256"] == manifest.sha256


def test_varnet_makes_its_own_maps_from_the_calibration_lines(method, scan):
    solver = method("varnet", coil_combination="maps")
    network, _ = load_network(solver.weights)
    scale = intensity_scale(scan)
    calibration = central_calibration(scan, size=None)
    expected = network(scan.kspace / scale, scan.mask, calibration=calibration / scale) * scale
    image = solver(scan).image
    assert torch.allclose(image, expected, atol=1e-3 * float(expected.abs().max()))
    maps = estimate_maps(scan)
    given = solver(scan.replace(coil_maps=maps)).image
    with_maps = method("varnet", coil_combination="maps", coil_map_method="espirit")(scan).image
    without = method("varnet", {"sensitivity_channels": 0}, coil_combination="maps")(scan).image
    assert torch.allclose(given, with_maps, atol=1e-4 * float(given.abs().max()))
    assert not torch.allclose(given, image, atol=1e-2 * float(given.abs().max()))
    assert without.shape == given.shape


def test_without_calibration_lines_the_maps_come_from_all_samples_or_the_method_refuses(method, full):
    few = undersample(full, "random", 3, lines=4, seed=1)
    for name in ("cascade", "varnet"):
        notes = method(name)(few).record.notes
        assert any("NLINV" in note for note in notes)
    with pytest.raises(InputError, match="4 fully sampled calibration lines"):
        method("cascade", coil_map_method="espirit")(few)


def test_fold_over_is_noted(method, scan):
    assert not any("folds over" in note for note in method("cascade")(scan).record.notes)
    two_sets = scan.replace(coil_maps=estimate_maps(scan, sets=2))
    assert any("folds over" in note for note in method("cascade")(two_sets).record.notes)


def test_images_are_cut_to_the_size_the_scanner_shows(method, scan):
    solver = method("cascade")
    cut = solver(scan.replace(geometry=Geometry(image_size=(41, 32)))).image
    assert torch.equal(cut, solver(scan).image[:, 31 - 20 : 31 + 21, 16:48])


def test_trajectories_are_refused(method):
    spokes = simulate(phantom((32, 32)), coils=2, trajectory=radial((32, 32), 20, 48))
    with pytest.raises(InputError, match="Cartesian"):
        method("cascade")(spokes)


@each
def test_gpu_memory_decides_how_many_frames_go_together(name, method, scan):
    solver = method(name)
    assert solver.frames_at_once(scan) == 1
    numbers = [solver.numbers(solver.loaded[1].settings, coils) for coils in (1, 16)]
    assert 0 < numbers[0] <= numbers[1]


def test_the_record_states_weights_and_training_data(method, scan):
    record = method("unet")(scan).record
    weights = record.details["weights"]
    assert weights["name"] == "small"
    assert len(weights["sha256"]) == 64
    assert weights["training_data"] == [{"name": "nothing", "licence": "CC0-1.0", "subjects": 1}]
    assert any("no scan statistics" in note for note in record.notes)


# Finding weights


def test_pretrained_weights_are_read_at_once(tmp_path, scan):
    folder = write_small(tmp_path / "mine", "varnet")
    solver = ff.VarNet.from_pretrained(str(folder), coil_combination="maps")
    assert isinstance(solver, ff.VarNet)
    assert solver.coil_combination == "maps"
    assert "loaded" in vars(solver)
    assert torch.equal(solver(scan).image, ff.VarNet(weights=str(folder), coil_combination="maps")(scan).image)
    assert solver.model_dump(mode="json")["weights"] == str(folder)


def test_what_was_loaded_is_no_part_of_the_settings(tmp_path):
    folder = write_small(tmp_path / "mine", "unet")
    loaded, fresh = ff.UNet.from_pretrained(str(folder)), ff.UNet(weights=str(folder))
    assert loaded == fresh
    assert loaded.model_dump() == fresh.model_dump()


def test_weights_that_ship_are_found_by_name_and_by_network(nothing_ships, scan):
    write_small(nothing_ships / "b-small", "cascade", "b-small")
    write_small(nothing_ships / "a-small", "unet", "a-small")
    assert ff.Cascade.from_pretrained("b-small").loaded[1].name == "b-small"
    assert ff.Cascade()(scan).record.details["weights"]["name"] == "b-small"
    assert ff.UNet()(scan).record.details["weights"]["name"] == "a-small"


def test_without_weights_a_method_refuses(scan, tmp_path):
    with pytest.raises(InputError, match="No weights for 'varnet' ship"):
        ff.VarNet()(scan)
    with pytest.raises(InputError, match="no weights 't1-smal'"):
        ff.VarNet.from_pretrained("t1-smal")
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        ff.VarNet.from_pretrained(str(tmp_path))


def test_a_typo_names_the_nearest_weights(nothing_ships):
    write_small(nothing_ships / "t1-small", "varnet", "t1-small")
    with pytest.raises(InputError, match="mean 't1-small'"):
        ff.VarNet.from_pretrained("t1-smal")


def test_weights_of_another_network_and_damaged_ones_are_refused(tmp_path):
    folder = write_small(tmp_path / "mine", "unet")
    with pytest.raises(InputError, match="belong to the network 'unet', not to 'varnet'"):
        ff.VarNet.from_pretrained(str(folder))
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="changed or damaged"):
        ff.UNet.from_pretrained(str(folder))


def test_a_manifest_with_wrong_settings_is_refused(tmp_path):
    folder = write_small(tmp_path / "mine", "unet")
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"channels": 4', '"channels": 5'))
    with pytest.raises(InputError, match="do not fit the network"):
        ff.UNet.from_pretrained(str(folder))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that holds one repository, and remembers what it was asked for."""
    requested = []
    folder = write_small(tmp_path / "snapshot", "cascade")
    errors = types.ModuleType("huggingface_hub.errors")
    for name in ("HfHubHTTPError", "HFValidationError", "LocalEntryNotFoundError"):
        setattr(errors, name, type(name, (Exception,), {}))

    def snapshot_download(repository, revision=None, allow_patterns=None):
        requested.append((repository, revision, tuple(allow_patterns)))
        if repository == "nobody/nothing":
            raise errors.HfHubHTTPError("404\nRepository Not Found")
        if repository == "far/away":
            raise errors.LocalEntryNotFoundError("offline")
        return str(folder)

    package = types.ModuleType("huggingface_hub")
    package.snapshot_download, package.errors = snapshot_download, errors
    monkeypatch.setitem(sys.modules, "huggingface_hub", package)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return requested


def test_weights_come_from_the_hub(hub, scan):
    files = ("manifest.json", "weights.safetensors")
    ff.Cascade.from_pretrained("hf://owner/name")
    record = ff.Cascade.from_pretrained("hf://owner/name@v2")(scan).record
    assert hub == [("owner/name", None, files), ("owner/name", "v2", files)]
    assert record.settings["weights"] == "hf://owner/name@v2"
    with pytest.raises(InputError, match="belong to the network 'cascade'"):
        ff.UNet.from_pretrained("hf://owner/name")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("hf://nobody/nothing", "could not be downloaded .Repository Not Found."),
        ("hf://far/away", "cannot be reached"),
        ("hf://name", "no repository on the hub"),
        ("hf:///name", "no repository on the hub"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_places_on_the_hub_that_are_none_are_refused(place, words):
    with pytest.raises(InputError, match=words):
        ff.Cascade.from_pretrained(place)


def test_the_hubs_client_is_asked_for_where_it_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'fourfold\[hub\]'"):
        ff.Cascade.from_pretrained("hf://owner/name")


def test_the_real_client_has_what_is_called():
    client = pytest.importorskip("huggingface_hub", reason="needs the hub's client")
    from huggingface_hub import errors

    assert {"revision", "allow_patterns"} <= set(inspect.signature(client.snapshot_download).parameters)
    for name in ("HfHubHTTPError", "HFValidationError", "LocalEntryNotFoundError"):
        assert issubclass(getattr(errors, name), Exception)


# Comparisons


def test_comparisons_take_trained_methods_whose_weights_ship(nothing_ships, full):
    trained = {name for name, kind in methods().items() if kind.family == "trained"}
    assert not trained & set(quick_methods())
    write_small(nothing_ships / "small", "cascade")
    assert trained & set(quick_methods()) == {"cascade"}
    sampling = undersample(full, "random", 3, centre=0.25, seed=0).sampling
    comparison = compare(full, ["zero-filled", "cascade"], sampling)
    assert [entry.reconstruction.record.method for entry in comparison.entries] == ["zero-filled", "cascade"]
    assert all(math.isfinite(score) for entry in comparison.entries for score in entry.scores.values())


def test_small_networks_cover_all():
    assert set(SMALL) == set(networks())
