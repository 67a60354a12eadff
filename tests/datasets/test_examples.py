"""Examples that networks are trained on: what they hold, and that chance has one source."""

import json
import math
import re
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.utils.data import DataLoader

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.datasets import (
    DataSettings,
    collate,
    every_set,
    training_set,
    validation_set,
)
from fourfold.datasets import (
    test_set as for_test,
)
from fourfold.datasets.augmentation import augment_image, crop_or_pad
from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.settings import Augmentation, Simulation, Split
from fourfold.datasets.simulated_acquisition import simulate_acquisition
from fourfold.datasets.subject_split import split_subjects
from fourfold.datasets.tissue_phase import tissue_phase
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.scan import Sampling, Scan, crop_centre
from fourfold.simulation import random_coils
from fourfold.simulation.random_coils import random_maps
from fourfold.simulation.simulate import in_object, phantom, simulate

SIZE = 48


@pytest.fixture
def heads(tmp_path):
    """A file of 12 heads of unlike brightness, three of each of four subjects."""
    head = phantom((SIZE, SIZE)).numpy()
    slices = np.stack([1000 * (1 + index) * head for index in range(12)]).astype(np.uint16)
    path = tmp_path / "heads.npz"
    np.savez(path, slices=slices, ids=[f"subject{index // 3}:{index}" for index in range(12)])
    return path


@pytest.fixture
def volume(tmp_path):
    """A fully sampled volume in fastMRI's layout, and its scan."""
    scan = simulate(phantom((SIZE, 40)).expand(3, -1, -1), coils=4, seed=1).replace(line_axis="kx")
    path = tmp_path / "knee.h5"
    save_scan(scan, path)
    return path, scan


def settings(path, **changes) -> DataSettings:
    source = {"kind": "images", "path": str(path), "crop": None} | changes.pop("source", {})
    defaults = {"masks": {"lines": 8, "acceleration": 3}, "simulation": {"coils": 4}, "maps": "true"}
    if not {"sources", "training"} & set(changes):
        changes["training"] = [source]
    return DataSettings(**(defaults | changes))


def raw_settings(path, **changes) -> DataSettings:
    source = {"kind": "raw", "path": str(path)} | changes.pop("source", {})
    return DataSettings(**({"training": [source], "masks": {"lines": 8, "acceleration": 2}} | changes))


def same(first, second) -> bool:
    """Whether all fields of two examples, or batches, are the same."""
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


# What an example holds


@pytest.mark.parametrize("coils", [1, 4])
def test_without_noise_the_encoded_reference_gives_the_measured_samples(heads, coils):
    examples = training_set(settings(heads, simulation={"coils": coils, "snr": None}))
    example = examples[4]
    encoded = torch.where(example.mask, fft(example.maps * example.reference), 0)
    torch.testing.assert_close(encoded, example.kspace, atol=1e-5, rtol=1e-4)
    assert example.maps.shape == (coils, SIZE, SIZE)
    assert (example.subject, example.name) == ("subject1", "heads.npz:subject1:4")
    acquired = example.mask.float().mean()
    assert float(acquired) == pytest.approx(1 / 3)
    assert not example.kspace[:, ~example.mask].any()


def test_the_noise_has_the_snr_that_was_asked_for(heads):
    clean = training_set(settings(heads, simulation={"coils": 4, "snr": None}))[0]
    noisy = training_set(settings(heads, simulation={"coils": 4, "snr": 5.0}))[0]
    noise = (noisy.kspace * noisy.scale - clean.kspace * clean.scale)[:, clean.mask]
    truth = clean.reference.abs() * clean.scale
    deviation = float(truth[in_object(truth)].mean()) / 5
    assert float(noise.real.std()) == pytest.approx(deviation, rel=0.05)
    assert float(noise.imag.std()) == pytest.approx(deviation, rel=0.05)


def test_with_estimated_maps_the_reference_has_the_phase_that_goes_with_them(heads):
    result = settings(heads, maps="espirit", masks={"lines": 16, "acceleration": 2}, simulation={"snr": 100})
    example = training_set(result)[0]
    truth = training_set(result.model_copy(update={"maps": "true"}))[0].reference
    torch.testing.assert_close(example.reference.abs(), truth.abs())
    encoded = torch.where(example.mask, fft(example.maps * example.reference), 0)
    wrong = torch.where(example.mask, fft(example.maps * truth), 0)
    size = example.kspace.norm()
    assert (encoded - example.kspace).norm() < 0.1 * size
    assert (wrong - example.kspace).norm() > 0.3 * size


def test_scale_and_samples_come_from_what_was_measured_alone(volume):
    path, scan = volume
    example = training_set(raw_settings(path))[1]
    measured = scan.frame(1).with_sampling(Sampling(example.mask[None]))
    assert example.scale == pytest.approx(intensity_scale(measured), rel=1e-6)
    torch.testing.assert_close(example.kspace * example.scale, measured.kspace[0])
    lines = example.calibration.shape[-1]
    assert lines >= 8
    centre = scan.kspace[1, :, :, 20 - lines // 2 : 20 - lines // 2 + lines]
    torch.testing.assert_close(example.calibration * example.scale, centre)


def test_the_reference_of_raw_data_is_the_combination_or_the_root_sum_of_squares(volume):
    path, scan = volume
    images = ifft(scan.kspace[2])
    rss = training_set(raw_settings(path, reference="rss", maps="none"))[2]
    assert rss.maps is None
    torch.testing.assert_close(rss.reference * rss.scale, root_sum_of_squares(images))
    combined = training_set(raw_settings(path, coil_map_threshold=0.0))[2]
    expected = (combined.maps.conj() * images).sum(dim=0)
    torch.testing.assert_close(combined.reference * combined.scale, expected, rtol=1e-3, atol=1e-3)
    assert combined.reference.is_complex()


def test_fastmri_lines_lie_along_kx_and_simulated_ones_along_ky_by_default(volume, heads):
    mask = training_set(raw_settings(volume[0]))[0].mask
    assert bool((mask == mask[:1]).all())
    assert not bool((mask == mask[:, :1]).all())
    mask = training_set(settings(heads))[0].mask
    assert bool((mask == mask[:, :1]).all())
    mask = training_set(settings(heads, masks={"axis": "kx", "lines": 8, "acceleration": 3}))[0].mask
    assert bool((mask == mask[:1]).all())


def test_undersampled_data_has_no_reference_and_stays_as_acquired(tmp_path):
    scan = undersample(simulate(phantom((SIZE, SIZE)), coils=4), "random", 2, lines=12)
    for number in range(2):
        save_scan(scan, tmp_path / f"scan{number}.npz")
    examples = training_set(raw_settings(tmp_path, masks=None, maps="none"))
    batch = collate([examples[0], examples[1]])
    assert batch.reference is None
    assert torch.equal(batch.mask, scan.mask.expand(2, -1, -1))
    torch.testing.assert_close(batch.kspace * batch.scale[:, None, None, None], scan.kspace.expand(2, -1, -1, -1))


def test_a_smaller_field_of_view_of_raw_data_holds_the_same_image(volume):
    path, scan = volume
    example = training_set(raw_settings(path, source={"crop": (32, 24)}, reference="rss"))[0]
    whole = root_sum_of_squares(ifft(scan.kspace[0]))
    torch.testing.assert_close(example.reference * example.scale, whole[8:40, 8:32], rtol=1e-4, atol=1e-4)
    assert example.kspace.shape == (4, 32, 24)


def test_raw_data_is_compressed_to_virtual_coils(volume):
    path, scan = volume
    example = training_set(raw_settings(path, source={"coils": 2}, reference="rss"))[0]
    assert example.kspace.shape == (2, SIZE, 40)
    whole = root_sum_of_squares(ifft(scan.kspace[0]))
    assert (example.reference * example.scale - whole).norm() < 0.5 * whole.norm()


# Chance


def test_an_example_depends_on_no_worker_and_no_order(heads):
    examples = training_set(settings(heads), seed=3)
    single = [examples[index] for index in reversed(range(12))][::-1]
    batches = DataLoader(examples, batch_size=4, num_workers=2, collate_fn=collate)
    for number, batch in enumerate(batches):
        assert same(batch, collate(single[4 * number : 4 * number + 4]))
    assert not torch.equal(training_set(settings(heads), seed=4)[0].kspace, single[0].kspace)


def test_workers_that_live_on_see_a_new_epoch_and_a_resumed_training_sees_the_same(heads):
    examples = training_set(settings(heads))
    batches = DataLoader(examples, batch_size=3, num_workers=2, collate_fn=collate, persistent_workers=True)
    epochs = []
    for epoch in range(2):
        examples.set_epoch(epoch)
        epochs.append(list(batches))
    resumed = training_set(settings(heads))
    resumed.set_epoch(1)
    again = list(DataLoader(resumed, batch_size=3, collate_fn=collate))
    assert all(same(a, b) for a, b in zip(epochs[1], again, strict=True))
    first, second = (torch.cat([batch.mask for batch in epoch]) for epoch in epochs)
    assert not torch.equal(first, second)


def test_validation_and_test_stay_the_same_in_every_epoch(heads):
    parts = every_set(
        settings(heads, sources=[{"kind": "images", "path": str(heads)}], split={"validation": 0.25, "test": 0.25})
    )
    for part in ("validation", "test"):
        before = parts[part][0]
        parts[part].set_epoch(5)
        assert same(parts[part][0], before)
    assert not torch.equal(parts["validation"][0].mask, parts["test"][0].mask)


def test_one_option_does_not_move_the_numbers_of_another(heads):
    plain = training_set(settings(heads))[0]
    turned = training_set(settings(heads, augmentation={"rotation": 90}, simulation={"coils": 2}))[0]
    assert torch.equal(plain.mask, turned.mask)
    assert not torch.equal(plain.reference, turned.reference)


def test_a_fixed_set_of_masks_is_drawn_from_and_another_one_for_test(heads):
    made = settings(
        heads,
        sources=[{"kind": "images", "path": str(heads), "crop": None}],
        split={"validation": (), "test": 0.5},
        masks={"kind": "poisson-disc", "acceleration": 4, "box": (12, 12), "count": 3},
    )
    parts = every_set(made, parts=("training", "test"))
    result = {}
    for part, examples in parts.items():
        masks = set()
        for epoch in range(8):
            examples.set_epoch(epoch)
            masks |= {examples[index].mask.numpy().tobytes() for index in range(len(examples))}
        result[part] = masks
    assert len(result["training"]) == 3
    assert 1 < len(result["test"]) <= 3
    assert not result["training"] & result["test"]


def test_accelerations_are_drawn_each_with_its_centre(heads):
    examples = training_set(settings(heads, masks={"acceleration": (2, 4), "lines": (12, 4)}))
    accelerations = set()
    for index in range(12):
        sampling = Sampling(examples[index].mask[None])
        accelerations.add((round(sampling.acceleration), sampling.acs_shape[0] >= 12))
    assert accelerations == {(2, True), (4, False)}


def test_of_several_kinds_of_masks_each_example_draws_one(heads):
    kinds = [{"acceleration": 2, "lines": 8}, {"kind": "poisson-disc", "acceleration": 4, "box": (8, 8)}]
    examples = training_set(settings(heads, masks=kinds))
    accelerations = {round(Sampling(examples[index].mask[None]).acceleration) for index in range(12)}
    assert accelerations == {2, 4}
    with pytest.raises(InputError, match="'masks' is empty"):
        training_set(settings(heads, masks=[]))
    with pytest.raises(InputError, match="4 calibration lines and ESPIRiT needs 6"):
        training_set(settings(heads, masks=[{"lines": 8}, {"lines": 4}], maps="espirit"))


def test_examples_of_a_named_epoch_keep_it(heads):
    examples = training_set(settings(heads))
    third = examples.at_epoch(3)
    examples.set_epoch(3)
    expected = examples[0]
    examples.set_epoch(5)
    assert same(third[0], expected)
    assert not same(examples[0], expected)


def test_random_streams_depend_on_seed_part_epoch_and_index():
    streams = RandomStreams(1, "training", 2, 3)
    others = [
        RandomStreams(2, "training", 2, 3),
        RandomStreams(1, "test", 2, 3),
        RandomStreams(1, "training", 3, 3),
        RandomStreams(1, "training", 2, 4),
    ]
    value = streams.log_uniform("snr", (10.0, 20.0))
    assert 10 <= value <= 20
    assert streams.log_uniform("snr", (10.0, 20.0)) == value
    assert value not in {other.log_uniform("snr", (10.0, 20.0)) for other in others}
    assert streams.log_uniform("snr", 7.0) == 7.0


# Parts


def test_a_subject_is_in_one_part_and_stays_there_when_others_join():
    split = Split(validation=0.2, test=0.2, seed=1)
    few = split_subjects([f"s{number}" for number in range(10)], split)
    assert [len(few[part]) for part in ("training", "validation", "test")] == [6, 2, 2]
    assert not few["training"] & (few["validation"] | few["test"])
    order = split_subjects([f"s{number}" for number in reversed(range(10))], split)
    assert order == few
    named = split_subjects(["a", "b", "c"], Split(validation=("a",), test=("b",)))
    assert named == {"training": {"c"}, "validation": {"a"}, "test": {"b"}}


def test_a_subject_in_two_parts_is_refused_by_name(heads):
    source = {"kind": "images", "path": str(heads)}
    with pytest.raises(InputError, match="'subject2' is both in training and in test"):
        training_set(settings(heads, sources=[source], split={"training": ["subject2"], "test": ["subject2"]}))
    with pytest.raises(InputError, match="'subject0' and 3 more is both in training and in validation"):
        training_set(settings(heads, training=[source], validation=[source]))


def test_subjects_are_found_by_a_pattern(heads):
    source = {"kind": "images", "path": str(heads), "subject": r"subject[01]|subject"}
    examples = training_set(settings(heads, training=[source]))
    assert sorted({examples.subject(index) for index in range(12)}) == ["subject", "subject0", "subject1"]


def test_fewer_images_are_the_first_of_more(heads):
    def chosen(count: int, seed: int = 0) -> list[str]:
        examples = training_set(settings(heads, images=count, split={"seed": seed}))
        return [examples.name(index) for index in range(len(examples))]

    assert chosen(3) == chosen(9)[:3]
    assert len(set(chosen(9))) == 9
    assert chosen(3) != chosen(3, seed=1)


def test_the_summary_is_json_and_names_what_was_used(heads):
    summary = json.loads(json.dumps(validation_summary(heads)))
    assert summary["part"] == "validation"
    assert len(summary["subjects"]) == 1
    assert summary["examples"] == 3
    assert summary["files"] == [str(heads)]


def validation_summary(path) -> dict:
    source = {"kind": "images", "path": str(path)}
    return validation_set(settings(path, sources=[source], split={"validation": 0.25})).summary()


# Sizes


def test_images_are_cut_or_padded_around_their_centre(heads):
    example = training_set(settings(heads, source={"crop": (64, 32)}, simulation={"coils": 1, "snr": None}))[0]
    image = example.reference.abs() * example.scale
    expected = crop_or_pad(1000 * phantom((SIZE, SIZE)), (64, 32))
    assert image.shape == (64, 32)
    torch.testing.assert_close(image, expected, atol=1.01, rtol=0)
    assert torch.equal(crop_or_pad(crop_or_pad(torch.ones(5, 4), (8, 7)), (5, 4)), torch.ones(5, 4))


def test_the_shape_of_an_example_is_known_before_it_is_made(heads):
    augmentation = {"sizes": [(32, 32), (40, 48)], "shift": True, "flip": True}
    examples = training_set(settings(heads, augmentation=augmentation, simulation={"coils": (2, 3)}))
    shapes = [examples.shape(index) for index in range(12)]
    assert shapes == [tuple(examples[index].kspace.shape) for index in range(12)]
    assert len(set(shapes)) > 1
    assert set(shapes) <= {(coils, *size) for coils in (2, 3) for size in ((32, 32), (40, 48))}


def test_calibration_lines_of_unlike_number_are_surrounded_by_zeros(heads):
    examples = training_set(settings(heads, masks={"acceleration": (2, 4), "lines": (13, 4)}))
    batch = collate([examples[index] for index in range(12)])
    most = batch.calibration.shape[-2]
    for index in range(12):
        single = examples[index].calibration
        start = most // 2 - single.shape[-2] // 2
        assert torch.equal(batch.calibration[index, :, start : start + single.shape[-2]], single)
        assert float(batch.calibration[index].norm()) == pytest.approx(float(single.norm()), rel=1e-6)


def test_unlike_examples_are_no_batch(heads, volume):
    images = training_set(settings(heads))[0]
    with pytest.raises(InputError, match="4×48×40, 4×48×48"):
        collate([images, training_set(raw_settings(volume[0]))[0]])
    magnitude = training_set(settings(heads, reference="rss"))[0]
    with pytest.raises(InputError, match="reference and others have not"):
        collate([images, magnitude])


def test_a_batch_moves_whole(heads):
    batch = collate([training_set(settings(heads))[0]])
    moved = batch.to("meta")
    assert {value.device.type for value in vars(moved).values() if isinstance(value, torch.Tensor)} == {"meta"}
    assert moved.names == batch.names
    assert len(batch) == 1


def test_data_sets_travel_to_fresh_processes(heads, volume):
    for examples in (training_set(settings(heads)), training_set(raw_settings(volume[0]))):
        assert len(ForkingPickler.dumps(examples)) < 100_000


# Augmentation and simulation


def test_images_are_turned_and_change_contrast_but_stay_images():
    head = phantom((64, 64))
    turned = augment_image(head, Augmentation(rotation=180), RandomStreams(0, "training"))
    assert (turned - head).norm() > 0.1 * head.norm()
    assert float(turned.sum()) == pytest.approx(float(head.sum()), rel=0.02)
    complex_head = head * torch.polar(torch.ones(64, 64), torch.linspace(0, 3, 64))
    both = augment_image(complex_head, Augmentation(rotation=180), RandomStreams(0, "training"))
    assert float((both.abs() - turned).norm() / turned.norm()) < 0.05
    larger = augment_image(complex_head, Augmentation(zoom=(1.5, 1.5)), RandomStreams(0, "training"))
    assert larger.shape == (96, 96)
    assert float((larger.abs() > 0.1).float().mean()) == pytest.approx(float((head > 0.1).float().mean()), rel=0.03)
    bright = augment_image(complex_head, Augmentation(contrast=0.5), RandomStreams(1, "training"))
    assert float(bright.abs().max()) == pytest.approx(float(head.max()), rel=1e-5)
    inside = head > 0.05
    torch.testing.assert_close(bright[inside].angle(), complex_head[inside].angle(), atol=1e-4, rtol=0)
    powers = bright.abs()[inside & (head < 0.9)].log() / head[inside & (head < 0.9)].log()
    assert float(powers.std()) < 1e-3
    assert 0.5 <= float(powers.mean()) <= 2
    assert abs(float(powers.mean()) - 1) > 0.01


def test_shading_is_a_positive_field_of_the_strength_that_was_asked_for():
    even = torch.polar(torch.ones(60, 48), torch.full((60, 48), 0.4))
    deviations = []
    for seed in range(20):
        shaded = augment_image(even, Augmentation(shading=0.8), RandomStreams(seed, "training"))
        torch.testing.assert_close(shaded.angle(), even.angle(), atol=1e-5, rtol=0)
        logarithm = shaded.abs().log()
        neighbours = (logarithm[1:] - logarithm[:-1]).square().mean().sqrt()
        assert float(neighbours) < 0.4 * float(logarithm.std())
        deviations.append(float(logarithm.std()))
    assert max(deviations) <= 0.8 + 1e-4
    assert min(deviations) < 0.3 < max(deviations)
    again = augment_image(even, Augmentation(shading=0.8), RandomStreams(19, "training"))
    assert torch.equal(again, shaded)


def test_tissues_differ_in_phase_and_keep_their_brightness():
    image = phantom((96, 80))
    strengths, steps_at_edges, steps_inside = [], [], []
    for seed in range(12):
        streams = RandomStreams(seed, "training")
        plain = simulate_acquisition(image, 1, Simulation(snr=None, phase=0.0), streams).image
        result = simulate_acquisition(image, 1, Simulation(snr=None, phase=0.0, tissue_phase=0.8), streams).image
        torch.testing.assert_close(result.abs(), plain.abs())
        phase = tissue_phase(image, 0.8, np.random.default_rng(seed))
        strengths.append(float(phase[in_object(image)].std()))
        step = (phase[1:] - phase[:-1]).abs()
        steps_at_edges.append(float(step[(image[1:] - image[:-1]).abs() > 0.3].mean()))
        steps_inside.append(float(step[(image[1:] == image[:-1]) & in_object(image[1:])].mean()))
    assert 0 < min(strengths) < 0.3 < max(strengths) < 1.2
    assert sum(steps_at_edges) > 1.5 * sum(steps_inside), "the phase jumps where the brightness does"


@pytest.mark.parametrize("phase", [None, 0.4])
def test_a_coarser_image_is_the_centre_of_its_kspace(phase):
    """With as many pixels as that, at the same brightness; its k-space is full to the edge."""
    image = phantom((60, 48))
    if phase is not None:
        image = torch.polar(image, torch.full_like(image, phase))
    coarse = augment_image(image, Augmentation(resolution=(0.5, 0.5)), RandomStreams(0, "training"))
    assert coarse.shape == (30, 24)
    assert coarse.is_complex() == image.is_complex()
    assert float((coarse.mean() - image.mean()).abs()) < 1e-5
    # But for the outermost sample of an even size, which has no partner that would keep a real image real.
    result, expected = (crop_centre(fft(each.to(torch.complex64)), (29, 23)) for each in (coarse, image))
    torch.testing.assert_close(math.sqrt(4) * result, expected, atol=1e-3, rtol=1e-3)
    sizes = {
        augment_image(image, Augmentation(resolution=(0.4, 1.0)), RandomStreams(seed, "training")).shape
        for seed in range(20)
    }
    assert len(sizes) > 5
    assert all(24 <= ny <= 60 and 19 <= nx <= 48 for ny, nx in sizes)


def test_flips_mirror_raw_data_and_what_belongs_to_it(volume):
    path, scan = volume
    plain = root_sum_of_squares(ifft(scan.kspace[0]))
    examples = training_set(raw_settings(path, reference="rss", augmentation={"flip": True}))
    chosen = set()
    for epoch in range(12):
        examples.set_epoch(epoch)
        image = examples[0].reference * examples[0].scale
        variants = {axes: plain.flip(axes) for axes in ((), (0,), (1,), (0, 1))}
        closest = min(variants, key=lambda axes: float((image - variants[axes]).norm()))
        torch.testing.assert_close(image, variants[closest], rtol=1e-3, atol=1e-3)
        chosen.add(closest)
    assert len(chosen) > 2


def test_random_coil_maps_are_those_of_loops_and_never_the_same(monkeypatch):
    maps = random_maps((60, 45), 6, np.random.default_rng(0))
    torch.testing.assert_close(root_sum_of_squares(maps), torch.ones(60, 45))
    monkeypatch.setattr(random_coils, "_POINTS", 240)
    random_coils._coarse.cache_clear()
    fine = random_maps((60, 45), 6, np.random.default_rng(0))
    random_coils._coarse.cache_clear()
    assert float((maps - fine).abs().max()) < 0.02
    other = random_maps((60, 45), 6, np.random.default_rng(1))
    assert float((other.abs() - fine.abs()).abs().max()) > 0.1
    assert torch.equal(random_maps((8, 8), 1, np.random.default_rng(0)), torch.ones(1, 8, 8) + 0j)


# What the page says


def test_the_settings_on_the_page_are_settings():
    page = (Path(__file__).parents[2] / "docs" / "training-data.md").read_text()
    (listing,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    result = DataSettings(**yaml.safe_load(listing)["data"])
    assert result.masks.options(1) == {"centre": 0.04}
    assert [source.kind for source in result.sources] == ["images", "raw"]


# What is refused


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"masks": {"lines": 4}}, r"4 calibration lines and ESPIRiT needs 6"),
        ({"masks": {"acceleration": 20, "lines": 8}}, r"allows 2 of 48 lines but the centre alone takes 8"),
        ({"masks": {"kind": "randm"}}, r"no sampling 'randm'.*Did you mean 'random'"),
        ({"masks": {"acceleration": (2, 4), "centre": (0.1, 0.1, 0.1)}}, r"2 accelerations and 3 values of centre"),
        ({"masks": None}, r"fully sampled without masks"),
        ({"maps": "none"}, r"needs coil maps"),
        ({"source": {"crop": (64, 64), "pad": False}}, r"images of 48×48, smaller than the crop of 64×64"),
        ({"images": 13}, r"13 images are to be used for training but there are 12"),
        ({"validation_images": 0}, r"'validation_images' of the data is 0; input should be greater than 0"),
        ({"sourcess": []}, r"no setting 'sourcess'"),
        ({"source": {"subject": "("}}, r"'\(', is not a regular expression"),
        ({"source": {"subject": "z"}}, r"does not match 'subject0:0'"),
        ({"sources": [], "training": []}, r"Neither 'sources' nor|Neither 'sources' and"),
        ({"simulation": {"snr": -1}}, r"'simulation\.snr.*greater than 0"),
    ],
)
def test_settings_that_do_not_suit_are_refused_in_one_sentence(heads, changes, sentence):
    masks = {"lines": 8, "acceleration": 3}
    with pytest.raises(InputError, match=sentence) as raised:
        training_set(settings(heads, **({"maps": "espirit", "masks": masks} | changes)))
    assert "\n" not in str(raised.value)


def test_raw_data_that_does_not_suit_is_refused(tmp_path, volume):
    path, scan = volume
    save_scan(undersample(scan, "random", 2, lines=8), tmp_path / "part.npz")
    with pytest.raises(InputError, match=r"'part.npz:0' is undersampled already \(2.00×\)"):
        training_set(raw_settings(tmp_path / "part.npz"))[0]
    with pytest.raises(InputError, match=r"images of 48×40, smaller than the crop of 64×64"):
        training_set(raw_settings(path, source={"crop": (64, 64)}))
    with pytest.raises(InputError, match=r"is undersampled along kx"):
        training_set(raw_settings(tmp_path / "part.npz", source={"crop": (32, 32)}, masks=None))[0]
    with pytest.raises(InputError, match=r"has 4 coils and cannot be compressed to 8"):
        training_set(raw_settings(path, source={"coils": 8}))
    with pytest.raises(InputError, match=r"true coil maps of raw data"):
        raw_settings(path, maps="true")
    with pytest.raises(InputError, match=r"leave out rotation, zoom, resolution, contrast and shading"):
        raw_settings(path, augmentation={"rotation": 3})
    with pytest.raises(InputError, match=r"leave out rotation"):
        raw_settings(path, augmentation={"shading": 0.5})
    with pytest.raises(InputError, match=r"another contrast or resolution"):
        raw_settings(path, augmentation={"resolution": (0.5, 0.9)})
    with pytest.raises(InputError, match=r"stays as acquired"):
        raw_settings(path, masks=None, augmentation={"flip": True})


def test_a_complaint_about_one_scan_names_it(tmp_path):
    save_scan(undersample(simulate(phantom((SIZE, SIZE)), coils=2), "regular", 2, lines=0), tmp_path / "few.npz")
    with pytest.raises(InputError, match=r"'few.npz': The scan has \d fully sampled calibration lines"):
        training_set(raw_settings(tmp_path / "few.npz", masks=None))[0]


def test_an_undersampled_file_is_refused_where_masks_are_drawn(tmp_path):
    save_scan(undersample(simulate(phantom((SIZE, SIZE)), coils=2), "random", 2, lines=8), tmp_path / "part.npz")
    examples = training_set(raw_settings(tmp_path / "part.npz", maps="none", reference="rss"))
    with pytest.raises(InputError, match=r"^'part.npz' is undersampled already[^\n]*$"):
        examples[0]


def test_an_empty_part_and_an_index_beyond_are_refused(heads):
    with pytest.raises(InputError, match="no data for test"):
        for_test(settings(heads))
    with pytest.raises(IndexError):
        training_set(settings(heads))[12]


def test_too_few_subjects_for_the_parts_are_refused(heads):
    source = {"kind": "images", "path": str(heads), "subject": "subject"}
    with pytest.raises(InputError, match=r"1 subject\(s\), too few"):
        training_set(settings(heads, sources=[source], split={"validation": 0.1}))
    with pytest.raises(InputError, match=r"names the subject 'subject9' for validation.*Did you mean 'subject"):
        training_set(settings(heads, sources=[source | {"subject": None}], split={"validation": ["subject9"]}))


def test_dark_crops_are_refused(tmp_path):
    image = torch.zeros(SIZE, SIZE)
    image[:4] = 1
    np.save(tmp_path / "edge.npy", image.numpy())
    with pytest.raises(InputError, match=r"'edge.npy:0' is zero where it is cropped"):
        training_set(settings(tmp_path / "edge.npy", source={"crop": (24, 24)}))[0]


def test_scans_are_valid_and_finite(heads):
    example = training_set(settings(heads))[0]
    Scan(example.kspace[None], Sampling(example.mask[None]))
    assert math.isfinite(example.scale)
