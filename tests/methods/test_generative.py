"""Generative methods: what they promise to every scan, with denoisers whose posterior is known."""

import pytest
import torch
from tests.helpers.invariance import assert_unchanged, each_change

import fourfold as ff
from fourfold.errors import InputError
from fourfold.methods.generative.diffusion import Diffusion
from fourfold.methods.generative.langevin import Langevin
from fourfold.simulation.simulate import phantom, simulate


def blur(image, sigma):
    """Return images as the denoiser of a smooth Gaussian prior gives them, whatever their size."""
    rows, columns = (torch.fft.fftfreq(size) * size for size in image.shape[-2:])
    power = 1 / (1 + rows[:, None].square() + columns.square())
    return torch.fft.ifft2(torch.fft.fft2(image) * (power / (power + sigma**2)))


METHODS = [Diffusion(denoiser=blur, members=2, steps=6), Langevin(denoiser=blur, members=2, steps=6)]
IDS = [method.name for method in METHODS]


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_the_image_is_the_mean_of_the_members_and_std_their_spread(method, scan):
    result = method(scan)
    assert result.members.shape == (2, 1, 63, 64)
    torch.testing.assert_close(result.members.abs().mean(dim=0), result.magnitude)
    own = method.model_copy(update={"coil_combination": "maps"})(scan)
    torch.testing.assert_close(own.members.abs().std(dim=0), result.std)
    assert torch.equal(own.std, result.std)
    assert torch.equal(own.image, result.before_data_consistency)
    assert result.record.iterations == 12
    assert bool((result.std > 0).any())


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_a_member_is_the_same_to_the_bit_alone_and_beside_others(method, scan):
    both = method(scan)
    alone = method.model_copy(update={"members": 1, "seed": 1})(scan)
    assert torch.equal(alone.image[0], both.members[1, 0])
    assert torch.equal(method(scan).members, both.members)
    assert alone.std is None
    assert alone.members is None


@pytest.mark.parametrize("method", [*METHODS, Diffusion(denoiser=blur, point=True, steps=6)], ids=[*IDS, "point"])
@each_change
def test_scale_order_of_coils_and_phase_change_nothing(method, change, scan):
    assert_unchanged(method, change, scan)


@pytest.mark.parametrize("pattern", ["regular", "random", "poisson-disc"])
def test_the_record_traces_the_residual_against_the_noise_level(pattern, full):
    scan = ff.undersample(full, pattern, 3, seed=0) if pattern != "regular" else ff.undersample(full, "regular", 3)
    record = Diffusion(denoiser=blur, members=2, steps=10)(scan).record
    for member in record.details["members"]:
        assert len(member["residuals"]) == 10
        assert 0.7 < member["residuals"][-1]["residual"] < 1.5
        levels = [point["noise_level"] for point in member["residuals"]]
        assert levels == sorted(levels, reverse=True)
    assert [member["seed"] for member in record.details["members"]] == [0, 1]


def test_an_interruption_keeps_what_was_reached(scan):
    def at(fraction):
        def progress(done, words):
            if "noise level" in words and done >= fraction:
                raise KeyboardInterrupt

        return progress

    method = Diffusion(denoiser=blur, members=4, steps=6)
    early = method(scan, at(0.1))
    assert early.record.interrupted
    assert early.members is None
    assert any("of 6 noise levels" in note for note in early.record.notes)
    late = method(scan, at(0.6))
    assert late.record.interrupted
    assert torch.equal(late.members, method(scan).members[:2])
    assert any("after 2 of 4 members" in note for note in late.record.notes)


def test_the_time_budget_leaves_members_out(scan):
    result = Diffusion(denoiser=blur, members=50, steps=4, time_budget=1e-3)(scan)
    assert result.members is None
    assert any("time budget was spent after 1 of 50 members" in note for note in result.record.notes)


def test_a_point_image_has_no_random_numbers(scan):
    one, other = (Diffusion(denoiser=blur, point=True, steps=6, seed=seed)(scan) for seed in (0, 5))
    assert torch.equal(one.image, other.image)
    assert one.members is None
    assert one.std is None


def test_frames_with_several_sets_of_maps_and_volumes_are_sampled():
    wide = torch.nn.functional.pad(phantom((64, 48)), (0, 0, 16, 16))
    full = simulate(wide, coils=8, snr=100)
    aliased = full.replace(kspace=full.kspace[:, :, ::2].contiguous(), sampling=None)
    result = Diffusion(denoiser=blur, members=2, steps=3, coil_map_sets=2)(aliased)
    assert bool(result.std.any())
    series = full.replace(kspace=torch.cat([full.kspace, 2 * full.kspace]))
    both = Diffusion(denoiser=blur, members=2, steps=3)(series)
    assert both.members.shape[:2] == (2, 2)
    assert torch.equal(both.image[1], Diffusion(denoiser=blur, members=2, steps=3)(series.frame(1)).image[0])


def test_a_scan_without_noise_to_estimate_is_refused_unless_it_is_given(full):
    kspace = full.kspace * torch.zeros_like(full.mask).index_fill_(1, torch.arange(24, 40), True)[:, None]
    scan = full.replace(kspace=kspace, noise=torch.zeros(4, 100, dtype=torch.complex64))
    with pytest.raises(InputError, match="noise level of the scan cannot be estimated"):
        Diffusion(denoiser=blur)(scan)
    assert bool(Diffusion(denoiser=blur, noise_std=0.01, members=1, steps=3)(scan).image.any())


def test_a_denoiser_that_returns_no_image_is_refused(scan):
    with pytest.raises(InputError, match="returned float32"):
        Diffusion(denoiser=lambda image, sigma: image.abs())(scan)  # noqa: ARG005
