"""The method that is chosen by held-back samples, and the ranking of methods without a reference."""

import pytest
import torch

import fourfold as ff
from fourfold.confidence import choose
from fourfold.confidence.check import check_method
from fourfold.confidence.choose import choose_method
from fourfold.errors import InputError
from fourfold.methods.method import Solution
from fourfold.sampling import make_sampling
from fourfold.simulation.sample import sample_image
from fourfold.simulation.simulate import simulate


@pytest.fixture(scope="module")
def few_lines():
    """Return 4 coils with 8 calibration lines of 96, at random 4×, and the magnitude image of the full data."""
    full = simulate(head_image(96), coils=4, snr=15.0)
    sampling = make_sampling("random", (96, 96), 4, centre=0.08, seed=0)
    return full.with_sampling(sampling), ff.ZeroFilled()(full).magnitude


def head_image(size: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(sample_image()[None, None], (size, size), mode="area")[0, 0]


def psnr(image, reference) -> float:
    error = (image - reference).square().mean()
    return float(10 * (reference.max().square() / error).log10())


def test_the_method_that_predicts_held_back_lines_best_is_chosen(few_lines, monkeypatch):
    scan, reference = few_lines
    names = ("zero-filled", "grappa", "tv")
    monkeypatch.setattr(choose, "CANDIDATES", names)
    choice = choose_method(scan)
    images = {name: ff.compare(scan, [name], trust=False).entries[0].reconstruction.magnitude for name in names}
    scores = {name: psnr(image, reference) for name, image in images.items()}
    assert scores[choice.method.name] > max(scores.values()) - 0.3
    assert "it predicts held-back lines best" in choice.reason
    assert all(f"{name} {value:.1f}" in choice.reason for name, value in choice.scores.items())
    assert choice.summary()["method"] == choice.method.name


def test_a_method_that_is_worse_than_zero_filling_is_not_chosen_and_says_so(few_lines, monkeypatch):
    scan, _ = few_lines

    def blank(_, scan, __):
        noise = torch.randn(scan.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
        return Solution(scan.kspace.abs().max() / 16 * noise)

    monkeypatch.setattr(ff.Grappa, "solve", blank)
    monkeypatch.setattr(choose, "CANDIDATES", ("zero-filled", "grappa"))
    choice = choose_method(scan)
    assert (choice.method.name, list(choice.scores)) == ("zero-filled", ["zero-filled", "grappa"])
    assert any("worse than 'zero-filled'" in sentence for sentence in check_method(ff.Grappa(), scan))
    entry = ff.compare(scan, ["grappa", "zero-filled"]).entries[0]
    assert "worse than 'zero-filled'" in entry.warnings[0]
    assert entry.warnings[0] in entry.reconstruction.record.notes


def test_the_rule_decides_where_it_is_asked_for_or_nothing_can_be_held_back(few_lines):
    scan, _ = few_lines
    assert choose_method(scan, quick=True).method.name == "wavelet"
    full = simulate(torch.ones(32, 32), coils=2)
    choice = choose_method(full)
    assert (choice.method.name, choice.scores) == ("zero-filled", {})
    assert "every sample was acquired" in choice.reason


def test_comparisons_without_a_reference_rank_the_methods(head):
    comparison = ff.compare(head.scan, ["zero-filled", ff.CgSense(weight=0.01), ff.TotalVariation(weight=0.003)])
    ranking = comparison.ranking
    assert ranking.methods == ("tv", "cg-sense", "zero-filled")
    assert sum(ranking.best.values()) == pytest.approx(1)
    assert ranking.best["tv"] > 0.9
    assert ranking.better_than_next["cg-sense"] > 0.9
    assert "'tv' is the best with a probability of" in ranking.sentence
    assert comparison.to_json()["ranking"]["methods"][0]["method"] == "tv"
    assert ff.compare(head.scan, ["zero-filled", "cg-sense"], trust=False).ranking is None


def test_one_method_with_two_settings_has_two_places(head):
    methods = [ff.CgSense(weight=0.01), ff.CgSense(weight=3.0)]
    assert ff.compare(head.scan, methods).ranking.methods == ("cg-sense weight 0.01", "cg-sense weight 3.0")


def test_a_regular_pattern_ranks_only():
    full = simulate(head_image(96), coils=4)
    scan = full.with_sampling(make_sampling("regular", (96, 96), 3, lines=20))
    comparison = ff.compare(scan, ["zero-filled", ff.CgSense(weight=0.01)])
    assert comparison.ranking.methods == ("cg-sense", "zero-filled")
    assert "do not tell the images' errors" in comparison.ranking.sentence


def test_a_scan_is_needed():
    with pytest.raises(InputError, match="The scan is None"):
        choose_method(None)
