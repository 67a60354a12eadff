"""A coil that is silent in some frames is left out there, with a note, and the other frames are what they would be."""

import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.coils.compression import compress_coils
from fourfold.coils.geometric_compression import compress_coils_geometrically
from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save_scan
from fourfold.kspace.time_average import time_average
from fourfold.methods.registry import methods
from fourfold.noise.covariance import prewhiten
from fourfold.sampling import undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate

SILENT, FRAME = 2, 1
NOTE = "Coil 2 contained only zeros in frame 1 and was left out."
SMALL = {
    "iterations": 2,
    "members": 1,
    "refit_iterations": 0,
    "weight": 0.002,
    "channels": 4,
    "layers": 3,
    "precision": "float32",
    "steps": 3,
    "latent_steps": 2,
    "layer_steps": 1,
    "weight_steps": 1,
}


@pytest.fixture(scope="module")
def whole() -> Scan:
    """Return two frames, undersampled, 4 coils, 48×40."""
    slices = [simulate(phantom((48, 40)), coils=4, snr=60.0, seed=seed).kspace for seed in range(2)]
    return undersample(Scan(torch.cat(slices)), "random", 2.0, lines=16)


@pytest.fixture(scope="module")
def scan(whole) -> Scan:
    """Return the same frames with a coil that is silent in the second one."""
    kspace = whole.kspace.clone()
    kspace[FRAME, SILENT] = 0
    return whole.replace(kspace=kspace)


def quickly(name: str):
    """Return a method with settings that take little time."""
    kind = methods()[name]
    return kind(**{key: value for key, value in SMALL.items() if key in kind.model_fields and kind.family != "trained"})


@pytest.mark.parametrize("name", [name for name, kind in methods().items() if kind.scope == "frame" and kind.ready()])
def test_every_method_leaves_the_coil_out_of_its_frame_alone(name, whole, scan):
    method = quickly(name)
    try:
        expected = method(whole.frame(0)).image
    except InputError:
        pytest.skip("the method is not for data of this kind")
    actual = method(scan)
    assert torch.equal(actual.image[0], expected[0])
    three = whole.without_coils([SILENT])
    assert torch.equal(actual.image[FRAME], method(three.frame(FRAME)).image[0])
    assert actual.record.notes.count(NOTE) == 1


@pytest.mark.parametrize("name", [name for name, kind in methods().items() if kind.scope == "series"])
def test_methods_for_series_leave_the_coil_out_of_all_frames(name, whole, scan):
    method = quickly(name)
    actual = method(scan)
    assert torch.equal(actual.image, method(whole.without_coils([SILENT])).image)
    assert NOTE in actual.record.notes


@pytest.mark.parametrize(
    "treat",
    [prewhiten, time_average, lambda scan: compress_coils(scan, 3), lambda scan: compress_coils_geometrically(scan, 3)],
    ids=["prewhiten", "time average", "compression", "geometric compression"],
)
def test_what_treats_all_frames_alike_does_without_the_coil(treat, whole, scan):
    actual, expected = treat(scan), treat(whole.without_coils([SILENT]))
    assert torch.equal(actual.kspace, expected.kspace)
    assert NOTE in actual.source.notes


def test_maps_noise_and_calibration_of_a_coil_are_removed_with_it(whole):
    maps = torch.randn(1, 1, 4, 48, 40, dtype=torch.complex64)
    noise = torch.randn(4, 100, dtype=torch.complex64)
    full = whole.replace(coil_maps=maps, noise=noise, calibration_kspace=whole.kspace[:, :, 16:32])
    less = full.without_coils([0]).without_coils([1])
    assert torch.equal(less.kspace, full.kspace[:, [1, 3]])
    assert torch.equal(less.coil_maps, maps[:, :, [1, 3]])
    assert torch.equal(less.calibration_kspace, full.calibration_kspace[:, [1, 3]])
    assert torch.equal(less.noise, noise[[1, 3]])
    assert less.source.details["coils_left_out"] == [0, 2]
    assert less.source.notes == ()


def test_a_coil_that_is_silent_in_all_frames_is_refused(scan, tmp_path):
    kspace = scan.kspace.clone()
    kspace[:, SILENT] = 0
    with pytest.raises(InputError, match=r"Coil\(s\) \[2\] contain only zeros"):
        Scan(kspace)
    np.savez(tmp_path / "dead.npz", kspace=kspace.numpy())
    for read in (load, lambda file: open_scan(file)[0], lambda file: list(open_scan(file))):
        with pytest.raises(InputError, match=r"Coil\(s\) \[2\] contain only zeros"):
            read(tmp_path / "dead.npz")


def test_coils_of_which_each_is_silent_in_some_frame_are_refused(whole):
    kspace = whole.kspace.clone()
    kspace[0, :2], kspace[1, 2:] = 0, 0
    scan = whole.replace(kspace=kspace)
    assert scan.frame(0).coils == scan.frame(1).coils == 2
    with pytest.raises(InputError, match="All 4 coils would be left out"):
        scan.without_silent_coils()


def test_a_note_counts_frames_as_the_file_does(tmp_path):
    kspace = np.concatenate([simulate(phantom((32, 32)), coils=4, seed=seed).kspace.numpy() for seed in range(5)])
    kspace[3, 1] = 0
    np.savez(tmp_path / "scan.npz", kspace=kspace)
    part = load(tmp_path / "scan.npz", slice(1, 5, 2))
    expected = ("Coil 1 contained only zeros in frame 3 and was left out.",)
    assert part.frame(1).source.notes == part.without_silent_coils().source.notes == expected
    assert part.replace(kspace=part.kspace.flip(0)).part(0, 1).source.details["file_frames"] == [1]
    save_scan(part, tmp_path / "part.npz")
    assert load(tmp_path / "part.npz", 1).source.notes == ("Coil 1 contained only zeros in frame 1 and was left out.",)


@pytest.mark.parametrize("name", ["scan.npz", "scan.h5", "scan.cfl"])
def test_a_silent_coil_breaks_the_reading_of_no_frame(name, whole, scan, tmp_path):
    save_scan(scan, tmp_path / name)
    file = open_scan(tmp_path / name)
    assert torch.equal(file[0].kspace, whole.kspace[:1])
    for frame in (file[FRAME], [*file][FRAME], file.load(FRAME), file.load().frame(FRAME)):
        assert torch.equal(frame.kspace, whole.without_coils([SILENT]).kspace[FRAME:])
        assert frame.source.notes == (NOTE,)
        assert frame.geometry == file.geometry([FRAME]) or frame.geometry == file.geometry([0])
    assert file.load().coils == 4


def test_coils_that_are_silent_in_different_frames(tmp_path):
    """Frame 0 lacks coils 0 and 1; frame 1 has the first of them, frame 2 the second."""
    kspace = np.concatenate([simulate(phantom((32, 32)), coils=4, seed=seed).kspace.numpy() for seed in range(3)])
    kspace[0, :2], kspace[1, 1], kspace[2, 0] = 0, 0, 0
    np.savez(tmp_path / "scan.npz", kspace=kspace)
    first = open_scan(tmp_path / "scan.npz")[0]
    assert np.array_equal(first.kspace.numpy(), kspace[:1, 2:])
    assert first.source.notes == ("Coils 0, 1 contained only zeros in frame 0 and were left out.",)


def test_the_command_line_goes_on_and_says_so(whole, scan, tmp_path, monkeypatch, capsys):
    """Coil maps of all coils still fit the frame that has one fewer."""
    monkeypatch.chdir(tmp_path)
    maps = torch.randn(1, 1, 4, 48, 40, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    np.savez("maps.npz", coil_maps=maps.numpy())
    save_scan(scan, "scan.npz")
    assert main(["recon", "scan.npz", "--method", "cg-sense", "--maps", "maps.npz", "-o", "image.npz"]) == 0
    assert NOTE in capsys.readouterr().err
    image = torch.from_numpy(np.load("image.npz")["image"])
    mapped, method = whole.replace(coil_maps=maps), methods()["cg-sense"]()
    assert torch.equal(image[0], method(mapped.frame(0)).image[0])
    assert torch.equal(image[FRAME], method(mapped.without_coils([SILENT]).frame(FRAME)).image[0])
