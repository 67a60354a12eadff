"""Training: does what is asked, goes on after a kill as if there had been none, and stops before it spoils weights."""

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.helpers.report_pages import facts
from tests.helpers.tables import read_rows
from torch import nn

from fourfold.cli.main import main
from fourfold.coils.low_resolution import low_resolution_phase
from fourfold.datasets import Examples, training_set, validation_set
from fourfold.errors import InputError
from fourfold.metrics import score
from fourfold.networks.build import build
from fourfold.networks.objectives.denoising import Denoising
from fourfold.networks.objectives.objective import NetworkInput
from fourfold.networks.reconstructor import zero_filled
from fourfold.report.training import write_training
from fourfold.simulation.simulate import phantom
from fourfold.training.averaging import averaged_copy, update_average
from fourfold.training.batch_order import BatchOrder, steps_per_epoch
from fourfold.training.checkpoint import LAST, read_checkpoint
from fourfold.training.optimisers import Adam, AdamW, RmsProp
from fourfold.training.presets import preset, presets, read_settings
from fourfold.training.schedules import Constant, Cosine, OneCycle, Steps
from fourfold.training.settings import TrainingSettings
from fourfold.training.stages import plan_stages
from fourfold.training.supervision import ReferenceSupervision, SelfSupervision, supervision
from fourfold.training.task import Task
from fourfold.training.train import finetune, train
from fourfold.weights.half_precision import to_half_precision
from fourfold.weights.load_network import load_denoiser, load_network, load_reconstructor
from fourfold.weights.weight_files import read_manifest

SIZE = 32
EXAMPLES = 8
SMALL = {"kind": "unet", "channels": 4, "pools": 1}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file of 10 images of 5 subjects: pieces of the phantom."""
    rng = np.random.default_rng(0)
    whole = phantom((96, 96)).numpy()
    corners = rng.integers(16, 48, size=(10, 2))
    pieces = np.stack([whole[y : y + SIZE, x : x + SIZE] for y, x in corners]).astype(np.float32)
    path = tmp_path_factory.mktemp("data") / "pieces.npz"
    np.savez(path, images=pieces + 0.05, names=[f"subject-{index // 2}:{index % 2}" for index in range(10)])
    return path


@pytest.fixture
def settings(images):
    """Make settings of a small training; what is given replaces the defaults."""

    def make(**given) -> dict:
        data = {
            "sources": [{"kind": "images", "path": str(images), "crop": [SIZE, SIZE]}],
            "split": {"validation": 0.2},
            "masks": {"kind": "random", "acceleration": 3.2, "lines": 6},
            "simulation": {"coils": 1, "snr": 50},
        }
        small = {
            "name": "small",
            "network": SMALL,
            "data": {**data, **given.pop("data", {})},
            "losses": ["l1"],
            "batch_size": 2,
            "stages": [{"epochs": 2}],
            "log_every": 1,
            "precision": "float32",
        }
        return {**small, **given}

    return make


# What follows from seed and step alone


class Plain:
    """Examples of given shapes that are their own index and epoch."""

    def __init__(self, shapes, epoch=0):
        self.shapes, self.epoch = shapes, epoch

    def __len__(self):
        return len(self.shapes)

    def at_epoch(self, epoch):
        return Plain(self.shapes, epoch)

    def shape(self, index):
        return self.shapes[(index + self.epoch) % len(self.shapes)]


ALIKE = [(1, 8, 8)] * 10
MIXED = [(1, 8, 8)] * 6 + [(4, 8, 8)] * 5 + [(4, 8, 12)] * 3


@pytest.mark.parametrize("shapes", [ALIKE, MIXED], ids=["alike", "mixed"])
def test_the_order_can_begin_at_any_step(shapes):
    whole = list(BatchOrder(Plain(shapes), 4, seed=3, steps=11))
    assert len(whole) == 11
    for start in range(12):
        rest = BatchOrder(Plain(shapes), 4, seed=3, steps=11, start=start)
        assert list(rest) == whole[start:]
        assert len(rest) == 11 - start


def test_an_epoch_sees_every_example_in_an_order_of_its_own():
    per_epoch = steps_per_epoch(10, 4)
    batches = list(BatchOrder(Plain(ALIKE), 4, seed=0, steps=2 * per_epoch))
    first, second = batches[:per_epoch], batches[per_epoch:]
    for epoch, part in enumerate((first, second)):
        assert {index for batch in part for _, index in batch} == set(range(10))
        assert {place for batch in part for place, _ in batch} == {epoch}
    assert [[index for _, index in batch] for batch in first] != [[index for _, index in batch] for batch in second]
    assert first != list(BatchOrder(Plain(ALIKE), 4, seed=1, steps=per_epoch))


def test_a_batch_is_full_and_of_one_shape():
    for batch in BatchOrder(Plain(MIXED), 4, seed=0, steps=12):
        assert len(batch) == 4
        assert len({Plain(MIXED, epoch).shape(index) for epoch, index in batch}) == 1


def test_processes_share_each_batch():
    whole = list(BatchOrder(Plain(MIXED), 4, seed=0, steps=9))
    parts = [list(BatchOrder(Plain(MIXED), 4, seed=0, steps=9, rank=rank, ranks=2)) for rank in range(2)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert sorted([*shares[0], *shares[1]]) == sorted(batch)
        assert {len(share) for share in shares} == {2}
    with pytest.raises(InputError, match="batch of 3 cannot be shared by 2"):
        BatchOrder(Plain(ALIKE), 3, seed=0, steps=1, ranks=2)


def test_schedules():
    assert Constant().multiplier(0.7, 3) == 1
    assert Constant(warmup_fraction=0.2).multiplier(0.05, 0) == pytest.approx(0.25)
    steps = Steps(kind="step", epochs=40, factor=0.1)
    assert [steps.multiplier(0, epoch) for epoch in (0, 39.9, 40, 79, 80)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    cosine = Cosine(kind="cosine", final_fraction=0.1, warmup_fraction=0.5)
    assert [cosine.multiplier(fraction, 0) for fraction in (0.25, 0.5, 0.75, 1)] == pytest.approx([0.5, 1, 0.55, 0.1])
    cycle = OneCycle(kind="one-cycle", rise_fraction=0.25, initial_fraction=0.04, final_fraction=0)
    assert [cycle.multiplier(fraction, 0) for fraction in (0, 0.25, 0.625, 1)] == pytest.approx([0.04, 1, 0.5, 0])


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        (Adam(), torch.optim.Adam),
        (AdamW(kind="adamw"), torch.optim.AdamW),
        (RmsProp(kind="rmsprop"), torch.optim.RMSprop),
    ],
)
def test_optimisers_take_their_settings(chosen, kind):
    weight = nn.Parameter(torch.ones(3))
    built = chosen.model_copy(update={"learning_rate": 0.25, "weight_decay": 0.5}).build([weight])
    assert type(built) is kind
    assert built.param_groups[0]["lr"] == 0.25
    assert built.param_groups[0]["weight_decay"] == 0.5
    if isinstance(chosen, RmsProp):
        assert RmsProp(kind="rmsprop", smoothing=0.9).build([weight]).param_groups[0]["alpha"] == 0.9


def test_weight_decay_is_the_gradient_of_the_papers_term():
    """Dar & Çukur 2017, Eq. 4: γ‖θ‖² in the loss is a weight decay of 2γ."""
    gamma, start = 0.3, torch.tensor([1.0, -2.0, 0.5])
    results = []
    for decay, penalty in ((2 * gamma, 0.0), (0.0, gamma)):
        weight = nn.Parameter(start.clone())
        optimiser = Adam(learning_rate=0.1, weight_decay=decay).build([weight])
        for _ in range(5):
            optimiser.zero_grad()
            ((weight - 3).abs().sum() + penalty * weight.square().sum()).backward()
            optimiser.step()
        results.append(weight.detach())
    assert torch.allclose(*results, atol=1e-6)
    assert not torch.allclose(results[0], start, atol=1e-2)


def test_the_average_follows_its_formula_and_takes_statistics_over():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = averaged_copy(network)
    expected = average[0].weight.clone()
    for step in range(1, 40):
        with torch.no_grad():
            network[0].weight.add_(1.0)
            network[1].running_mean.add_(1.0)
        update_average(average, network, 0.8, step)
        kept = min(0.8, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * network[0].weight.detach()
    assert torch.allclose(average[0].weight, expected)
    assert torch.equal(average[1].running_mean, network[1].running_mean)
    assert not any(weight.requires_grad for weight in average.parameters())


# A whole training


def test_a_training_ends_in_weights_that_load(settings, tmp_path):
    data_source = {"name": "pieces of a phantom", "licence": "CC0-1.0", "images": EXAMPLES}
    chosen = TrainingSettings(**settings(stages=[{"epochs": 6}], training_data=[data_source], licence="CC0-1.0"))
    manifest = train(chosen, tmp_path / "out")
    losses = [float(row["loss"]) for row in read_rows(tmp_path / "out" / "losses.csv")]
    assert len(losses) == 6 * EXAMPLES // 2
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
    network, read = load_network(str(tmp_path / "out"), "unet")
    assert read == manifest
    assert (read.name, read.licence, read.training_data[0].licence) == ("small", "CC0-1.0", "CC0-1.0")
    assert "path" in json.dumps(read.training)
    assert str(tmp_path.parent) not in json.dumps(read.training), "the folders of who trained are nobody's business"
    scores = read_rows(tmp_path / "out" / "scores.csv")
    best = max(float(row["psnr"]) for row in scores)
    assert read.scores["psnr validation"] == pytest.approx(best, rel=1e-6)
    example = validation_set(chosen.data, chosen.seed)
    scores = []
    with torch.no_grad():
        for each in (example[0], example[1]):
            image = network(each.kspace[None], each.mask[None], each.maps[None], None).abs()
            scores.append(score(image, each.reference.abs()[None], "psnr"))
    assert sum(scores) / len(scores) == pytest.approx(best, rel=1e-4), "the weights are those of the best validation"
    assert any((tmp_path / "out" / "tensorboard").iterdir())


def test_the_manifest_has_statistics_of_the_training_scans(settings, images, tmp_path):
    with np.load(images) as archive:
        pieces = np.concatenate([archive["images"] * gain for gain in np.linspace(0.5, 1, 8)])
    np.savez(tmp_path / "many.npz", images=pieces, names=[f"subject-{index // 8}:{index % 8}" for index in range(80)])
    sources = [{"kind": "images", "path": str(tmp_path / "many.npz"), "crop": [SIZE, SIZE]}]
    masks = {"kind": "random", "acceleration": 2, "lines": 12}
    given = settings(data={"sources": sources, "masks": masks}, stages=[{"steps": 1}])
    manifest = train(TrainingSettings(**given), tmp_path / "out")
    assert manifest.scan_statistics.scans == 64, "those of training"
    assert manifest.scan_statistics.coils == (1, 1)
    assert manifest.scan_statistics.acceleration == (2.0, 2.0)
    assert train(TrainingSettings(**settings(stages=[{"steps": 1}])), tmp_path / "few").scan_statistics is None


def test_the_last_weights_can_be_kept_without_validation(settings, tmp_path):
    given = settings(data={"split": {"validation": []}}, stages=[{"steps": 3}], keep="last")
    manifest = train(TrainingSettings(**given), tmp_path / "out")
    assert manifest.scores == {}
    last = read_checkpoint(tmp_path / "out" / "checkpoints" / "1-end-to-end" / LAST)
    assert last.step == 3
    written = load_file(tmp_path / "out" / "weights.safetensors")
    assert all(torch.equal(written[name], value) for name, value in last.network.items())
    with pytest.raises(InputError, match="no validation data to choose"):
        train(TrainingSettings(**{**given, "keep": "best"}), tmp_path / "other")


def test_what_is_validated_and_written_is_the_average(settings, tmp_path):
    train(TrainingSettings(**settings(weight_averaging=0.9, keep="last")), tmp_path / "out")
    last = read_checkpoint(tmp_path / "out" / "checkpoints" / "1-end-to-end" / LAST)
    written = load_file(tmp_path / "out" / "weights.safetensors")
    assert all(torch.equal(written[name], value) for name, value in last.average.items())
    assert not all(torch.equal(written[name], value) for name, value in last.network.items())


def test_stored_in_half_precision_weights_are_half_the_size_and_nearly_the_same(settings, tmp_path):
    for stored in ("float32", "float16"):
        train(TrainingSettings(**settings(stored_precision=stored)), tmp_path / stored)
    whole, half = (load_file(tmp_path / stored / "weights.safetensors") for stored in ("float32", "float16"))
    assert {value.dtype for value in half.values()} == {torch.float16}
    for name, value in whole.items():
        torch.testing.assert_close(half[name].float(), value, rtol=1e-3, atol=1e-6)
    network, manifest = load_network(str(tmp_path / "float16"))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert manifest.reference_output == pytest.approx(read_manifest(tmp_path / "float32").reference_output, rel=0.01)


def test_weights_too_large_for_half_precision_are_refused():
    with pytest.raises(InputError, match=r"'last\.weight' are too large for float16"):
        to_half_precision({"last.weight": torch.tensor([1.0, 1e5])})


def test_a_clipped_gradient_is_short(settings, tmp_path):
    """Adam's step is independent of the gradient's length, down to its ε of 1e-8."""
    start = build("unet", {"channels": 4, "pools": 1}).state_dict()
    moved = []
    for clip in (None, 1e-12):
        given = settings(gradient_clip=clip, stages=[{"steps": 1}], keep="last")
        train(TrainingSettings(**given), tmp_path / str(clip))
        written = load_file(tmp_path / str(clip) / "weights.safetensors")
        moved.append(max(float((written[name] - start[name]).abs().max()) for name in start))
    assert moved[0] == pytest.approx(1e-3, rel=0.01)
    assert moved[1] < 1e-6


def test_half_precision_keeps_weights_in_single_precision(settings, tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        train(TrainingSettings(**settings(precision=precision)), tmp_path / precision)
        losses[precision] = [float(row["loss"]) for row in read_rows(tmp_path / precision / "losses.csv")]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert {value.dtype for value in load_file(tmp_path / "bfloat16" / "weights.safetensors").values()} == {
        torch.float32
    }


def test_a_multi_coil_varnet_with_its_own_maps_trains_on_magnitudes(settings, tmp_path):
    small = {"cascades": 1, "channels": 2, "pools": 1, "sensitivity_channels": 2, "sensitivity_pools": 1}
    data = {"simulation": {"coils": 3}, "maps": "none", "reference": "rss"}
    given = settings(network={"kind": "varnet", **small}, data=data, compare="magnitude", losses=["ssim"], workers=1)
    train(TrainingSettings(**given), tmp_path / "out")
    start = build("varnet", small).state_dict()
    written = load_file(tmp_path / "out" / "weights.safetensors")
    assert any(not torch.equal(written[name], start[name]) for name in start if name.startswith("sensitivity"))


# Going on


class Stop:
    """Interrupts a training when a step has been shown."""

    def __init__(self, step):
        self.step = step

    def __call__(self, _, words):
        if f"step {self.step}:" in words:
            raise KeyboardInterrupt


LONG = {"weight_averaging": 0.9, "save_every": 3, "validate_every": 5, "schedule": "cosine", "losses": ["l1", "ssim"]}


def equal_but_for_times(first: Path, second: Path) -> bool:
    def kept(path: Path) -> list:
        return [{name: value for name, value in row.items() if "seconds" not in name} for row in read_rows(path)]

    return all(kept(first / name) == kept(second / name) for name in ("losses.csv", "scores.csv"))


def test_an_interrupted_training_goes_on_to_the_same_weights(settings, tmp_path):
    chosen = TrainingSettings(**settings(**LONG, stages=[{"steps": 6}, {"steps": 5, "learning_rate": 1e-4}]))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(chosen, whole)
    # Mid-epoch, at a checkpoint, before the first one, at an epoch's and at a stage's end, in the second stage.
    for step in (1, 2, 3, 5, 6, 8, 10):
        with pytest.raises(KeyboardInterrupt):
            train(chosen, broken, progress=Stop(step))
    assert train(chosen, broken) == read_manifest(whole)
    assert (whole / "weights.safetensors").read_bytes() == (broken / "weights.safetensors").read_bytes()
    assert equal_but_for_times(whole, broken)
    for stage in ("1-end-to-end", "2-end-to-end"):
        states = [read_checkpoint(folder / "checkpoints" / stage / LAST) for folder in (whole, broken)]
        assert all(torch.equal(states[0].network[name], states[1].network[name]) for name in states[0].network)


def test_a_killed_training_goes_on_to_the_same_weights(settings, tmp_path):
    chosen = settings(**LONG, stages=[{"epochs": 30}], workers=1)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(chosen))
    train(TrainingSettings(**chosen), tmp_path / "whole")
    broken = tmp_path / "broken"
    program = "import sys; from fourfold.cli.main import main; sys.exit(main(sys.argv[1:]))"
    threads = str(torch.get_num_threads())
    command = [sys.executable, "-c", program, "train", str(file), "-o", str(broken), "--threads", threads]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    log = broken / "losses.csv"
    while process.poll() is None and time.monotonic() < deadline and not (log.exists() and len(read_rows(log)) > 20):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "manifest.json").exists(), "it ended before it was killed"
    assert (broken / "checkpoints" / "1-end-to-end" / LAST).exists()
    train(TrainingSettings(**chosen), broken)
    assert (tmp_path / "whole" / "weights.safetensors").read_bytes() == (broken / "weights.safetensors").read_bytes()
    assert equal_but_for_times(tmp_path / "whole", broken)


def test_a_finished_training_is_not_done_again_nor_another_one_in_its_folder(settings, tmp_path):
    chosen = TrainingSettings(**settings())
    first = train(chosen, tmp_path / "out")
    reports = []
    assert train(chosen, tmp_path / "out", progress=lambda *report: reports.append(report)) == first
    assert reports == []
    assert train(chosen.model_copy(update={"workers": 2}), tmp_path / "out") == first
    with pytest.raises(InputError, match=r"with other settings \(seed\)"):
        train(chosen.model_copy(update={"seed": 5}), tmp_path / "out")
    with pytest.raises(InputError, match="holds a training"):
        train(chosen, tmp_path / "out", resume=False)


def test_a_broken_checkpoint_is_refused(settings, tmp_path):
    chosen = TrainingSettings(**settings(**LONG))
    with pytest.raises(KeyboardInterrupt):
        train(chosen, tmp_path / "out", progress=Stop(5))
    (tmp_path / "out" / "checkpoints" / "1-end-to-end" / LAST).write_bytes(b"half a checkpoint")
    with pytest.raises(InputError, match="not a checkpoint that this version can read"):
        train(chosen, tmp_path / "out")


# Stages


def cascade_settings(settings, **given):
    network = {"kind": "cascade", "subnetworks": 2, "channels": 4, "layers": 1}
    return TrainingSettings(**settings(network=network, losses=["hybrid"], **given))


def test_subnetworks_learn_one_after_another_then_all(settings, tmp_path):
    chosen = cascade_settings(
        settings, stages=[{"train": "subnetworks", "epochs": 1}, {"epochs": 1, "learning_rate": 1e-4}]
    )
    train(chosen, tmp_path / "out")
    names = ("1-subnetwork-1", "2-subnetwork-2", "3-end-to-end")
    trained = [read_checkpoint(tmp_path / "out" / "checkpoints" / name / LAST).network for name in names]
    states = [build("cascade", chosen.network_settings).state_dict(), *trained]
    for (before, after), changed in zip(pairwise(states), [(0,), (1,), (0, 1)], strict=True):
        for name in before:
            learned = any(name.startswith(f"subnetworks.{part}.") for part in changed)
            assert torch.equal(before[name], after[name]) != learned, name
    rates = {row["stage"]: float(row["learning_rate"]) for row in read_rows(tmp_path / "out" / "losses.csv")}
    assert rates == pytest.approx({"1-subnetwork-1": 1e-3, "2-subnetwork-2": 1e-3, "3-end-to-end": 1e-4})
    steps = [int(row["step"]) for row in read_rows(tmp_path / "out" / "losses.csv")]
    assert steps == list(range(1, 13))


@dataclass
class SeenImages:
    """A batch that keeps the images whose loss or scores are asked for."""

    inputs: NetworkInput
    images: torch.Tensor | None = None

    def network_input(self, estimates_maps):
        assert not estimates_maps
        return self.inputs

    def losses(self, images):
        self.images = images
        return {"loss": images.abs().sum()}

    scores = losses


def test_a_subnetwork_is_trained_on_the_papers_input(settings):
    """Dar & Çukur 2017, Eqs. 9 and 10: on f_DC(C_1(x)), without a gradient to C_1, before data consistency."""
    chosen = cascade_settings(settings, stages=[{"train": "subnetworks", "epochs": 1}])
    network = build("cascade", chosen.network_settings)
    second = plan_stages(chosen, network, EXAMPLES)[1]
    example = training_set(chosen.data)[0]
    judged = SeenImages(NetworkInput(example.kspace[None], example.mask[None], example.maps[None], None))
    network.requires_grad_(False)
    weights = list(second.objective.trained_part(network, second.part).requires_grad_(True).parameters())
    second.objective.losses(network, second.part, judged, torch.Generator())
    image, inputs = judged.images, judged.inputs
    first = network.refined(zero_filled(inputs.kspace, inputs.maps), 0)
    consistent = network.consistency[0](first[:, None], inputs.kspace, inputs.mask)[:, 0]
    assert torch.allclose(image, network.refined(consistent, 1), atol=1e-6)
    image.abs().sum().backward()
    assert all(weight.grad is not None for weight in weights)
    assert all(weight.grad is None for weight in network.subnetworks[0].parameters())
    second.objective.scores(network, second.part, judged)
    assert torch.allclose(judged.images, network(*inputs), atol=1e-6), "the last sub-network's result is the cascade's"


DENOISING = {"kind": "varnet", "form": "denoising", "cascades": 2, "channels": 4, "pools": 1, "sensitivity_channels": 0}


def test_a_denoiser_learns_alone_then_the_whole_network(settings, tmp_path):
    denoising = {"kind": "denoising", "noise_std": [0.05, 0.2]}
    stages = [{"train": denoising, "epochs": 25, "learning_rate": 5e-3}, {"epochs": 1}]
    chosen = TrainingSettings(**settings(network=DENOISING, losses=["psnr"], stages=stages))
    train(chosen, tmp_path / "out")
    first = build("varnet", chosen.network_settings).state_dict()
    names = ("1-denoising", "2-end-to-end")
    second, third = (read_checkpoint(tmp_path / "out" / "checkpoints" / name / LAST).network for name in names)
    assert all(torch.equal(first[name], second[name]) != name.startswith("denoising.denoiser.") for name in first)
    assert all(not torch.equal(second[name], third[name]) for name in first)
    network, examples = build("varnet", chosen.network_settings), training_set(chosen.data)
    reference = torch.stack([examples[index].reference for index in range(EXAMPLES)])
    noise = 0.1 * torch.randn(reference.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(5))
    network.load_state_dict(second)
    with torch.no_grad():
        denoised = network.denoiser(reference + noise, torch.full((EXAMPLES,), 0.1))
    assert float((denoised - reference).norm()) < 0.8 * float(noise.norm())
    rows = read_rows(tmp_path / "out" / "losses.csv")
    assert {(row["denoising"] == "", row["psnr"] == "") for row in rows} == {(False, True), (True, False)}
    scores = read_rows(tmp_path / "out" / "scores.csv")
    assert {(row["denoising-error"] == "", row["psnr"] == "") for row in scores} == {(False, True), (True, False)}


def denoiser_settings(settings, **given):
    return TrainingSettings(**settings(network={"kind": "denoiser", "channels": 4, "pools": 1}, losses=[], **given))


def test_a_prior_is_trained_on_images_alone_and_states_its_errors(settings, tmp_path):
    chosen = denoiser_settings(settings, stages=[{"epochs": 60, "learning_rate": 1e-2}])
    manifest = train(chosen, tmp_path / "out")
    levels, errors = (manifest.measurements[name] for name in ("noise_std", "mean_squared_error"))
    assert len(levels) == len(errors) == 20
    assert (levels[0], levels[-1]) == (0.002, 1.0)
    assert errors == sorted(errors)
    assert errors[-1] < 0.8, "noise of variance 1 is partly removed"
    scores = [float(row["denoising-error"]) for row in read_rows(tmp_path / "out" / "scores.csv")]
    assert scores[-1] < 0.8 * scores[0]
    assert manifest.scores["denoising-error validation"] == pytest.approx(min(scores))
    denoise = load_denoiser(str(tmp_path / "out"))
    image = training_set(chosen.data)[0].reference[None]
    noise = 0.5 * torch.randn(image.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    assert denoise.weights["sha256"] == manifest.sha256
    assert float((denoise(image + noise, 0.5 / math.sqrt(2)) - image).norm()) < 0.9 * float(noise.norm())
    with pytest.raises(InputError, match="'denoiser', which does not reconstruct k-space"):
        load_reconstructor(str(tmp_path / "out"))


def test_an_autoencoder_is_trained_and_states_its_range(settings, tmp_path):
    network = {"kind": "vae", "channels": 4, "latent_channels": 4, "levels": 2}
    stages = [{"train": {"kind": "vae", "undersampled_fraction": 0.2}, "epochs": 25, "learning_rate": 5e-3}]
    chosen = TrainingSettings(**settings(network=network, losses=[], stages=stages))
    manifest = train(chosen, tmp_path / "out")
    scores = [float(row["autoencoder-error"]) for row in read_rows(tmp_path / "out" / "scores.csv")]
    assert scores[-1] < 0.7 * scores[0]
    assert manifest.measurements["range_error"] < min(scores), "the best fit is closer than the encoder's"
    loaded, _ = load_network(str(tmp_path / "out"), "vae")
    image = training_set(chosen.data)[0].reference[None]
    image = image * low_resolution_phase(image, 24).conj()
    assert float((loaded(image) - image).norm()) < 0.9 * float(image.norm())


def test_the_denoising_loss_is_least_for_the_posterior_mean():
    """For pixels that are N(0, 1), the posterior mean scales by 1 / (1 + σ²)."""
    objective = Denoising(noise_std=(0.5, 0.5), weight_power=0.0)
    images = torch.randn(64, 32, 32, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    judged = SimpleNamespace(reference=lambda: images)

    def loss(factor):
        network = SimpleNamespace(denoiser=lambda noisy, level: factor * noisy)  # noqa: ARG005
        return float(objective.losses(network, 0, judged, torch.Generator().manual_seed(1))["denoising"])

    losses = {factor: loss(factor) for factor in (0.75, 0.8, 0.85)}
    assert losses[0.8] == min(losses.values())
    assert losses[0.8] == pytest.approx(0.25 / 1.25, rel=0.02)


# Several processes


class TaskThatSavesWeights(Task):
    """A task that leaves the weights of each process behind."""

    def on_train_end(self):
        torch.save(self.network.state_dict(), self.folder / f"rank-{self.trainer.global_rank}.pt")


def test_two_processes_keep_equal_weights_and_train_as_one(settings, tmp_path, monkeypatch):
    one = TrainingSettings(**settings(device="cpu", stages=[{"epochs": 3}]))
    train(one, tmp_path / "one")
    monkeypatch.setattr("fourfold.training.task.Task", TaskThatSavesWeights)
    reports = []
    two = one.model_copy(update={"devices": 2})
    train(two, tmp_path / "two", progress=lambda fraction, words: reports.append((fraction, words)))
    ranks = [torch.load(tmp_path / "two" / f"rank-{rank}.pt", weights_only=True) for rank in range(2)]
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0])
    assert all(bool(value.isfinite().all()) for value in ranks[0].values())
    single, double = (read_rows(tmp_path / name / "losses.csv") for name in ("one", "two"))
    assert [row["step"] for row in double] == [row["step"] for row in single]
    losses = [[float(row["loss"]) for row in table] for table in (single, double)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    scores = [[float(row["psnr"]) for row in read_rows(tmp_path / name / "scores.csv")] for name in ("one", "two")]
    assert scores[1] == pytest.approx(scores[0], abs=0.02)
    assert reports[-1][0] == 1
    assert "loss" in reports[-1][1]


def test_another_process_refuses_in_one_sentence(settings, tmp_path):
    chosen = settings(device="cpu", devices=2, optimiser={"kind": "adam", "learning_rate": 1e30}, save_every=1)
    with pytest.raises(
        InputError, match=r"step 2: .* became (nan|inf) for pieces.npz:\S+; pieces.npz:\S+\. The "
    ) as error:
        train(TrainingSettings(**chosen), tmp_path / "out")
    assert "\n" not in str(error.value)


# What is not finite


def test_a_loss_that_is_not_finite_stops_before_it_reaches_the_weights(settings, tmp_path, monkeypatch):
    chosen = TrainingSettings(**settings(stages=[{"epochs": 4}], save_every=2, weight_averaging=0.9))
    original, calls = ReferenceSupervision.losses, []

    def with_one_nan(self, images, batch):
        calls.append(batch.names)
        parts = original(self, images, batch)
        return {**parts, "ssim": parts["l1"] * (math.nan if len(calls) == 6 else 1.0)}

    monkeypatch.setattr(ReferenceSupervision, "losses", with_one_nan)
    out = tmp_path / "out"
    with pytest.raises(InputError) as error:
        train(chosen, out)
    checkpoints = out / "checkpoints" / "1-end-to-end"
    names = ", ".join(calls[5])
    assert str(error.value) == (
        f"The training stopped in stage 1-end-to-end, epoch 2, step 6: ssim became nan for {names}. The checkpoint of "
        f"step 4 is in '{checkpoints}'; look at these examples, or train with a lower learning rate or "
        "with 'gradient_clip'."
    )
    last = read_checkpoint(checkpoints / LAST)
    assert last.step == 4
    assert all(bool(value.isfinite().all()) for value in (*last.network.values(), *last.average.values()))
    assert not (out / "manifest.json").exists()
    monkeypatch.setattr(ReferenceSupervision, "losses", original)
    assert train(chosen, out).name == "small", "it can go on from there"


def test_a_gradient_that_is_not_finite_stops_the_training_too(settings, tmp_path, monkeypatch):
    class InfiniteGradient(torch.autograd.Function):
        @staticmethod
        def forward(_, x):
            return x.clone()

        @staticmethod
        def backward(_, gradient):
            return gradient * math.inf

    original = ReferenceSupervision.losses
    monkeypatch.setattr(
        ReferenceSupervision,
        "losses",
        lambda self, images, batch: original(self, InfiniteGradient.apply(images), batch),
    )
    with pytest.raises(InputError, match=r"step 1: the gradient's norm became (nan|inf) .*No checkpoint was due yet"):
        train(TrainingSettings(**settings()), tmp_path / "out")


# Without a reference


def self_supervised(settings, **given):
    data = {"simulation": {"coils": 4, "snr": 100}, "maps": "true", **given.pop("data", {})}
    network = {"kind": "cascade", "subnetworks": 3, "channels": 8, "layers": 2}
    return TrainingSettings(**settings(network=network, data=data, losses=[], supervision="self", **given))


def test_the_acquired_samples_are_split_anew_in_each_epoch(settings):
    chosen = self_supervised(settings)
    supervised = supervision(chosen)
    assert isinstance(supervised, SelfSupervision)
    examples = training_set(chosen.data)
    held_out = []
    for epoch in (0, 1, 0):
        batch = supervised.batch([(epoch, examples[index]) for index in range(3)])
        inputs = supervised.network_input(batch, False)
        assert torch.equal(inputs.mask | batch.held_out, batch.whole.mask)
        assert not bool((inputs.mask & batch.held_out).any())
        assert not bool(inputs.kspace[batch.held_out[:, None].expand_as(inputs.kspace)].any())
        assert torch.equal(inputs.kspace.abs() > 0, (batch.whole.kspace.abs() > 0) & inputs.mask[:, None])
        assert float(batch.held_out.sum() / batch.whole.mask.sum()) == pytest.approx(0.4, abs=0.03)
        assert batch.whole.reference is None
        held_out.append(batch.held_out)
    assert torch.equal(held_out[0], held_out[2])
    assert not torch.equal(held_out[0], held_out[1])
    assert not torch.equal(held_out[0][0] & batch.whole.mask[1], held_out[0][1] & batch.whole.mask[0])


def test_the_loss_without_a_reference_is_the_papers(settings):
    """Yaman et al. 2020, MRM 84:3172: ‖y − Ex‖₂/‖y‖₂ + ‖y − Ex‖₁/‖y‖₁ on the held-out samples."""
    chosen = self_supervised(settings, data={"simulation": {"coils": 4, "snr": None}})
    supervised = supervision(chosen)
    examples = [training_set(chosen.data)[index] for index in range(2)]
    batch = supervised.batch([(0, example) for example in examples])
    truth = torch.stack([example.reference for example in examples])
    assert sum(supervised.losses(truth, batch).values()) < 1e-5, "the true image explains every sample"
    image = 0.8 * truth
    expected = 0.0
    for example, frame, held_out in zip(examples, image, batch.held_out, strict=True):
        coils = torch.fft.fftshift(
            torch.fft.fft2(torch.fft.ifftshift(example.maps * frame, dim=(-2, -1)), norm="ortho"), dim=(-2, -1)
        )
        y, error = example.kspace[:, held_out], (coils - example.kspace)[:, held_out]
        expected += float(error.norm() / y.norm() + error.abs().sum() / y.abs().sum()) / 2
    assert float(sum(supervised.losses(image, batch).values())) == pytest.approx(expected, rel=1e-4)
    assert supervised.score_images(image, batch)["held-out-error"] == pytest.approx([0.2, 0.2], rel=1e-3)


def test_self_supervised_training_beats_zero_filled_and_never_looks_at_the_reference(settings, tmp_path, monkeypatch):
    chosen = self_supervised(settings, stages=[{"epochs": 15}], optimiser={"kind": "adam", "learning_rate": 3e-3})
    manifest = train(chosen, tmp_path / "out")
    assert set(manifest.scores) == {"held-out-error validation"}
    network, _ = load_network(str(tmp_path / "out"))
    gains = []
    for example in validation_set(chosen.data):
        reference = example.reference.abs()[None]
        plain = zero_filled(example.kspace[None], example.maps[None])
        with torch.no_grad():
            image = network(example.kspace[None], example.mask[None], example.maps[None])
        gains.append(score(image.abs(), reference, "psnr") - score(plain.abs(), reference, "psnr"))
    assert min(gains) > 1

    original = Examples.__getitem__

    def without_reference(self, index):
        example = original(self, index)
        return replace(example, reference=torch.full_like(example.reference, math.nan))

    monkeypatch.setattr(Examples, "__getitem__", without_reference)
    train(chosen, tmp_path / "blind")
    files = [tmp_path / name / "weights.safetensors" for name in ("out", "blind")]
    assert files[0].read_bytes() == files[1].read_bytes()


# Training on


def test_finetuning_begins_with_the_weights(settings, tmp_path):
    first = train(
        TrainingSettings(**settings(training_data=[{"name": "first", "licence": "CC0-1.0"}])), tmp_path / "first"
    )
    tuned = settings(
        name="tuned",
        optimiser={"kind": "adam", "learning_rate": 1e-9},
        stages=[{"steps": 1}],
        training_data=[{"name": "second", "licence": "CC-BY-4.0"}],
    )
    second = finetune(tmp_path / "first", TrainingSettings(**tuned), tmp_path / "second")
    old, new = (load_file(tmp_path / name / "weights.safetensors") for name in ("first", "second"))
    assert all(torch.allclose(new[name], old[name], atol=1e-7) for name in old)
    assert [each.name for each in second.training_data] == ["first", "second"]
    assert second.training["start"] == f"small, SHA-256 {first.sha256}"
    again = finetune(tmp_path / "first", TrainingSettings(**tuned), tmp_path / "second")
    assert again == second
    with pytest.raises(InputError, match=r"other settings \(start\)"):
        train(TrainingSettings(**tuned), tmp_path / "second")
    other = TrainingSettings(**settings(network={"kind": "unet", "channels": 8, "pools": 1}))
    with pytest.raises(InputError, match="do not fit the network"):
        finetune(tmp_path / "first", other, tmp_path / "third")
    with pytest.raises(InputError, match="no weights 'nowhere'"):
        finetune("nowhere", other, tmp_path / "third")


# Settings


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"losses": []}, "no loss to train by"),
        ({"losses": ["l3"]}, r"'losses.0' of the training names 'l3'; there are l1, .*Did you mean"),
        ({"network": "unnet"}, r"no network 'unnet'.*Did you mean 'unet'"),
        ({"network": {"channels": 3}}, "names no network"),
        ({"network": {"kind": "unet", "width": 3}}, "no setting 'width'"),
        ({"optimizer": "adam"}, r"no setting 'optimizer'.*Did you mean 'optimiser'"),
        ({"optimiser": {"kind": "sgd"}}, r"names 'sgd'; there are adam, adamw, rmsprop"),
        (
            {"optimiser": {"kind": "adam", "learning_rate": -1}},
            r"'optimiser.adam.learning_rate' of the training is -1; input should be greater than 0",
        ),
        ({"stages": [{"epochs": 1, "steps": 1}]}, "either 'epochs' or 'steps'"),
        ({"stages": [{"train": "subnetworks", "epochs": 1}]}, "this 'unet' is not trained by; choose one of all"),
        ({"stages": [{"train": {"kind": "all", "noise_std": [1, 2]}, "epochs": 1}]}, "no setting 'noise_std'"),
        ({"stages": [{"train": "denoising", "epochs": 1}]}, "this 'unet' is not trained by; choose one of all"),
        (
            {"stages": [{"train": {"kind": "denoising", "noise_std": [2, 1]}, "epochs": 1}], "network": DENOISING},
            "smaller",
        ),
        (
            {
                "network": DENOISING,
                "supervision": "self",
                "losses": [],
                "stages": [{"train": "denoising", "epochs": 1}],
            },
            "which needs references",
        ),
        ({"network": "denoiser"}, "has a loss and a score of its own; leave 'losses' out"),
        ({"network": "denoiser", "losses": [], "metrics": ["vif"]}, "leave 'metrics' out"),
        ({"network": "denoiser", "losses": [], "compare": "magnitude"}, "leave 'compare' out"),
        ({"metrics": ["snr"]}, r"no metric 'snr'"),
        ({"supervision": "self"}, "has its loss on held-out samples"),
        ({"supervision": "self", "losses": [], "network": {**SMALL, "complex": False}}, "does not learn the phase"),
        ({"network": {**SMALL, "complex": False}}, "set 'compare: magnitude'"),
        ({"name": "My weights"}, "'name' of the training is 'My weights'"),
        ({"data": {"masks": {"kinds": "random"}}}, "no setting 'masks.kinds'"),
        ({"batch_size": 0}, "'batch_size' of the training is 0"),
    ],
)
def test_wrong_settings_are_refused_in_one_sentence(settings, wrong, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        TrainingSettings(**settings(**wrong))
    assert "\n" not in str(error.value)


def test_what_does_not_suit_the_data_is_refused(settings, tmp_path):
    with pytest.raises(InputError, match="8 training examples and a batch takes 9"):
        train(TrainingSettings(**settings(batch_size=9)), tmp_path / "out")
    with pytest.raises(InputError, match=r"Validation .* pieces.npz:subject-\S+: ms-ssim: .* at least 161×161"):
        train(TrainingSettings(**settings(metrics=["ms-ssim"])), tmp_path / "other")


def test_lightning_is_asked_for_only_where_it_is_needed(settings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    with pytest.raises(InputError, match=r"pip install 'fourfold\[train\]'"):
        train(TrainingSettings(**settings()), tmp_path / "out")


@pytest.mark.parametrize("name", presets())
def test_presets_are_complete_but_for_the_data(name, images):
    given = preset(name)
    data = {**given["data"], "sources": [{"kind": "images", "path": str(images)}]}
    chosen = TrainingSettings(**{**given, "data": data})
    assert chosen.name == name


def test_presets_are_the_papers():
    """Dar 2018, section 2.3; Ghodrati 2019, "Network architectures and training"; the fastMRI package's modules."""
    dar, resnet, unet, fastmri, varnet = (
        TrainingSettings(
            **{**preset(name), "data": {**preset(name)["data"], "sources": [{"path": "x", "kind": "images"}]}}
        )
        for name in ("dar2018", "ghodrati2019-resnet", "ghodrati2019-unet", "fastmri-unet", "varnet")
    )
    stages = plan_stages(dar, build("cascade", dar.network_settings), 4000)
    assert [stage.steps // stage.steps_per_epoch for stage in stages] == [20] * 5 + [150]
    assert [stage.learning_rate for stage in stages] == [1e-4] * 5 + [1e-5]
    assert (dar.batch_size, dar.optimiser, dar.data.masks.count) == (
        50,
        Adam(learning_rate=1e-4, weight_decay=2e-6),
        100,
    )
    for each, count in ((resnet, 84_353), (unet, 1_324_405), (fastmri, 7_756_097), (varnet, 29_936_966)):
        network = build(each.network["kind"], each.network_settings)
        assert sum(weight.numel() for weight in network.parameters()) == count
    assert resnet.optimiser == unet.optimiser == RmsProp(kind="rmsprop", learning_rate=1e-3, smoothing=0.9)
    assert (resnet.batch_size, resnet.stages[0].epochs) == (32, 100)
    assert fastmri.optimiser == RmsProp(kind="rmsprop", learning_rate=1e-3)
    assert varnet.optimiser == Adam(learning_rate=3e-4)
    assert fastmri.schedule == varnet.schedule == Steps(kind="step", epochs=40, factor=0.1)


def test_a_file_goes_on_top_of_its_preset(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(
        "preset: dar2018\nname: mine\nnetwork: {channels: 8}\ndata: {masks: {acceleration: 8}}\noptimiser: adamw\n"
    )
    merged = read_settings(file)
    assert merged["name"] == "mine"
    assert merged["network"] == {**preset("dar2018")["network"], "channels": 8}
    assert merged["data"]["masks"] == {**preset("dar2018")["data"]["masks"], "acceleration": 8}
    assert merged["optimiser"] == "adamw"
    assert merged["losses"] == ["hybrid"]
    file.write_text("network: {kind: unet, channels: 8}\npreset: dar2018\n")
    assert read_settings(file)["network"] == {"kind": "unet", "channels": 8}
    for text, sentence in (
        ("preset: dar", "Did you mean"),
        ("- l1", "no names with values"),
        ("a: [", "not valid YAML"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=sentence):
            read_settings(file)
    with pytest.raises(InputError, match="There is no file"):
        read_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("place", [0, 1, 2], ids=["whole", "prior", "preset"])
def test_the_settings_on_the_page_are_right(place, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    file = tmp_path / "settings.yaml"
    file.write_text(re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)[place])
    assert TrainingSettings(**read_settings(file)).network["kind"] in ("varnet", "cascade", "denoiser", "vae")


def test_every_setting_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    table = page[page.index("## Settings") : page.index("## What the folder holds")]
    assert set(TrainingSettings.model_fields) <= set(re.findall(r"`([a-z_]+)`", table))
    for setting, field in TrainingSettings.model_fields.items():
        assert field.description, f"'{setting}' needs a docstring below it"


# The command line, and the page


@pytest.mark.parametrize(
    ("stages", "steps"),
    [
        ([{"steps": 4}], [1, 2, 3, 4]),
        ([{"steps": 25}, {"steps": 1}], [3, 6, 9, 12, 15, 18, 21, 24, 25, 26]),
        ([{"steps": 120}], [*range(10, 121, 10)]),
    ],
)
def test_a_training_shorter_than_a_row_of_the_log_has_a_curve(settings, tmp_path, stages, steps):
    given = settings(stages=stages, network={"kind": "kspace-cnn", "channels": 2, "layers": 1}, batch_size=1)
    del given["log_every"]
    train(TrainingSettings(**given), tmp_path / "out")
    assert [int(row["step"]) for row in read_rows(tmp_path / "out" / "losses.csv")] == steps


def test_the_commands_train_and_show_what_they_did(settings, tmp_path, capsys):
    file = tmp_path / "settings.yaml"
    given = settings(stages=[{"train": "all", "epochs": 1}, {"train": "all", "epochs": 1}], losses=["l1", "ssim"])
    file.write_text(yaml.safe_dump(given))
    assert main(["train", str(file), "-o", str(tmp_path / "first")]) == 0
    assert "fastmri-ssim validation" in capsys.readouterr().out
    del given["network"]
    file.write_text(yaml.safe_dump({**given, "name": "tuned"}))
    assert main(["finetune", str(tmp_path / "first"), str(file), "-o", str(tmp_path / "second"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["channels"] == 4
    for name, title in (("first", "Training of small"), ("second", "Training of tuned")):
        page = tmp_path / name / "training.html"
        code = page.read_text()
        assert f"<h1>{title}</h1>" in code
        # PSNR, SSIM, the loss and its two parts, gradient, learning rate.
        assert code.count('<img src="data:image/png;base64,') == 7
        assert '<th scope="row">2-end-to-end</th>' in code
        assert 'class="simulated"' in code
    assert facts(page)["Started from"].startswith("small ")
    assert main(["train", str(tmp_path / "nothing.yaml"), "-o", str(tmp_path / "third")]) == 2


def test_the_page_of_an_unfinished_training_says_so(settings, tmp_path):
    chosen = self_supervised(settings, validate_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, tmp_path / "out", progress=Stop(3))
    page = write_training(tmp_path / "out")
    assert facts(page)["Trained"].startswith("3 steps, 1 epochs, not")
    assert "Error of held-out samples" in page.read_text()
    with pytest.raises(InputError, match="holds no training"):
        write_training(tmp_path)
