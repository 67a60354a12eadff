"""NumPy files with trajectories: every convention that is read, the round trip, the command line, what is refused."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save_scan
from fourfold.sampling import radial, spiral, undersample
from fourfold.scan import Sampling, Scan
from fourfold.simulation.simulate import phantom, simulate

pytest.importorskip("finufft", reason="finufft is not installed")

SIZE = 32
SCAN = simulate(
    torch.stack([phantom((SIZE, SIZE))] * 3), coils=3, trajectory=radial((SIZE, SIZE), 20, 48, frames=3), label="head"
)
KSPACE = SCAN.kspace.numpy()
POINTS = SCAN.trajectory.points.numpy()
COMPLEX = (POINTS[0, ..., 1] + 1j * POINTS[0, ..., 0]) / SIZE


def with_value(points, value):
    changed = points.astype(np.result_type(points, np.float64))
    changed[3, 4] = value
    return changed


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_written_scan_is_read_again(tmp_path):
    mask = SCAN.mask.expand(3, -1, -1).clone()
    mask[1, 5] = False
    trajectory = dataclasses.replace(SCAN.trajectory, density=torch.rand(3, 20, 48))
    scan = SCAN.with_sampling(Sampling(mask, "held", 3)).replace(trajectory=trajectory)
    file = open_scan(save_scan(scan, tmp_path / "scan.npz"))
    assert (file.shape, file.matrix) == ((3, 3, 20, 48), (SIZE, SIZE))
    again = file.load()
    for one, other in ((again, scan), (file[1], scan.frame(1))):
        assert torch.equal(one.kspace, other.kspace)
        assert torch.equal(one.mask.expand(one.frames, -1, -1), other.mask)
        assert torch.equal(one.trajectory.points, other.trajectory.points)
        assert torch.equal(one.trajectory.density, other.trajectory.density)
        assert (one.trajectory.matrix, one.trajectory.kind) == ((SIZE, SIZE), "radial")
    assert (again.sampling.kind, again.sampling.seed, again.source.label) == ("held", 3, "head")
    assert again.sampling_summary() == scan.sampling_summary()


@pytest.mark.parametrize(
    ("arrays", "options"),
    [
        ({"trajectory": POINTS[0], "matrix": [SIZE, SIZE]}, {}),
        ({"coord": POINTS[0]}, {}),
        ({"coord": POINTS[0].astype(float)}, {"matrix": (SIZE, SIZE)}),
        ({"k": COMPLEX, "matrix": SIZE}, {}),
        ({"k": COMPLEX}, {"matrix": (SIZE, SIZE)}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_conventions_of_others_are_read(tmp_path, arrays, options, turned):
    """SigPy's coord, complex k; shots before samples or after them; the density turned alike."""
    density, kspace = np.arange(960, dtype=float).reshape(20, 48), KSPACE[0]
    if turned:
        arrays = {name: np.swapaxes(array, 0, 1) if np.ndim(array) > 1 else array for name, array in arrays.items()}
        density, kspace = density.T, kspace.swapaxes(1, 2)
    scan = (
        load(save(tmp_path / "scan.npz", kspace=kspace, w=density, **arrays), **options)
        if not options
        else (open_scan(save(tmp_path / "scan.npz", kspace=kspace, w=density, **arrays), **options).load())
    )
    torch.testing.assert_close(scan.trajectory.points, SCAN.trajectory.points[:1])
    assert torch.equal(scan.kspace, SCAN.kspace[:1])
    assert torch.equal(scan.trajectory.density.flatten(), torch.arange(960.0))
    assert scan.shape == (SIZE, SIZE)


def test_the_trajectory_may_lie_in_a_file_of_its_own(tmp_path):
    path = save(tmp_path / "scan.npz", kspace=KSPACE)
    np.save(tmp_path / "points.npy", POINTS)
    for beside in (tmp_path / "points.npy", save(tmp_path / "points.npz", trajectory=POINTS)):
        scan = open_scan(path, trajectory=beside)[2]
        assert torch.equal(scan.trajectory.points, SCAN.trajectory.points[2:])


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"k": COMPLEX}, {}, "cycles per pixel, which does not tell the size of the image: give it with --matrix"),
        ({"trajectory": POINTS[0, :19]}, {}, "1×19×48 points but the k-space in .* 1×20×48 samples"),
        ({"trajectory": POINTS[0, ..., 0]}, {}, r"must be real \(shot, sample, 2\)"),
        ({"trajectory": POINTS[0], "density": np.ones(3)}, {}, "The density is"),
        ({"trajectory": POINTS[0]}, {"matrix": (16, 16)}, "outside the band"),
        (
            {"trajectory": POINTS[0] / SIZE},
            {},
            r"reaches .* so that the image would be 2×2: its unit seems to be cycles",
        ),
        ({"trajectory": POINTS[0] / SIZE}, {"matrix": (64, 64)}, "its unit seems to be radians or cycles per pixel"),
        ({"coord": POINTS[0] / SIZE * 2 * np.pi}, {}, "the image would be 8×8: its unit seems to be cycles per pixel"),
        ({"trajectory": POINTS[0] / 2}, {}, "the image would be 16×16: its unit .* with --matrix NY NX"),
        ({"trajectory": POINTS[0] * 4}, {}, "samples 2.7 cycles apart: its unit seems to be 1/m or rad/m"),
        ({"trajectory": POINTS[0] * 4096}, {}, "far too much for an image: its unit seems to be 1/m or rad/m"),
        ({"trajectory": POINTS[0] / 2}, {"matrix": (256, 256)}, "only ±8 of ±128: its unit seems to be 1/cm or rad/cm"),
        (
            {"trajectory": with_value(POINTS[0], np.nan)},
            {},
            "'trajectory' in .* contains NaN, Inf or numbers too large",
        ),
        ({"trajectory": with_value(POINTS[0], np.inf)}, {}, "contains NaN, Inf or numbers too large"),
        (
            {"trajectory": with_value(POINTS[0], 1e300)},
            {"matrix": (SIZE, SIZE)},
            "contains NaN, Inf or numbers too large",
        ),
        ({"k": with_value(COMPLEX, np.nan)}, {"matrix": (SIZE, SIZE)}, "contains NaN, Inf or numbers too large"),
        ({"trajectory": POINTS[0], "density": np.full((20, 48), 1j)}, {}, "The density in .* is complex128"),
        ({"trajectory": POINTS[0], "density": np.full((20, 48), 1e300)}, {}, "holds negative numbers, NaN, Inf"),
        (
            {"trajectory": POINTS[0], "matrix": [31.9996, 32]},
            {},
            "matrix for .* is 31.9996 32.0; it must be one or two",
        ),
        ({"trajectory": POINTS[0], "matrix": [32, np.nan]}, {}, "is 32.0 nan; it must be one or two whole numbers"),
        ({"trajectory": POINTS[0], "matrix": [32, -32]}, {}, "is 32 -32; it must be"),
        ({"trajectory": POINTS[0], "matrix": [32, 32, 32]}, {}, "is 32 32 32; it must be one or two"),
        ({"trajectory": POINTS[0], "matrix": "large"}, {}, "is large; it must be"),
        ({"trajectory": POINTS[0]}, {"matrix": (32, 0)}, "is 32 0; it must be"),
        ({"trajectory": POINTS[0]}, {"matrix": (32, 10**400)}, "it must be one or two whole numbers from 1 to 65535"),
        ({}, {"matrix": (16, 16)}, "has no trajectory to give a matrix for"),
    ],
)
def test_what_cannot_be_a_trajectory_is_refused(tmp_path, arrays, options, message):
    with pytest.raises(InputError, match=message):
        open_scan(save(tmp_path / "scan.npz", kspace=KSPACE[0], **arrays), **options)


@pytest.mark.parametrize("size", [16, 24, 64])
def test_a_matrix_that_is_given_is_taken_down_to_small_ones(tmp_path, size):
    points = radial((size, size), 20, 48).points.numpy()
    scan = open_scan(save(tmp_path / "scan.npz", kspace=KSPACE[0], trajectory=points), matrix=(size, size))[0]
    assert scan.shape == (size, size)


@pytest.mark.parametrize("oversampling", [1, 2, 6])
@pytest.mark.parametrize("size", [32, 128])
def test_matrices_of_usual_scans_are_derived(tmp_path, size, oversampling):
    for trajectory in (
        radial((size, size), 9, oversampling * size),
        spiral((size, size), 4, oversampling * size**2 // 8),
    ):
        kspace = np.ones((2, trajectory.shots, trajectory.samples), np.complex64)
        file = open_scan(save(tmp_path / "scan.npz", kspace=kspace, trajectory=trajectory.points.numpy()))
        assert file.matrix == (size, size)


OUTSIDE = 128
SHOTS = {"radial": radial((OUTSIDE, OUTSIDE), 40, 2 * OUTSIDE), "spiral": spiral((OUTSIDE, OUTSIDE), 8, 2000)}
DERIVED = (
    "The file gives no matrix: the points of the trajectory were taken as cycles per field of view, and the matrix "
)


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("field_of_view", [20, 24, 30])
def test_points_in_rad_per_cm_are_refused_by_what_the_samples_say(tmp_path, name, field_of_view):
    """In cycles per field of view they reach ±64, in rad/cm ±64 · 2π / field of view in cm, a matrix as good as any."""
    scan = simulate(phantom((OUTSIDE, OUTSIDE)), coils=4, trajectory=SHOTS[name])
    for points, right in ((SHOTS[name].points, True), (SHOTS[name].points * 2 * np.pi / field_of_view, False)):
        path = save(tmp_path / "scan.npz", kspace=scan.kspace[0].numpy(), trajectory=points[0].numpy())
        if right:
            assert open_scan(path)[0].source.notes == (
                f"{DERIVED}128×128 follows from how far they reach; in another unit "
                "the image is wrong. --matrix NY NX (in Python matrix=(ny, nx)) gives the matrix.",
            )
        else:
            with pytest.raises(InputError, match=r"fields of view wide.* in rad/cm|its unit seems to be"):
                open_scan(path)[0]


def test_what_is_assumed_of_points_without_a_matrix_goes_with_the_image(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("scan.npz", kspace=KSPACE[0], trajectory=POINTS[0])
    assert main(["info", "scan.npz", "--json"]) == 0
    assert [note[: len(DERIVED) + 5] for note in json.loads(capsys.readouterr().out)["notes"]] == [f"{DERIVED}32×32"]
    assert main(["recon", "scan.npz", "--method", "cg-sense", "--weight", "0.01", "-o", "a.npz"]) == 0
    assert json.loads(str(np.load("a.npz")["record"]))["notes"][0].startswith(f"{DERIVED}32×32")
    assert open_scan("scan.npz", matrix=(SIZE, SIZE))[0].source.notes == ()
    save("scan.npz", kspace=KSPACE[0], trajectory=POINTS[0], matrix=SIZE)
    assert open_scan("scan.npz")[0].source.notes == ()


def test_shots_closer_together_than_the_matrix_needs_leave_a_note(tmp_path):
    points = SHOTS["spiral"].points[0].numpy() * 2 * np.pi / 24
    notes = open_scan(save(tmp_path / "a.npz", kspace=np.ones((1, 8, 2000), np.complex64), trajectory=points)).notes
    assert any(note.startswith("The shots lie 3.") for note in notes)


def test_of_noise_along_shots_nothing_is_claimed(tmp_path):
    rng = np.random.default_rng(0)
    trajectory = radial((OUTSIDE, OUTSIDE), 40, 6 * OUTSIDE)
    noise = (rng.standard_normal((2, 40, 6 * OUTSIDE)) + 1j * rng.standard_normal((2, 40, 6 * OUTSIDE))).astype(
        np.complex64
    )
    path = save(tmp_path / "a.npz", kspace=noise, trajectory=trajectory.points[0].numpy())
    assert open_scan(path)[0].coils == 2
    signal = simulate(phantom((OUTSIDE, OUTSIDE)), coils=2, trajectory=trajectory).kspace[0].numpy()
    scale = np.sqrt(np.mean(np.abs(signal) ** 2))
    path = save(tmp_path / "a.npz", kspace=signal + 0.3 * scale * noise, trajectory=trajectory.points[0].numpy())
    assert not any("fields of view wide" in note for note in open_scan(path)[0].source.notes)


def test_a_matrix_that_is_too_small_is_seen_by_what_the_samples_say(tmp_path):
    points = SHOTS["radial"].points[0].numpy()
    scan = simulate(phantom((OUTSIDE, OUTSIDE)), coils=4, trajectory=SHOTS["radial"])
    path = save(tmp_path / "a.npz", kspace=scan.kspace[0].numpy(), k=(points[..., 1] + 1j * points[..., 0]) / OUTSIDE)
    assert open_scan(path, matrix=(OUTSIDE, OUTSIDE))[0].source.notes == ()
    with pytest.raises(InputError, match=r"2\.7 fields of view wide, .* or the matrix is too small"):
        open_scan(path, matrix=(32, 32))[0]
    assert open_scan(path, matrix=(32, 32), check_content=False)[0].shape == (32, 32)


def test_real_trajectories_are_read(data):
    folder = data / "noncartesian"
    assert open_scan(folder / "heart8_spiral_3x3996.npz").matrix == (320, 320)
    assert open_scan(folder / "gephantom8_spiral60.npz", matrix=(192, 192)).shots == (60, 1182)
    assert open_scan(folder / "heart12_radial25.npz", matrix=(128, 128)).shots == (25, 256)
    assert open_scan(folder / "heart8_spiral_3x3996.npz")[0].source.notes[0].startswith(f"{DERIVED}320×320 follows")
    assert open_scan(folder / "heart12_radial25.npz", matrix=(128, 128))[0].source.notes == ()


def test_formats_without_trajectories_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot hold the scan's trajectory: choose a name"):
        save_scan(SCAN, tmp_path / "scan.h5")


def test_patterns_of_the_grid_are_refused():
    with pytest.raises(InputError, match=r"has a trajectory .radial.*with_sampling"):
        undersample(SCAN)


def test_the_command_line_takes_such_scans(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = simulate(phantom((SIZE, SIZE)), coils=4, trajectory=spiral((SIZE, SIZE), 4, 600))
    save_scan(scan, tmp_path / "scan.npz")
    assert main(["info", "scan.npz", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["matrix"] == [SIZE, SIZE]
    assert (facts["sampling"]["trajectory"], facts["sampling"]["shots"]) == ("spiral", 4)
    assert (
        main(["recon", "scan.npz", "--method", "tv", "--weight", "0.002", "-o", "tv.npz", "--report", "tv.html"]) == 0
    )
    image = np.abs(np.load("tv.npz")["image"][0])
    assert np.sqrt(np.mean((image - phantom((SIZE, SIZE)).numpy()) ** 2)) < 0.05
    capsys.readouterr()
    assert main(["recon", "scan.npz", "--method", "grappa"]) == 2
    assert "works on Cartesian k-space" in capsys.readouterr().err
    np.savez("k.npz", kspace=KSPACE[0], k=COMPLEX)
    assert (
        main(["recon", "k.npz", "--matrix", "32", "32", "--method", "cg-sense", "--weight", "0.005", "-o", "k.png"])
        == 0
    )
    assert main(["compare", "scan.npz", "--methods", "zero-filled,grappa"]) == 0
    printed = capsys.readouterr()
    assert "Not reconstructed: grappa" in " ".join((printed.out + printed.err).split())


def test_scans_move_between_devices_and_keep_their_trajectory():
    moved = SCAN.to("cpu")
    assert isinstance(moved, Scan)
    assert torch.equal(moved.trajectory.points, SCAN.trajectory.points)
