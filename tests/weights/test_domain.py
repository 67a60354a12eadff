"""Whether a scan is like those that weights were trained on: features, range, remarks."""

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
from fourfold.weights.files import read_manifest
from fourfold.weights.manifest import TrainingData
from fourfold.weights.network import load_network
from fourfold.weights.out_of_distribution import distance, domain_of, features, pattern_of, remarks, seen

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
def domain():
    return domain_of((acquired(head(seed), seed) for seed in range(90)), [f"subject {seed // 3}" for seed in range(90)])


def test_other_heads_are_alike_and_a_chest_is_not(domain):
    for seed in range(200, 220):
        scan = acquired(head(seed), seed)
        assert distance(domain, features(scan)) < domain.limit
        assert remarks(scan, domain) == ()
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert distance(domain, features(chest)) > 1.5 * domain.limit
    (told,) = remarks(chest, domain)
    assert "unlike those the network was trained on" in told
    assert f"lie within {domain.limit:.1f}" in told


def test_a_subject_that_was_trained_on_is_told():
    data = [TrainingData(name="OpenNeuro ds002748, T1", licence="CC0-1.0")]
    assert seen(sample(), data) == ()
    assert seen(acquired(head(0), 0), data) == ()
    (told,) = seen(sample(), [*data, TrainingData(name="pycortex S1, T1", licence="BSD-2-Clause")])
    assert "trained on this subject, pycortex S1" in told


def test_noise_alone_is_unlike_anything(domain):
    noise = torch.randn(1, 1, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    assert "unlike" in remarks(undersample(Scan(noise), "random", 4, lines=16), domain)[0]


@pytest.mark.parametrize("change", ["scale", "phase", "transpose", "place", "coils"])
def test_features_keep_to_what_is_shown(change):
    image = head(3)
    scan = simulate(image, coils=4, snr=80, seed=0)
    first = features(scan)
    other = {
        "scale": lambda: scan.replace(kspace=scan.kspace * 1e-7),
        "phase": lambda: scan.replace(kspace=scan.kspace * torch.polar(torch.tensor(1.0), torch.tensor(2.0))),
        "transpose": lambda: scan.replace(kspace=scan.kspace.mT, sampling=None, coil_maps=None),
        "place": lambda: simulate(image.roll(2, 0), coils=1, snr=80, seed=0),
        "coils": lambda: scan.replace(kspace=scan.kspace[:, [3, 1, 0, 2]], coil_maps=None),
    }[change]()
    tolerance = 0.35 if change == "place" else 0.1 if change == "transpose" else 1e-4
    assert float((features(other) - first).abs().max()) < tolerance


def test_undersampling_hardly_changes_the_features(domain):
    """By less than subjects differ from each other."""
    full = simulate(head(5), coils=1, snr=60, seed=5)
    whole = features(full)
    for kind, options in (
        ("random", {"lines": 16}),
        ("regular", {"lines": 16}),
        ("poisson-disc", {"box": (16, 16)}),
    ):
        part = features(undersample(full, kind, 4, seed=1, **options))
        change = torch.tensor(domain.whitening, dtype=torch.float64) @ (part - whole)
        assert float(change.square().mean().sqrt()) < 0.7 * domain.limit, kind


def test_what_differs_is_told(domain):
    several = acquired(head(300), 300, coils=3)
    assert remarks(several, domain)[0] == "The scan has 3 coils; the network was trained on 1."
    full = simulate(head(301), coils=1, snr=40, seed=1)
    fast = undersample(full, "random", 8, lines=8)
    assert "accelerated 8.0×; the network was trained on 2.0 to 4.0×" in remarks(fast, domain)[0]
    points = undersample(full, "poisson-disc", 4, box=(16, 16))
    assert "of the kind 'points'; the network was trained on 'lines'" in remarks(points, domain)[0]
    blind = full.with_sampling(Sampling((torch.arange(80) % 3 == 1).expand(1, *SHAPE)))
    assert "too few calibration lines to tell" in remarks(blind, domain)[-1]
    assert "do not say what they were trained for" in remarks(full, None)[0]


def test_patterns_are_told_apart():
    full = simulate(phantom((32, 32)), coils=1, snr=None)
    assert pattern_of(full) == "full"
    assert pattern_of(undersample(full, "random", 2)) == "lines"
    assert pattern_of(undersample(full.replace(line_axis="kx"), "regular", 2)) == "lines"
    assert pattern_of(undersample(full, "poisson-disc", 4, box=(8, 8))) == "points"


def test_the_frame_least_alike_counts(domain):
    one, other = acquired(head(400), 400), acquired(beating_phantom(SHAPE, 1)[0], 400)
    both = Scan(torch.cat([one.kspace, other.kspace]), Sampling(torch.cat([one.mask, other.mask])))
    assert any("unlike" in told for told in remarks(both, domain))


def test_too_few_scans_make_no_domain():
    with pytest.raises(InputError, match="5 frames of 5 subjects"):
        domain_of([acquired(head(seed), seed) for seed in range(5)], [str(seed) for seed in range(5)])
    with pytest.raises(InputError, match="60 frames of 2 subjects"):
        domain_of([acquired(head(seed), seed) for seed in range(60)], [str(seed % 2) for seed in range(60)])


def test_a_manifest_keeps_the_domain(domain, tmp_path):
    folder = write_small(tmp_path / "small", "unet")
    before = read_manifest(folder)
    annotate(folder, domain=domain, scores={"psnr": 30.0})
    after = read_manifest(folder)
    assert after.domain == domain
    assert after.scores == {"psnr": 30.0}
    assert after.sha256 == before.sha256
    assert after.answer == before.answer
    load_network(str(folder), "unet")
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert distance(after.domain, features(chest)) == pytest.approx(distance(domain, features(chest)))


def test_the_command_describes_training_data(tmp_path, capsys):
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
    found = read_manifest(folder).domain
    assert found.scans == 60
    assert (found.coils, found.patterns) == ((1, 1), ("lines",))
    assert "60 training examples" in capsys.readouterr().out
    chest = acquired(beating_phantom(SHAPE, 1)[0], 7)
    assert any("unlike" in told for told in remarks(chest, found))
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
    found = [
        *images(DATA, "T1_ds002748_sub01-60", 16),
        *images(DATA, "T1_openms_p01_p03_p04_p20", 4),
        *images(DATA, "T1_datalad_wholehead", 3),
        *images(DATA, "T2_openms_p01_p03_p04", 4),
    ]
    scans = (acquired(image / image.max(), seed) for seed, (_, image) in enumerate(found))
    return domain_of(scans, [subject for subject, _ in found])


def undersampled(kspace):
    full = Scan(torch.as_tensor(kspace).to(torch.complex64).reshape(1, -1, *kspace.shape[-2:]))
    lines = round(full.shape[0] / 4)
    return undersample(full, "random", full.shape[0] / lines, lines=20, seed=0)


def test_raw_heads_of_other_scanners_are_alike(heads, raw):
    for name in ("brain8_full_T1", "brain8_full_T1_slice2", "head8_T1_256", "mprage4_T1_256"):
        assert distance(heads, features(undersampled(raw(name).kspace))) < heads.limit, name


def test_most_heads_of_other_data_sets_are_alike(heads, data):
    names = ("T1_pycortexS1", "T2_suspect", "T2_niivue_register", "T2FLAIR_torchio_fernando")
    found = [image for name in names for _, image in images(data, name, 4)]
    near = [distance(heads, features(acquired(image / image.max(), 7))) < heads.limit for image in found]
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
        assert any("unlike" in told for told in remarks(scan, heads)), path.name
