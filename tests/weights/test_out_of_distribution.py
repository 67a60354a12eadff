"""Scan statistics and notes on scans that are out of distribution."""

import math

import numpy as np
import pytest
import torch
from tests.helpers.trained_weights import write_small
from torch.nn.functional import affine_grid, grid_sample

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.sampling import undersample
from fourfold.scan import Sampling, Scan
from fourfold.simulation.sample import sample
from fourfold.simulation.simulate import beating_phantom, phantom, simulate
from fourfold.weights.annotate import annotate
from fourfold.weights.load_network import load_network
from fourfold.weights.manifest import TrainingData
from fourfold.weights.out_of_distribution import (
    distance,
    measure_scan_statistics,
    out_of_distribution_notes,
    pattern_kind,
    scan_features,
    training_subject_notes,
)
from fourfold.weights.weight_files import read_manifest

SHAPE = (96, 80)


def head(seed):
    """Return a head (y, x) of a size, shape, place, tilt and contrast of its own."""
    rng = np.random.default_rng(seed)
    angle, (wide, high) = rng.uniform(-0.3, 0.3), rng.uniform(1.0, 1.3, 2)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = torch.cat([turn * torch.tensor([wide, high]), torch.tensor(rng.uniform(-0.1, 0.1, (2, 1)))], dim=1)
    grid = affine_grid(matrix[None].float(), [1, 1, *SHAPE], align_corners=False)
    image = grid_sample(phantom(SHAPE)[None, None], grid, align_corners=False)[0, 0]
    return image ** rng.uniform(0.6, 1.2)


def acquired(image, seed, coils=1):
    rng = np.random.default_rng(seed)
    full = simulate(image, coils=coils, snr=float(rng.uniform(20, 80)), seed=seed)
    return undersample(full, "random", float(rng.choice([2, 4])), lines=16, seed=seed)


@pytest.fixture(scope="module")
def statistics():
    return measure_scan_statistics(
        (acquired(head(seed), seed) for seed in range(90)), [f"subject {seed // 3}" for seed in range(90)]
    )


def test_other_heads_are_in_distribution_and_a_chest_is_not(statistics):
    for seed in range(200, 220):
        scan = acquired(head(seed), seed)
        assert distance(statistics, scan_features(scan)) < statistics.limit
        assert out_of_distribution_notes(scan, statistics) == ()
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert distance(statistics, scan_features(chest)) > 1.5 * statistics.limit
    (note,) = out_of_distribution_notes(chest, statistics)
    assert "out of distribution" in note
    assert f"limit is {statistics.limit:.1f}" in note


def test_a_subject_that_was_trained_on_is_noted():
    data = [TrainingData(name="OpenNeuro ds002748, T1", licence="CC0-1.0")]
    assert training_subject_notes(sample(), data) == ()
    assert training_subject_notes(acquired(head(0), 0), data) == ()
    (note,) = training_subject_notes(sample(), [*data, TrainingData(name="pycortex S1, T1", licence="BSD-2-Clause")])
    assert "trained on this subject, pycortex S1" in note


def test_noise_alone_is_out_of_distribution(statistics):
    noise = torch.randn(1, 1, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    assert (
        "The scan is out of distribution"
        in out_of_distribution_notes(undersample(Scan(noise), "random", 4, lines=16), statistics)[0]
    )


@pytest.mark.parametrize("change", ["scale", "phase", "transpose", "place", "coils"])
def test_features_do_not_depend_on_how_the_object_was_acquired(change):
    image = head(3)
    scan = simulate(image, coils=4, snr=80, seed=0)
    first = scan_features(scan)
    other = {
        "scale": lambda: scan.replace(kspace=scan.kspace * 1e-7),
        "phase": lambda: scan.replace(kspace=scan.kspace * torch.polar(torch.tensor(1.0), torch.tensor(2.0))),
        "transpose": lambda: scan.replace(kspace=scan.kspace.mT, sampling=None, coil_maps=None),
        "place": lambda: simulate(image.roll(2, 0), coils=1, snr=80, seed=0),
        "coils": lambda: scan.replace(kspace=scan.kspace[:, [3, 1, 0, 2]], coil_maps=None),
    }[change]()
    tolerance = 0.35 if change == "place" else 0.1 if change == "transpose" else 1e-4
    assert float((scan_features(other) - first).abs().max()) < tolerance


def test_undersampling_hardly_changes_the_features(statistics):
    """By less than subjects differ from each other."""
    full = simulate(head(5), coils=1, snr=60, seed=5)
    whole = scan_features(full)
    for kind, options in (
        ("random", {"lines": 16}),
        ("regular", {"lines": 16}),
        ("poisson-disc", {"box": (16, 16)}),
    ):
        part = scan_features(undersample(full, kind, 4, seed=1, **options))
        change = torch.tensor(statistics.whitening, dtype=torch.float64) @ (part - whole)
        assert float(change.square().mean().sqrt()) < 0.7 * statistics.limit, kind


def test_each_difference_has_a_note(statistics):
    several = acquired(head(300), 300, coils=3)
    assert out_of_distribution_notes(several, statistics)[0] == "The scan has 3 coils; the network was trained on 1."
    full = simulate(head(301), coils=1, snr=40, seed=1)
    fast = undersample(full, "random", 8, lines=8)
    assert "accelerated 8.0×; the network was trained on 2.0 to 4.0×" in out_of_distribution_notes(fast, statistics)[0]
    points = undersample(full, "poisson-disc", 4, box=(16, 16))
    assert (
        "of the kind 'points'; the network was trained on 'lines'" in out_of_distribution_notes(points, statistics)[0]
    )
    without_centre = full.with_sampling(Sampling((torch.arange(80) % 3 == 1).expand(1, *SHAPE)))
    assert "too few calibration lines to tell" in out_of_distribution_notes(without_centre, statistics)[-1]
    assert "has no scan statistics" in out_of_distribution_notes(full, None)[0]


def test_pattern_kinds():
    full = simulate(phantom((32, 32)), coils=1, snr=None)
    assert pattern_kind(full) == "full"
    assert pattern_kind(undersample(full, "random", 2)) == "lines"
    assert pattern_kind(undersample(full.replace(line_axis="kx"), "regular", 2)) == "lines"
    assert pattern_kind(undersample(full, "poisson-disc", 4, box=(8, 8))) == "points"


def test_the_frame_with_the_largest_distance_counts(statistics):
    one, other = acquired(head(400), 400), acquired(beating_phantom(SHAPE, 1)[0], 400)
    both = Scan(torch.cat([one.kspace, other.kspace]), Sampling(torch.cat([one.mask, other.mask])))
    assert any("The scan is out of distribution" in note for note in out_of_distribution_notes(both, statistics))


def test_too_few_scans_are_refused():
    with pytest.raises(InputError, match="5 frames of 5 subjects"):
        measure_scan_statistics([acquired(head(seed), seed) for seed in range(5)], [str(seed) for seed in range(5)])
    with pytest.raises(InputError, match="60 frames of 2 subjects"):
        measure_scan_statistics(
            [acquired(head(seed), seed) for seed in range(60)], [str(seed % 2) for seed in range(60)]
        )


def test_a_manifest_keeps_the_statistics(statistics, tmp_path):
    folder = write_small(tmp_path / "small", "unet")
    before = read_manifest(folder)
    annotate(folder, scan_statistics=statistics, scores={"psnr": 30.0})
    after = read_manifest(folder)
    assert after.scan_statistics == statistics
    assert after.scores == {"psnr": 30.0}
    assert after.sha256 == before.sha256
    assert after.reference_output == before.reference_output
    load_network(str(folder), "unet")
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert distance(after.scan_statistics, scan_features(chest)) == pytest.approx(
        distance(statistics, scan_features(chest))
    )


def test_the_command_writes_statistics_of_the_training_scans(tmp_path, capsys):
    slices = np.stack([(1000 * head(seed)).numpy() for seed in range(66)]).astype(np.uint16)
    ids = [f"s{seed // 6:02}:{seed}" for seed in range(66)]
    np.savez(tmp_path / "heads.npz", slices=slices, ids=ids)
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "name: heads\nnetwork: unet\nlosses: [l1]\n"
        f"data:\n  sources: [{{kind: images, path: {tmp_path / 'heads.npz'}, crop: [96, 80]}}]\n"
        "  simulation: {coils: 1}\n  masks: {kind: random, acceleration: 4.0, lines: 16}\n"
        "  split: {validation: [s10]}\n"
    )
    folder = write_small(tmp_path / "small", "unet")
    assert main(["weights", "describe", str(folder), str(settings)]) == 0
    result = read_manifest(folder).scan_statistics
    assert result.scans == 60
    assert (result.coils, result.patterns) == ((1, 1), ("lines",))
    assert "60 training examples" in capsys.readouterr().out
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert any("The scan is out of distribution" in note for note in out_of_distribution_notes(chest, result))
    assert main(["weights", "describe", str(folder)]) == 2
    assert "settings file" in capsys.readouterr().err


# Real data


def images(data, name, step):
    """Yield subject and image of every `step`-th slice."""
    archive = np.load(data / "t1t2" / f"{name}.npz")
    for index in range(0, len(archive["slices"]), step):
        yield str(archive["ids"][index]).split(":")[0], torch.from_numpy(archive["slices"][index].astype(np.float32))


@pytest.fixture(scope="module")
def heads():
    """The range of T1- and T2-weighted heads of 60 subjects and more, simulated with one coil."""
    from tests.conftest import DATA

    if not DATA.is_dir():
        pytest.skip("needs the real MRI data, which is not part of the project")
    result = [
        *images(DATA, "T1_ds002748_sub01-60", 16),
        *images(DATA, "T1_openms_p01_p03_p04_p20", 4),
        *images(DATA, "T1_datalad_wholehead", 3),
        *images(DATA, "T2_openms_p01_p03_p04", 4),
    ]
    scans = (acquired(image / image.max(), seed) for seed, (_, image) in enumerate(result))
    return measure_scan_statistics(scans, [subject for subject, _ in result])


def undersampled(kspace):
    full = Scan(torch.as_tensor(kspace).to(torch.complex64).reshape(1, -1, *kspace.shape[-2:]))
    lines = round(full.shape[0] / 4)
    return undersample(full, "random", full.shape[0] / lines, lines=20, seed=0)


def test_raw_heads_of_other_scanners_are_in_distribution(heads, raw):
    for name in ("brain8_full_T1", "brain8_full_T1_slice2", "head8_T1_256", "mprage4_T1_256"):
        assert distance(heads, scan_features(undersampled(raw(name).kspace))) < heads.limit, name


def test_most_heads_of_other_data_sets_are_in_distribution(heads, data):
    names = ("T1_pycortexS1", "T2_suspect", "T2_niivue_register", "T2FLAIR_torchio_fernando")
    result = [image for name in names for _, image in images(data, name, 4)]
    near = [distance(heads, scan_features(acquired(image / image.max(), 7))) < heads.limit for image in result]
    assert sum(near) >= 0.9 * len(near)


def test_a_knee_and_hearts_are_flagged(heads, data):
    archives = [data / "single_coil" / "knee1_raw256.npz", *sorted((data / "single_coil").glob("heart_PK*.npz"))]
    assert len(archives) == 11
    for path in archives:
        archive = np.load(path)
        if "kspace" in archive:
            scan = undersampled(archive["kspace"])
        else:
            image = torch.from_numpy(archive["image"]).to(torch.complex64)
            scan = acquired((image / image.abs().max()).reshape(-1, *image.shape[-2:])[0], 3)
        assert any("The scan is out of distribution" in note for note in out_of_distribution_notes(scan, heads)), (
            path.name
        )
