"""Untrained methods: what they promise to every scan, at sizes that take seconds."""

from functools import partial

import numpy as np
import pytest
import torch
from tests.helpers.psnr import psnr

import fourfold
import fourfold.methods.untrained.untrained_method as untrained_module
from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.registry import find_method, methods
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.untrained.convdecoder_brain import ConvDecoderBrain
from fourfold.methods.untrained.convdecoder_knee import ConvDecoderKnee
from fourfold.methods.untrained.deep_decoder import DeepDecoder
from fourfold.methods.untrained.dip import Dip
from fourfold.methods.untrained.fitting.compilation import can_compile
from fourfold.methods.untrained.fitting.fit import Schedule, fit
from fourfold.methods.untrained.fitting.orthogonal_momentum import OrthogonalMomentum, orthogonalised
from fourfold.methods.untrained.fitting.sample_loss import SampleLoss
from fourfold.methods.untrained.fitting.targets import CoilImagesTarget
from fourfold.networks.untrained.conv_decoder import ConvDecoder as Network
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.sampling.trajectories import radial
from fourfold.scan import Geometry, Placement, crop_centre
from fourfold.simulation.simulate import phantom, simulate

FEW = {
    "members": 2,
    "iterations": 60,
    "refit_iterations": 20,
    "weight": 0.002,
    "image_averaging": 0.9,
    "precision": "float32",
}
METHODS = [
    ConvDecoder(channels=12, layers=4, input_size=(6, 6), **FEW),
    DeepDecoder(channels=24, layers=4, input_size=(8, 8), **FEW),
    Dip(channels=12, scales=3, **FEW),
]
QUICK = METHODS[0].model_copy(update={"members": 1, "iterations": 30})
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.fixture(scope="module")
def full():
    return simulate(phantom((57, 48)), coils=4, snr=60, seed=1)


def with_settings(method, **settings):
    return type(method)(**{**method.model_dump(exclude_unset=True), **settings})


@every_method
def test_beats_zero_filling_at_unchanged_brightness(method, full, scan):
    reference = root_sum_of_squares(ifft(full.kspace))
    result = with_settings(method, members=1, iterations=250)(scan)
    assert psnr(result.magnitude, reference) > psnr(ZeroFilled()(scan).magnitude, reference) + 2
    inside = reference > 0.1 * reference.max()
    assert float((result.magnitude[inside] / reference[inside]).median()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "settings", [{}, {"coil_map_method": "none"}, {"huber": 0.5}], ids=["maps", "no maps", "huber"]
)
def test_scale_of_the_data_changes_nothing_else(settings, scan):
    """Powers of two leave every bit as it is; others round the samples, which a fit amplifies step by step."""
    method = with_settings(QUICK, iterations=12, held_out_fraction=0, weight=0.002, **settings)
    image = method(scan).image
    for factor in (2.0**-20, 2.0**20):
        assert torch.equal(method(scan.replace(kspace=scan.kspace * factor)).image / factor, image)
    for factor in (1e-6, 1e6):
        scaled = method(scan.replace(kspace=scan.kspace * factor)).magnitude / factor
        assert torch.allclose(scaled, image.abs(), atol=5e-3 * float(image.abs().max()))


def test_scale_and_order_of_coils_change_a_settled_fit_less_than_another_seed_does(full, scan):
    """Rounding differs, and a fit amplifies it: here to 1 to 2 % of the image's norm, where a seed changes 16 %."""
    method = with_settings(QUICK, iterations=150, image_averaging=0.97)
    image, other = method(scan).magnitude, with_settings(method, seed=50)(scan).magnitude
    reference = root_sum_of_squares(ifft(full.kspace))
    for changed, factor in (
        (scan.kspace * 1e-6, 1e-6),
        (scan.kspace * 1e6, 1e6),
        (scan.kspace[:, [2, 0, 3, 1]], 1),
    ):
        after = method(scan.replace(kspace=changed)).magnitude / factor
        assert float((after - image).norm()) < 0.06 * float(image.norm())
        assert float((after - image).norm()) < 0.4 * float((other - image).norm())
        assert psnr(after, reference) == pytest.approx(psnr(image, reference), abs=0.5)


def test_order_of_coils_changes_nothing(scan):
    image = QUICK(scan).magnitude
    shuffled = QUICK(scan.replace(kspace=scan.kspace[:, [2, 0, 3, 1]])).magnitude
    assert torch.allclose(shuffled, image, atol=5e-3 * float(image.max()))


@every_method
def test_the_same_seed_gives_the_same_image_and_another_seed_another(method, scan):
    method = with_settings(method, iterations=10, members=1)
    state = torch.random.get_rng_state()
    first = method(scan).image
    torch.rand(3)
    assert torch.equal(method(scan).image, first)
    torch.random.set_rng_state(state)
    method(scan)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.allclose(with_settings(method, seed=1)(scan).image, first, rtol=0.01)


def test_the_image_is_the_mean_of_members_that_stand_for_themselves(scan):
    method = with_settings(QUICK, members=2, seed=3, proximity_weight=None)
    result = method(scan)
    assert result.members.shape == (2, 1, *scan.shape)
    magnitudes = result.members.abs()
    assert torch.allclose(result.magnitude, magnitudes.mean(dim=0), rtol=1e-5)
    assert torch.allclose(result.std, magnitudes.std(dim=0))
    for index, seed in enumerate((3, 4)):
        single = with_settings(QUICK, seed=seed, proximity_weight=None)(scan)
        assert torch.allclose(single.image, result.members[index], atol=1e-5)
        assert single.std is None
    assert [member["seed"] for member in result.record.details["members"]] == [3, 4]


def test_members_fitted_together_are_those_fitted_one_by_one(scan):
    kspace, masks, maps = _data(scan)
    loss = SampleLoss(masks, kspace, maps)
    schedule = Schedule(iterations=10, image_averaging=0.0, precision="float32")
    together = fit(Network([0, 1], 2, scan.shape, 8, 3, (6, 6)), loss, None, schedule).images
    for seed in (0, 1):
        single = SampleLoss(masks[seed : seed + 1], kspace, maps)
        images = fit(Network([seed], 2, scan.shape, 8, 3, (6, 6)), single, None, schedule).images
        assert torch.allclose(images[0], together[seed], atol=2e-2)


def _data(scan):
    """Return k-space of order one, two different masks, and coil maps."""
    kspace = scan.kspace / scan.kspace.abs().max()
    masks = scan.mask.repeat(2, 1, 1)
    masks[1, :5] = False
    return kspace, masks, estimate_maps(scan, threshold=0.0)


@pytest.mark.parametrize("huber", [None, 0.3, 1e6])
def test_the_loss_and_its_gradient_are_those_of_the_formula(huber, scan):
    kspace, masks, maps = _data(scan)
    loss = SampleLoss(masks, kspace, maps, huber)
    x = torch.randn(2, 1, *scan.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    x.mul_(0.1).requires_grad_()
    errors = torch.where(masks[:, None], fft(maps[:, 0] * x) - kspace, 0)
    if huber is None or huber == 1e6:
        expected = 0.5 * errors.abs().square().sum(dim=(1, 2, 3))
    else:
        measured = torch.where(masks[:, None], kspace, 0).abs().square().sum(dim=(1, 2, 3))
        limit = huber * (measured / (4 * masks.sum(dim=(1, 2)))).sqrt()[:, None, None, None]
        size = torch.where(masks[:, None], errors, 0).abs()
        expected = torch.where(size < limit, 0.5 * size.square(), limit * (size - 0.5 * limit)).sum(dim=(1, 2, 3))
    value, gradient = loss(x.detach())
    assert torch.allclose(value, expected, rtol=1e-4)
    assert torch.allclose(gradient, torch.autograd.grad(expected.sum(), x)[0], atol=1e-5)


@pytest.mark.parametrize("coil_map_method", ["auto", "none"])
def test_measured_samples_are_put_back(coil_map_method, scan):
    """Of a single coil the image's k-space shows them; without that step they are predicted only."""
    one = scan.replace(kspace=scan.kspace[:, :1])
    consistent = fft(with_settings(QUICK, coil_map_method=coil_map_method)(one).image)
    assert torch.allclose(
        torch.where(one.mask, consistent, 0), one.kspace[:, 0], atol=1e-3 * float(consistent.abs().max())
    )
    left = fft(with_settings(QUICK, coil_map_method=coil_map_method, coil_combination="maps")(one).image)
    assert not torch.allclose(
        torch.where(one.mask, left, 0), one.kspace[:, 0], atol=1e-3 * float(consistent.abs().max())
    )


def test_the_order_of_coils_changes_nothing_without_maps(scan):
    """Virtual coils have an order of their own, by energy."""
    method = with_settings(QUICK, iterations=12, coil_map_method="none")
    image = method(scan).magnitude
    shuffled = method(scan.replace(kspace=scan.kspace[:, [2, 0, 3, 1]])).magnitude
    assert torch.allclose(shuffled, image, atol=5e-3 * float(image.max()))


@pytest.mark.parametrize("coil_map_method", ["auto", "none"])
def test_fewer_virtual_coils_make_the_same_image_of_the_same_unit(coil_map_method, full, scan):
    """The fourth virtual coil of the phantom holds little; what it measured is put back."""
    method = with_settings(QUICK, coil_map_method=coil_map_method, iterations=80, proximity_weight=None)
    reference = root_sum_of_squares(ifft(full.kspace))
    every = with_settings(method, virtual_coils="all")(scan)
    fewer = with_settings(method, virtual_coils=3)(scan)
    assert any("3 virtual coils" in note for note in fewer.record.notes)
    assert not any("virtual coils" in note for note in every.record.notes)
    assert psnr(fewer.magnitude, reference) > psnr(every.magnitude, reference) - 1
    inside = reference > 0.1 * reference.max()
    assert float((fewer.magnitude / every.magnitude)[inside].median()) == pytest.approx(1, abs=0.02)
    with pytest.raises(InputError, match="9 virtual coils are not possible: this scan has 4"):
        with_settings(method, virtual_coils=9)(scan)


def test_the_measured_samples_of_coils_that_were_not_fitted_are_kept(scan):
    """Of fully sampled data every measured coil counts, however few were fitted."""
    complete = scan.replace(kspace=scan.kspace, sampling=scan.sampling)
    term = CoilImagesTarget(complete, 1)
    x = torch.zeros_like(term.problem.rhs)
    measured = root_sum_of_squares(ifft(complete.kspace))
    assert torch.allclose(term.image(x, "rss").abs(), measured[0], rtol=1e-3, atol=1e-4 * float(measured.max()))
    assert term.problem.scan.frames == 1


def test_coils_that_hold_hardly_anything_are_not_fitted(scan):
    weak = scan.kspace * torch.tensor([1, 1, 1, 1e-3])[:, None, None]
    assert CoilImagesTarget(scan.replace(kspace=weak), "auto").problem.scan.frames < 4
    assert CoilImagesTarget(scan.replace(kspace=weak), "all").problem.scan.frames == 4


@pytest.mark.parametrize("coil_map_method", ["auto", "none"])
def test_the_readouts_oversampling_is_cut_off_before_the_fit(coil_map_method, monkeypatch):
    full = simulate(phantom((48, 96)), coils=4, snr=60, seed=1).replace(geometry=Geometry(image_size=(48, 48)))
    scan = undersample(full.replace(coil_maps=None), "random", 3, centre=0.25, seed=0)
    sizes = []
    original = SampleLoss.__init__

    def spy(self, masks, *others, **more):
        sizes.append(tuple(masks.shape[1:]))
        original(self, masks, *others, **more)

    monkeypatch.setattr(SampleLoss, "__init__", spy)
    method = with_settings(QUICK, coil_map_method=coil_map_method, iterations=80, proximity_weight=None, members=4)
    cut, whole = method(scan), with_settings(method, readout_oversampling="keep")(scan)
    assert set(sizes) == {(48, 48), (48, 96)}
    assert cut.image.shape == cut.before_data_consistency.shape == whole.image.shape == (1, 48, 48)
    assert any("oversampling, 2×, was cut off" in note for note in cut.record.notes)
    assert not any("oversampling" in note for note in whole.record.notes)
    reference = crop_centre(root_sum_of_squares(ifft(full.kspace)), (48, 48))
    # Members differ by 1 dB from seed to seed, and as much from one processor to another; a wrong cut costs 10 dB.
    qualities = [[psnr(member.abs(), reference) for member in result.members] for result in (cut, whole)]
    assert sum(qualities[0]) / 4 > sum(qualities[1]) / 4 - 2
    inside = reference > 0.1 * reference.max()
    assert float((cut.magnitude / reference)[inside].median()) == pytest.approx(1, abs=0.03)


def test_images_of_each_coil_need_no_calibration_lines(full):
    scan = undersample(full, "regular", 2, lines=0)
    with pytest.raises(InputError, match="calibration"):
        central_calibration(scan)
    placement = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    placed = scan.replace(geometry=Geometry(placements=(placement,)))
    made = with_settings(QUICK, coil_map_method="none")(placed)
    assert made.image.shape == (1, *scan.shape)
    assert made.geometry.placements == (placement,)


@every_method
def test_stops_where_held_out_samples_are_predicted_best(method, scan):
    record = with_settings(method, weight=0.0, held_out_fraction=0.15)(scan).record
    for member in record.details["members"]:
        errors = {check["iteration"]: check["held_out_error"] for check in member["curve"]}
        assert member["chosen_iteration"] == min(errors, key=errors.get)
        assert all(check["loss"] > 0 for check in member["curve"])
    assert record.iterations == sum(member["iterations"] for member in record.details["members"])


def test_the_choice_depends_on_held_out_samples_only(scan):
    """Other values of the held-out samples choose another iterate out of the same fit."""
    kspace, masks, maps = _data(scan)
    mask = masks[:1]
    held = torch.zeros_like(mask)
    held[:, 3:6] = mask[:, 3:6]
    held[:, 30:34] = mask[:, 30:34]
    schedule = Schedule(iterations=60, image_averaging=0.0, precision="float32")

    def fitted(held_out_loss):
        network = Network([0], 2, scan.shape, 8, 3, (6, 6))
        return fit(network, SampleLoss(mask & ~held, kspace, maps), held_out_loss, schedule)

    true = fitted(SampleLoss(held, kspace, maps))
    false = fitted(SampleLoss(held, -kspace, maps))
    assert [check.loss for check in true.curve] == [check.loss for check in false.curve]
    assert true.chosen != false.chosen
    assert true.curve[-1].held_out != false.curve[-1].held_out


def test_the_refit_starts_from_the_chosen_weights_and_sees_all_samples(scan):
    kspace, masks, maps = _data(scan)
    held = torch.zeros_like(masks)
    held[:, 30:34] = masks[:, 30:34]
    fitted_loss, held_out_loss = SampleLoss(masks & ~held, kspace, maps), SampleLoss(held, kspace, maps)
    network = Network([0, 1], 2, scan.shape, 8, 3, (6, 6))
    schedule = Schedule(iterations=40, refit_iterations=40, image_averaging=0.0, precision="float32")
    before = fit(network, fitted_loss, held_out_loss, Schedule(iterations=40, image_averaging=0.0, precision="float32"))
    network = Network([0, 1], 2, scan.shape, 8, 3, (6, 6))
    after = fit(network, fitted_loss, held_out_loss, schedule, all_samples=SampleLoss(masks, kspace, maps))
    assert after.chosen == before.chosen
    assert after.iterations == 80
    assert bool((held_out_loss.relative_error(after.images) < 0.7 * held_out_loss.relative_error(before.images)).all())


def test_a_fit_that_no_longer_improves_ends_by_itself(scan):
    record = with_settings(QUICK, iterations=2000, tolerance=0.2, held_out_fraction=0.1)(scan).record
    assert record.iterations < 1000


def test_members_hold_out_different_samples(scan, monkeypatch):
    hold_outs = []
    original = SampleLoss.__init__

    def spy(self, masks, *others, **more):
        hold_outs.append(masks)
        original(self, masks, *others, **more)

    monkeypatch.setattr(SampleLoss, "__init__", spy)
    with_settings(QUICK, members=2, iterations=1)(scan)
    kept, held, everything, other_kept, other_held, _ = hold_outs
    assert torch.equal(kept | held, scan.mask)
    assert torch.equal(other_kept | other_held, scan.mask)
    assert torch.equal(everything, scan.mask)
    assert not bool((kept & held).any())
    assert not torch.equal(held, other_held)


def test_an_interruption_keeps_the_best_image_so_far(scan):
    def interrupt(_, words):
        if "iteration 20" in words and "member 2" in words:
            raise KeyboardInterrupt

    method = with_settings(QUICK, members=3)
    result = method(scan, interrupt)
    assert result.record.interrupted
    assert result.members.shape[0] == 2
    assert any("interrupted" in note and "2 of 3 members" in note for note in result.record.notes)
    assert torch.allclose(result.members[0], method(scan).members[0], atol=1e-5)


def test_an_interruption_before_there_is_an_image_is_one(scan):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        QUICK(scan, interrupt)


def test_frames_after_an_interruption_are_missing_and_comparisons_end(scan):
    series = scan.replace(kspace=scan.kspace.repeat(3, 1, 1, 1))

    def interrupt(_, words):
        if words.startswith("frame 2") and "iteration 20" in words:
            raise KeyboardInterrupt

    result = QUICK(series, interrupt)
    assert result.image.shape[0] == 2
    with pytest.raises(KeyboardInterrupt):
        fourfold.compare(
            series, [QUICK], progress=lambda fraction, words: interrupt(fraction, words.partition(": ")[2])
        )


def test_progress_rises_to_one_with_loss_error_and_time_left(scan):
    reports = []
    with_settings(QUICK, members=2)(scan, lambda fraction, words: reports.append((fraction, words)))
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any("loss" in words and "held-out error" in words and "s left" in words for _, words in reports)


def test_the_last_step_is_total_variations_image_drawn_to_the_networks(scan):
    """Hardly drawn it is that of 'tv', strongly drawn the network's own, and near either it explains the samples."""
    fit = {"iterations": 20, "weight": 0.002, "coil_combination": "maps", "refit_iterations": 0}
    free, held, own = (with_settings(QUICK, proximity_weight=weight, **fit)(scan).image for weight in (0.0, 1e4, None))
    variation = fourfold.TotalVariation(weight=0.002, coil_combination="maps", tolerance=2e-5)(scan).image
    peak = float(variation.abs().max())
    assert torch.allclose(free, variation, atol=0.02 * peak)
    assert torch.allclose(held, own, atol=0.002 * peak)
    assert float((free - own).abs().max()) > 0.05 * peak


def test_the_weight_is_total_variations(scan):
    weight = with_settings(QUICK, weight="auto", iterations=10)(scan).record.details["weight"]
    expected = fourfold.TotalVariation()(scan).record.details["weight"]
    assert weight["candidates"] == expected["candidates"]
    assert weight["weight"] == expected["weight"]


def test_a_compiled_network_makes_the_same_image(scan):
    """In another order of rounding; what one member has compiled serves all others, of any seed."""
    if not can_compile():
        pytest.skip("needs a C++ compiler and Python's header files")
    settings = {"members": 2, "iterations": 10, "layers": 2, "channels": 4, "refit_iterations": 0}
    state = torch.random.get_rng_state()
    compiled = with_settings(QUICK, compile="always", **settings)(scan)
    assert torch.equal(torch.random.get_rng_state(), state)
    plain = with_settings(QUICK, compile="never", **settings)(scan)
    with torch.compiler.set_stance("fail_on_recompile"):
        with_settings(QUICK, compile="always", **{**settings, "seed": 7})(scan)
    assert (compiled.record.details["compiled"], plain.record.details["compiled"]) == (True, False)
    assert torch.allclose(compiled.image, plain.image, atol=1e-2 * float(plain.image.abs().max()))


def test_networks_are_compiled_where_that_pays(scan, monkeypatch):
    """Where the fit is long, so is its budget, and there is a compiler; the fit itself is not run here."""
    taken = []
    monkeypatch.setattr(untrained_module, "fit", lambda *options: taken.append(options[3].compile) or _no_fit())
    for compiles, settings in (
        (True, {"iterations": 100_000}),
        (False, {"iterations": 50}),
        (False, {"iterations": 100_000, "compile": "never"}),
        (False, {"iterations": 100_000, "time_budget": 30}),
    ):
        monkeypatch.setattr(untrained_module, "can_compile", lambda: True)
        with pytest.raises(KeyboardInterrupt):
            with_settings(QUICK, **settings)(scan)
        assert taken.pop() is compiles
    monkeypatch.setattr(untrained_module, "can_compile", lambda: False)
    with pytest.raises(KeyboardInterrupt):
        with_settings(QUICK, iterations=100_000)(scan)
    assert taken.pop() is False
    with pytest.raises(InputError, match=r"cannot be compiled here, because a C\+\+ compiler"):
        with_settings(QUICK, compile="always")(scan)


def broken_compiler(*_, **__):
    raise OSError("no space left")


def fails_forward(*given):
    """A compiler that fails at once."""
    broken_compiler(*given)


def fails_backward(graph, inputs):
    """A compiler that fails on the gradients' part."""
    from torch._dynamo.backends.common import aot_autograd

    return aot_autograd(fw_compiler=lambda module, _: module.forward, bw_compiler=broken_compiler)(graph, inputs)


@pytest.mark.parametrize("backend", [fails_forward, fails_backward])
def test_a_compiler_that_fails_on_the_network_is_left_out_or_refused(scan, monkeypatch, backend):
    settings = {"members": 2, "iterations": 5, "layers": 2, "channels": 4, "refit_iterations": 0}
    plain = with_settings(QUICK, compile="never", **settings)(scan, workers=1)
    monkeypatch.setattr(untrained_module, "can_compile", lambda: True)
    monkeypatch.setattr(untrained_module, "_LONG_FIT", 0)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    # One core for each: the free cores, and with them the order of rounding, may differ from run to run.
    result = with_settings(QUICK, compile="auto", **settings)(scan, workers=1)
    assert torch.equal(result.image, plain.image)
    assert not result.record.details["compiled"]
    (note,) = (note for note in result.record.notes if "compil" in note)
    assert note.startswith("The network was fitted without compilation, which had failed: ")
    assert "no space left" in note
    with pytest.raises(InputError, match=r"The compiler fails on this network \(.*no space left.*\); leave out"):
        with_settings(QUICK, compile="always", **settings)(scan)


def _no_fit():
    raise KeyboardInterrupt


def test_images_are_cut_to_the_size_the_scanner_shows(scan):
    result = with_settings(QUICK, members=2)(scan.replace(geometry=Geometry(image_size=(40, 32))))
    assert result.image.shape == (1, 40, 32)
    assert result.std.shape == (1, 40, 32)
    assert result.members.shape == (2, 1, 40, 32)


def test_the_standard_deviation_is_written(scan, tmp_path):
    result = with_settings(QUICK, members=2)(scan)
    fourfold.save(result, tmp_path / "image.npz")
    with np.load(tmp_path / "image.npz") as file:
        assert np.array_equal(file["std"], result.std.numpy())


def test_what_does_not_fit_is_refused_in_one_sentence(scan):
    with pytest.raises(InputError, match=r"setting 'layers' of 'convdecoder' is 1.*greater than or equal to 2"):
        ConvDecoder(layers=1)
    with pytest.raises(InputError, match=r"no coil maps are used.*sets 2.*leave"):
        with_settings(QUICK, coil_map_method="none", coil_map_sets=2)(scan)
    with pytest.raises(InputError, match=r"'convdecoder' works on Cartesian k-space"):
        QUICK(simulate(phantom((32, 32)), coils=4, trajectory=radial((32, 32), 20)))


def test_orthogonalised_matrices_have_singular_values_near_one():
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3


def test_a_step_of_orthogonal_momentum_has_the_size_of_the_rate():
    weight = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
    weight.grad = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    OrthogonalMomentum([weight], members=2, lr=0.1).step()
    for own in weight.detach().chunk(2):
        assert float(torch.linalg.matrix_norm(own.flatten(1), 2)) == pytest.approx(0.1, rel=0.3)


def test_presets_have_the_published_sizes():
    knee, brain = ConvDecoderKnee(), ConvDecoderBrain()
    assert knee.network([0], 30, (640, 368)).parameters_of_each() == 1_850_560
    assert (knee.coil_map_method, knee.layers, knee.channels, knee.iterations, knee.learning_rate) == (
        "none",
        8,
        160,
        20000,
        0.008,
    )
    assert (brain.coil_map_method, brain.layers, brain.channels) == ("auto", 7, 256)
    assert find_method("convdecoder-knee") is ConvDecoderKnee


def test_slow_methods_join_a_comparison_when_they_are_named(scan):
    assert all(kind.slow for kind in methods().values() if kind.family == "untrained")
    names = [entry.method for entry in fourfold.compare(scan, ["zero-filled", QUICK]).entries]
    assert names == ["zero-filled", "convdecoder"]


def test_quality_on_a_measured_head(raw):
    """A tenth of the default fit; the full one takes minutes and reaches 3 dB more (docs/methods.md)."""
    full = raw("brain8_full_T1")
    scan = undersample(full, "random", 4, centre=0.08)
    method = ConvDecoder(members=1, iterations=120, channels=32, weight=0.003, image_averaging=0.9)
    reference = root_sum_of_squares(ifft(full.kspace))
    assert psnr(method(scan).magnitude, reference) > psnr(ZeroFilled()(scan).magnitude, reference) + 3
