"""What is learned from synthetic exchangeable subjects, and how it does on others."""

import dataclasses
from statistics import fmean

import numpy as np
import pytest
import torch

from fourfold.errors import InputError
from fourfold.intervals.calibrate import Promise, split_names
from fourfold.intervals.evaluation import evaluate, evaluate_in_turn, missed_map
from fourfold.intervals.learn import by_subject, learn_bounds, learn_factor, needed_factors


def test_the_factor_undoes_a_standard_deviation_that_is_too_small(subjects):
    groups = by_subject(subjects(30))
    # Errors are normal with 1.5 std: 90 % lie within 1.645 · 1.5. Risk control asks for a little more of 30 subjects.
    factor = learn_factor(groups, 0.9, "risk-control", 0.9)
    assert factor == pytest.approx(1.645 * 1.5, rel=0.25)
    assert factor > learn_factor(groups, 0.8, "risk-control", 0.9)
    assert learn_factor(groups, 0.9, "rcps", 0.9) > factor


@pytest.mark.parametrize("procedure", ["subjects", "risk-control", "rcps"])
def test_subjects_left_out_are_covered_as_promised(subjects, procedure):
    observations = subjects(30, seed=1, size=24)
    promise = Promise(0.9, procedure, 0.8)
    found = evaluate_in_turn(by_subject(observations), promise.learn)
    assert 0.9 - 0.01 <= found.coverage <= 0.99
    assert min(found.by_width) > 0.85
    assert found.spearman > 0.2
    assert set(found.by_subject) == {each.subject for each in observations}
    if procedure == "subjects":
        assert fmean(each >= 0.9 for each in found.by_subject.values()) >= 0.8 - 0.1


def test_standard_deviations_in_wrong_places_keep_the_coverage_and_lose_what_they_tell(subjects):
    observations = subjects(25, seed=2)
    # Squares of 8×8 change places, so that the widths keep their distribution.
    generator = torch.Generator().manual_seed(0)
    shuffled = [dataclasses.replace(each, std=_shuffled(each.std, generator)) for each in observations]
    learn = Promise(0.9, "risk-control").learn
    right, wrong = (evaluate_in_turn(by_subject(each), learn) for each in (observations, shuffled))
    assert right.coverage == pytest.approx(wrong.coverage, abs=0.02)
    assert right.spearman > 0.2
    assert abs(wrong.spearman) < 0.05
    assert min(right.by_width) > right.coverage - 0.03
    assert min(wrong.by_width) < wrong.coverage - 0.07
    assert wrong.width > 1.1 * right.width


def _shuffled(std, generator):
    squares = std.view(4, 8, 4, 8).transpose(1, 2).reshape(16, 8, 8)[torch.randperm(16, generator=generator)]
    return squares.view(4, 4, 8, 8).transpose(1, 2).reshape(32, 32)


def test_a_subject_in_both_parts_is_refused():
    names = ["sub-01", "sub-02", "sub-03"]
    assert split_names(names, (), ("sub-02",)) == (["sub-01", "sub-03"], ["sub-02"])
    assert split_names(names, ("sub-01",), ("sub-02",)) == (["sub-01"], ["sub-02"])
    with pytest.raises(InputError, match="'sub-02' is both learned from and tested on"):
        split_names(names, ("sub-01", "sub-02"), ("sub-02",))
    with pytest.raises(InputError, match="no subject 'sub-2' among the scans"):
        split_names(names, (), ("sub-2",))
    with pytest.raises(InputError, match="none is left to learn from"):
        split_names(names, (), names)


def test_slices_of_one_subject_count_as_one(subjects):
    """Twenty slices of two subjects are no twenty subjects."""
    groups = by_subject(subjects(2, slices=10))
    with pytest.raises(InputError, match="at least 9 subjects and there are 2"):
        learn_factor(groups, 0.9, "risk-control", 0.9)


def test_pixels_in_air_are_not_counted(subjects):
    (one,) = subjects(1)
    wrong_in_air = one.image.clone()
    wrong_in_air[:8] = 0.09
    assert np.array_equal(needed_factors(one), needed_factors(dataclasses.replace(one, image=wrong_in_air)))


def test_a_standard_deviation_of_zero_where_the_image_is_wrong_is_refused(subjects):
    observations = [dataclasses.replace(each, std=torch.zeros_like(each.std)) for each in subjects(20)]
    with pytest.raises(InputError, match="no interval has this coverage"):
        learn_factor(by_subject(observations), 0.9, "risk-control", 0.9)


def test_bounds_of_quality_hold_as_often_as_promised_over_many_splits(subjects):
    rng = np.random.default_rng(0)
    groups = by_subject(subjects(80, seed=3, size=16))
    names, held = list(groups), []
    for _ in range(300):
        order = rng.permutation(len(names))
        known, others = order[:40], order[40:]
        shift = learn_bounds({names[number]: groups[names[number]] for number in known}, 0.95)["psnr"]
        tested = [each for number in others for each in groups[names[number]]]
        held.append(fmean(each.quality["psnr"] >= each.predicted["psnr"] - shift for each in tested))
    # ⌈41 · 0.95⌉ / 41 = 0.951; the splits share the subjects.
    assert 0.94 <= fmean(held) <= 0.98
    with pytest.raises(InputError, match="at least 19 subjects"):
        learn_bounds(dict(list(groups.items())[:18]), 0.95)


def test_all_slices_of_a_subject_count_for_its_bound(subjects):
    groups = by_subject(subjects(20, slices=3, seed=4, size=16))
    shift = learn_bounds(groups, 0.95)["psnr"]
    largest = [max(each.predicted["psnr"] - each.quality["psnr"] for each in group) for group in groups.values()]
    assert shift == sorted(largest)[19]  # ⌈21 · 0.95⌉ = 20th


def test_the_map_of_missed_pixels_shows_where_intervals_miss(subjects):
    observations = subjects(20, seed=5)
    wrong = [dataclasses.replace(each, image=each.image.clone()) for each in observations]
    for each in wrong:
        each.image[16:24, 8:16] += 5
    found = missed_map(wrong, 1.645 * 1.5)
    assert found.shape == (4, 4)
    assert found[2, 1] == 1
    assert found[2, 2] < 0.2
    assert np.isnan(found[0]).all()
    assert missed_map([*observations, *subjects(1, size=16)], 1.0) is None


def test_other_subjects_are_tested_with_what_was_learned(subjects):
    groups = by_subject(subjects(40, seed=6))
    known = dict(list(groups.items())[:30])
    others = dict(list(groups.items())[30:])
    learned = Promise(0.8, "risk-control", bound_confidence=0.9).learn(known)
    found = evaluate(others, dict.fromkeys(others, learned))
    assert found.coverage == pytest.approx(0.8, abs=0.07)
    assert set(found.bounds_held) == {"psnr"}
    assert found.margin["psnr"] > 0
