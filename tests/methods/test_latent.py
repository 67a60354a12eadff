"""The method 'latent': what it promises to every scan, with an autoencoder whose weights are drawn at random."""

import pytest
import torch
from tests.helpers.invariance import assert_unchanged, each_change
from tests.helpers.psnr import psnr
from tests.helpers.trained_weights import write_small

import fourfold as ff
from fourfold.coils.calibration import estimate_maps
from fourfold.datasets import DataSettings
from fourfold.datasets import test_set as datasets_test_set
from fourfold.errors import InputError
from fourfold.methods.generative.latent import Latent
from fourfold.methods.generative.latent_fit.fit import FitPlan, LatentFit, StagePlan
from fourfold.methods.sense_problem import SenseProblem
from fourfold.methods.tuning.trial import Trial
from fourfold.networks.build import build
from fourfold.scan import Sampling, Scan
from fourfold.simulation.simulate import phantom, simulate

QUICK = {"latent_steps": 20, "layer_steps": 10, "weight_steps": 10, "proximity_weight": 0.01}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of weights that states its range."""
    return str(write_small(tmp_path_factory.mktemp("vae"), "vae", measurements={"range_psnr": 31.4}))


@pytest.fixture(scope="module")
def method(folder):
    return Latent(weights=folder, **QUICK)


def test_the_record_says_what_was_fitted_and_how_far_the_range_is(method, scan):
    result = method(scan)
    details = result.record.details
    assert torch.equal(result.image, method(scan).image), "the same seed gives the same bits"
    assert details["range_psnr"] == 31.4
    assert details["weights"]["name"] == "small"
    assert details["distance_from_range"] > 0
    assert details["proximity_weight"] == 0.01
    stages = list(dict.fromkeys(check["stage"] for check in details["curve"]))
    assert stages == ["latent", "layer 1", "layer 2", "weights"]
    least = min(details["curve"], key=lambda check: check["held_out_error"])
    assert (details["chosen_stage"], details["chosen_iteration"]) == (least["stage"], least["iteration"])
    assert any("acceleration of 3 total variation ('tv')" in note and "31 dB" in note for note in result.record.notes)


def test_the_weight_of_the_distance_follows_the_held_out_samples(method, scan):
    """A network that was never trained is of no use, so that its image must not count."""
    chosen = method.model_copy(update={"proximity_weight": "auto"})(scan)
    assert chosen.record.details["proximity_weight"] == 0
    variation = ff.TotalVariation(weight=0.003, tolerance=2e-5)(scan).magnitude
    assert float((chosen.magnitude - variation).norm()) < 1e-2 * float(variation.norm())


@each_change
def test_scale_order_of_coils_and_phase_change_nothing(method, change, scan):
    assert_unchanged(method, change, scan)


def test_a_phase_changes_nothing_without_calibration_lines(folder, full):
    """Maps are given; no centre says what phase the image has."""
    maps = estimate_maps(full)
    mask = torch.arange(63) % 2 == 0
    kspace = full.kspace * mask[:, None]
    method = Latent(weights=folder, latent_steps=10, layer_steps=0, weight_steps=0, proximity_weight=0.01)
    images = [
        method(full.replace(kspace=kspace * factor, coil_maps=maps, sampling=None)).magnitude for factor in (1, 1j)
    ]
    torch.testing.assert_close(images[0], images[1], atol=2e-3 * float(images[0].max()), rtol=0)


def test_an_interruption_keeps_the_best_image(method, scan):
    def progress(done, words):  # noqa: ARG001  # part of the interface
        if words.startswith("layer 2"):
            raise KeyboardInterrupt

    result = method(scan, progress)
    assert result.record.interrupted
    assert any("interrupted after" in note for note in result.record.notes)
    assert bool(result.image.any())

    def at_once(done, words):  # noqa: ARG001  # part of the interface
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method(scan, at_once)


def test_the_time_budget_ends_the_fit(method, scan):
    record = method.model_copy(update={"time_budget": 1e-4})(scan).record
    assert record.iterations == 0
    assert any("time budget of 0.0001 s ended the fit after 0 steps" in note for note in record.notes)


def test_a_single_coil_several_sets_of_maps_and_frames_are_reconstructed(method):
    one = simulate(phantom((48, 40)), coils=1, snr=60)
    assert bool(method(ff.undersample(one, "poisson-disc", 3, seed=0)).image.any())
    wide = torch.nn.functional.pad(phantom((64, 48)), (0, 0, 16, 16))
    full = simulate(wide, coils=8, snr=100)
    aliased = full.replace(kspace=full.kspace[:, :, ::2].contiguous(), sampling=None)
    result = method.model_copy(update={"coil_map_sets": 2})(aliased)
    assert any("2 sets of coil maps" in note for note in result.record.notes)
    series = full.replace(kspace=torch.cat([full.kspace, 2 * full.kspace]))
    both = method(series)
    assert torch.equal(both.image[1], method(series.frame(1)).image[0])


def test_what_the_grid_or_the_method_cannot_hold_is_refused(method, folder, tmp_path):
    small = ff.undersample(simulate(phantom((24, 40)), coils=2, snr=60), "random", 2, lines=8, seed=0)
    with pytest.raises(InputError, match="24×40 pixels; the latent grid of this network has cells of 8×8 and needs 32"):
        method(small)
    write_small(tmp_path / "other", "resnet")
    with pytest.raises(InputError, match="belong to the network 'resnet', not to 'vae'"):
        Latent(weights=str(tmp_path / "other"))(small)
    with pytest.raises(InputError, match="held_out_fraction"):
        Latent(weights=folder, held_out_fraction=0)


def test_each_kind_of_variables_explains_the_samples_better_and_keeps_to_its_bounds(scan):
    """The network itself is not changed, and features stay within their ball."""
    network = build("vae", {"channels": 4, "latent_channels": 3, "levels": 3, "seed": 1}).requires_grad_(False)
    before = [weight.clone() for weight in network.parameters()]
    problem = SenseProblem.of(scan)
    trial = Trial.of(problem, whole_lines=False, share=0.05)

    def misfit(steps, radius=0.3):
        plan = FitPlan(*(StagePlan(each, 0.02) for each in steps), 0.0, radius, None)
        fit = LatentFit(network, trial, problem.rhs[0], plan, lambda *_: None)
        fit.run()
        return min(check.held_out_error for check in fit.checks)

    first, latent, layers, weights = (misfit(steps) for steps in [(0, 0, 0), (30, 0, 0), (30, 30, 0), (30, 30, 30)])
    assert weights < layers < latent < first
    assert misfit((30, 30, 0), radius=1e-6) == pytest.approx(latent, rel=1e-3)
    assert all(torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))


def test_the_network_that_ships_is_above_total_variation_at_high_acceleration(data):
    """A subject left out, with a quick fit; all figures: docs/experiments/latent-prior.md."""
    settings = DataSettings(
        sources=[{"kind": "images", "path": str(data / "t1t2" / "T1_ds002748_sub01-60.npz"), "crop": (192, 160)}],
        split={"validation": [], "test": ["sub-57"]},
        test_images=1,
        masks={"kind": "random", "acceleration": 9.6},
        simulation={"coils": 1, "snr": 60, "tissue_phase": 0.2},
    )
    example = datasets_test_set(settings)[0]
    scan = Scan(example.kspace[None], Sampling(example.mask[None]))
    latent = Latent(latent_steps=0, layer_steps=10, weight_steps=0, proximity_weight=0.1)(scan)
    assert latent.record.notes == ()
    reference = example.reference.abs()
    assert psnr(latent.image[0], reference) > psnr(ff.TotalVariation()(scan).image[0], reference)
