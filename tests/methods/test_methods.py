"""SENSE, total variation and wavelet as methods: what they promise to every scan, and quality floors on real data."""

import pytest
import torch
from tests.helpers.psnr import psnr

from fourfold.coils.calibration import estimate_maps
from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.dictionary import Dictionary
from fourfold.methods.classical.joint import Joint
from fourfold.methods.classical.lustig2007 import Lustig2007
from fourfold.methods.classical.plug_and_play import PlugAndPlay
from fourfold.methods.classical.tgv import TotalGeneralisedVariation
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.registry import find_method, methods
from fourfold.operators.fourier import ifft
from fourfold.sampling import undersample
from fourfold.scan import Geometry
from fourfold.simulation.simulate import phantom, simulate

SENSE_METHODS = [
    CgSense(),
    TotalVariation(iterations=30),
    Wavelet(iterations=30),
    TotalGeneralisedVariation(iterations=30),
    Joint(weight=0.002, iterations=30),
    Lustig2007(iterations=30),
    Dictionary(noise_std=0.02),
    PlugAndPlay(noise_std=0.02),
]
IDS = [method.name for method in SENSE_METHODS]


def reference_of(scan):
    return root_sum_of_squares(ifft(scan.kspace))


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
def test_beats_zero_filling_at_unchanged_brightness(method, full, scan):
    reference = reference_of(full)
    result = method(scan)
    assert psnr(result.magnitude, reference) > psnr(ZeroFilled()(scan).magnitude, reference) + 3
    inside = reference > 0.1 * reference.max()
    assert float((result.magnitude[inside] / reference[inside]).median()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
@pytest.mark.parametrize("factor", [2.0**-20, 2.0**20])
def test_scale_of_the_data_changes_nothing_else(method, factor, scan):
    """A power of two rounds alike: decisions, such as a restart, may hang on the last digit."""
    image = method(scan).image
    scaled = method(scan.replace(kspace=scan.kspace * factor)).image / factor
    torch.testing.assert_close(scaled, image, rtol=0, atol=1e-6 * float(image.abs().max()))


# Thirty iterations end before the wavelets settle, and the dictionary's codes are kept or dropped one by one.
CONVERGING_METHODS = [each for each in SENSE_METHODS if each.name not in ("wavelet", "dictionary")]


@pytest.mark.parametrize("method", [*CONVERGING_METHODS, Wavelet()], ids=lambda method: method.name)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scale_that_rounds_otherwise_changes_next_to_nothing(method, factor, scan):
    """In magnitude: where the solution is nearly zero, a rounding error turns its phase."""
    image = method(scan).magnitude
    scaled = method(scan.replace(kspace=scan.kspace * factor)).magnitude / factor
    assert torch.allclose(scaled, image, atol=2e-3 * float(image.max()))


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
def test_order_of_coils_changes_nothing(method, scan):
    image = method(scan).magnitude
    shuffled = method(scan.replace(kspace=scan.kspace[:, [2, 0, 3, 1]])).magnitude
    assert torch.allclose(shuffled, image, atol=2e-3 * float(image.max()))


@pytest.mark.parametrize("method", [*SENSE_METHODS, ZeroFilled()], ids=[*IDS, "zero-filled"])
def test_frames_are_reconstructed_one_by_one(method, full):
    """Each frame of a series, with a mask of its own, comes out as it does alone."""
    series = full.replace(kspace=torch.cat([full.kspace, full.kspace.flip(-1).roll(1, -1)]), sampling=None)
    series = undersample(series, "kt-interleaved", 3, lines=16)
    together = method(series)
    assert together.image.shape[0] == 2
    for index in range(2):
        assert torch.equal(together.image[index], method(series.frame(index)).image[0])


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
def test_single_coil_keeps_its_phase(method, full):
    one = full.replace(kspace=full.kspace[:, :1], coil_maps=None)
    phase = torch.polar(torch.tensor(1.0), torch.tensor(1.1))
    scan = undersample(one, "random", 2.1, centre=0.3)
    image = method(scan).image
    turned = method(scan.replace(kspace=scan.kspace * phase)).image
    assert torch.allclose(turned, phase * image, atol=2e-3 * float(image.abs().max()))


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
def test_full_data_and_no_weight_give_the_matched_combination(method, full):
    settings = {method.weight_setting: 0.0, "coil_map_threshold": 0.0, "coil_combination": "maps"}
    settings |= {"iterations": 50} if method.name == "cg-sense" else {}
    result = type(method)(**settings)(full)
    expected = matched_combination(ifft(full.kspace), estimate_maps(full, threshold=0.0)[:, 0])
    assert torch.allclose(result.image, expected, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "method",
    [TotalVariation(weight=0.0014), Wavelet(weight=0.0017), Wavelet(weight=0.0017, cycle_spinning=False)],
    ids=["tv", "wavelet", "orthonormal"],
)
def test_stops_by_itself(method, scan):
    result = method(scan)
    assert 10 < result.record.iterations < method.iterations


def test_the_record_states_how_the_image_was_made(scan):
    record = TotalVariation(weight=0.004, iterations=5)(scan).record
    assert record.method == "tv"
    assert record.settings["weight"] == 0.004
    assert record.iterations == 5
    assert record.scale == pytest.approx(intensity_scale(scan))
    assert record.sampling["kind"] == "random"
    assert record.source["simulated"] is True
    assert record.seconds > 0


def test_images_are_cut_to_the_size_the_scanner_shows(scan):
    geometry = Geometry(image_size=(41, 32))
    whole = CgSense()(scan).image
    cut = CgSense()(scan.replace(geometry=geometry)).image
    assert torch.equal(cut, whole[:, 31 - 20 : 31 + 21, 16:48])


def test_progress_rises_to_one_and_can_interrupt(scan):
    scans = []
    Wavelet(iterations=5)(scan, progress=lambda fraction, words: scans.append((fraction, words)))
    fractions = [fraction for fraction, _ in scans]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any("iteration" in words for _, words in scans)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TotalVariation()(scan, progress=interrupt)


def test_scale_hardly_depends_on_the_pattern(full):
    scales = [
        intensity_scale(full),
        intensity_scale(undersample(full, "random", 3, centre=0.25)),
        intensity_scale(undersample(full, "equispaced", 3, centre=0.2)),
        intensity_scale(undersample(full, "regular", 3, lines=0)),
        intensity_scale(undersample(full, "poisson-disc", 3, seed=0)),
    ]
    assert max(scales) / min(scales) < 1.5


@pytest.mark.parametrize("method", SENSE_METHODS, ids=IDS)
def test_without_calibration_lines_the_method_says_so(method, full):
    scan = undersample(full, "regular", 4, lines=0)
    with pytest.raises(InputError, match="calibration lines"):
        method(scan)
    assert bool(method(scan.replace(coil_maps=estimate_maps(full))).image.any())


def test_bad_settings_are_refused_in_one_sentence():
    with pytest.raises(InputError, match=r"setting 'weight' of 'tv' is -1.*greater than or equal to 0"):
        TotalVariation(weight=-1)
    with pytest.raises(InputError, match=r"'tv' has no setting 'wieght'.*Did you mean 'weight'"):
        TotalVariation(wieght=1)
    with pytest.raises(InputError, match=r"setting 'iterations' of 'wavelet' is 'many'"):
        Wavelet(iterations="many")
    with pytest.raises(InputError, match=r"no method 'wavelt'.*Did you mean 'wavelet'"):
        find_method("wavelt")


def test_every_method_is_found_and_frozen():
    assert {"zero-filled", "cg-sense", "tv", "wavelet", "grappa"} <= set(methods())
    with pytest.raises(ValueError, match="frozen"):
        TotalVariation().weight = 3


def test_fold_over_is_detected_and_noted():
    """An object wider than the field of view needs a second set of maps; one that fits does not."""
    wide = torch.nn.functional.pad(phantom((128, 96)), (0, 0, 32, 32))
    full = simulate(wide, coils=8, snr=100)
    aliased = full.replace(kspace=full.kspace[:, :, ::2].contiguous(), sampling=None)
    assert estimate_maps(full, sets="auto").shape[1] == 1
    assert estimate_maps(aliased, sets="auto").shape[1] == 2
    assert CgSense()(full).record.notes == ()
    assert any("2 sets of coil maps" in note for note in CgSense()(aliased).record.notes)


# PSNR in dB that BART's pics reaches with the weight that scores best against the reference (benchmarks/quality.py).
ORACLE = {
    ("brain8_full_T1", "random"): {"wavelet": 32.3, "tv": 30.7, "cg-sense": 29.2},
    ("head8_T1_256", "random"): {"wavelet": 41.2, "tv": 38.5, "cg-sense": 36.1},
    ("mprage4_T1_256", "regular"): {"wavelet": 40.1, "tv": 37.9, "cg-sense": 34.6},
}


@pytest.mark.parametrize("case", ORACLE, ids=" ".join)
@pytest.mark.parametrize("method", [CgSense(), TotalVariation(), Wavelet()], ids=lambda method: method.name)
def test_default_weight_is_as_good_as_the_best_of_another_implementation(raw, case, method):
    name, pattern = case
    full = raw(name)
    lines = {"lines": 22} if pattern == "regular" else {"centre": 0.08}
    scan = undersample(full, pattern, 4, **lines)
    assert psnr(method(scan).magnitude, reference_of(full)) > ORACLE[case][method.name] - 0.3


@pytest.mark.parametrize("method", [CgSense, TotalVariation, Wavelet], ids=lambda method: method.name)
def test_two_map_sets_beat_one_where_the_object_folds_over(raw, method):
    full = raw("brain8_smallfov_T1")
    scan = undersample(full, "regular", 2, lines=24)
    reference = reference_of(full)
    one, two = (psnr(method(coil_map_sets=sets)(scan).magnitude, reference) for sets in (1, 2))
    assert two > one + 0.5
