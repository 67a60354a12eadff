"""The analysis of a reader study: simulated readers, agreement, what is averaged."""

import csv
import json
import math

import numpy as np
import pytest
from scipy.stats import rankdata

from fourfold.errors import InputError
from fourfold.reader_study.analysis import analyse_criterion, mean_ratings
from fourfold.reader_study.ratings import Comment, Rating, Ratings
from fourfold.reader_study.settings import Criterion
from fourfold.report.reader_study import write_reader_study
from fourfold.statistics.rank_tests import friedman, nemenyi

RANK = Criterion(name="Overall quality")
SCORE = Criterion(name="Artefacts", kind="score", scale=("none", "some", "many", "very many"), higher_is_better=False)
METHODS = ("a", "b", "c", "d", "e")


def simulated(quality, rng, readers=2, cases=25, repeats=0, criterion=RANK):
    """Return ratings of readers who rank images by their quality plus noise of standard deviation 1 of their own."""
    own = rng.normal(size=(readers, cases, len(quality))) + np.asarray(quality)
    again = rng.normal(size=(readers, repeats, len(quality))) + np.asarray(quality)
    found = []
    for repeated, values in ((False, own), (True, again)):
        ranks = rankdata(-values, axis=-1).astype(int) if values.size else values
        found += [
            Rating(f"reader {reader}", f"case {case}", f"subject {case}", repeated, criterion.name, method, int(rank))
            for reader, by_case in enumerate(ranks)
            for case, by_method in enumerate(by_case)
            for method, rank in zip(METHODS, by_method, strict=False)
        ]
    return Ratings((criterion,), tuple(found), (), {f"reader {reader}": (cases, cases) for reader in range(readers)})


def test_no_preference_is_found_where_there_is_none():
    """In 500 studies of 25 cases × 5 images, 5 % ± 2 % find a difference at 0.05."""
    rng = np.random.default_rng(1)
    overall, pairs = 0, 0
    for _ in range(500):
        ranks = mean_ratings(list(simulated([0] * 5, rng, readers=1).ratings), RANK).ranks
        overall += friedman(ranks).p < 0.05
        pairs += (nemenyi(ranks) < 0.05).any()
    assert 0.03 <= overall / 500 <= 0.07
    assert pairs / 500 <= 0.07


def test_a_known_preference_is_found():
    """One method is better by 1.5 standard deviations of a reader's noise: found against all others in 95 % or more."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(60):
        ranks = mean_ratings(list(simulated([1.5, 0, 0, 0, 0], rng).ratings), RANK).ranks
        found += friedman(ranks).p < 0.05 and (nemenyi(ranks)[0, 1:] < 0.05).all()
    assert found >= 57
    result = analyse_criterion(simulated([1.5, 0, 0, 0, 0], rng), RANK)
    assert {("a", other) for other in METHODS[1:]} == set(result.analysis.significant_pairs)
    assert result.analysis.mean_ranks["a"] < 2
    assert result.histograms["a"][0] > result.histograms["b"][0]
    assert sum(map(sum, result.histograms.values())) == 2 * 25 * 5


def test_readers_and_cases_of_a_subject_are_averaged_first():
    """Copies of a reader and of a subject's cases add no units, and so no significance."""
    one = simulated([0.5, 0, 0, 0, 0], np.random.default_rng(3), readers=1)
    readers = [Rating(f"copy {n}", *list(each.__dict__.values())[1:]) for each in one.ratings for n in range(4)]
    cases = [
        Rating(each.reader, f"{each.case}.{n}", *list(each.__dict__.values())[2:])
        for each in one.ratings
        for n in range(4)
    ]
    expected = mean_ratings(list(one.ratings), RANK)
    for copies in (readers, cases):
        found = mean_ratings(copies, RANK)
        assert found.values.tolist() == expected.values.tolist()
        assert len(found.subjects) == 25
    assert mean_ratings(cases, RANK).images == 100


def test_the_direction_is_that_of_the_criterion():
    ratings = simulated([2, 0, 0, 0, 0], np.random.default_rng(0))
    assert min(analyse_criterion(ratings, RANK).analysis.mean_ranks.items(), key=lambda item: item[1])[0] == "a"
    better = Criterion(name=RANK.name, kind="score", scale=("1", "2", "3", "4", "5"))
    assert max(analyse_criterion(ratings, better).analysis.mean_ranks.items(), key=lambda item: item[1])[0] == "a"


def test_agreement_of_readers_and_within_a_reader():
    clear, unclear = (
        simulated(np.array([4, 3, 2, 1, 0]) * scale, np.random.default_rng(1), 3, 20, 6) for scale in (9, 0)
    )
    found = analyse_criterion(clear, RANK)
    assert found.agreement.images == 100
    assert len(found.agreement.kappa) == 3
    assert min(found.agreement.kappa.values()) == found.agreement.kendalls_w == 1
    assert found.agreement.intraclass.agreement == 1
    assert {reader: each.images for reader, each in found.self_agreement.items()} == {
        f"reader {reader}": 30 for reader in range(3)
    }
    assert all(each.kappa == each.same == 1 for each in found.self_agreement.values())
    found = analyse_criterion(unclear, RANK)
    assert max(map(abs, found.agreement.kappa.values())) < 0.3
    # Of three readers who rank at random, Kendall's W is 1/3 in the mean.
    assert found.agreement.kendalls_w == pytest.approx(1 / 3, abs=0.1)
    assert all(each.kappa < 0.6 for each in found.self_agreement.values())


def test_one_reader_has_no_agreement_with_others():
    found = analyse_criterion(simulated([1, 0, 0], np.random.default_rng(0), readers=1), RANK)
    assert found.agreement is None
    assert found.self_agreement == {}


def test_readers_of_different_cases_are_compared_on_those_that_they_share():
    ratings = simulated([1, 0, 0], np.random.default_rng(0), readers=2, cases=10)
    kept = [
        each
        for each in ratings.ratings
        if each.case in ("case 0", "case 1") or (each.reader == "reader 0") == (int(each.case[5:]) < 6)
    ]
    found = analyse_criterion(Ratings((RANK,), tuple(kept), (), ratings.finished), RANK)
    assert found.agreement.images == 2 * 3
    assert len(found.analysis.table.subjects) == 10


def test_nothing_can_be_analysed_without_a_finished_case():
    with pytest.raises(InputError, match="No reader finished a case"):
        analyse_criterion(Ratings((RANK,), (), (), {"reader 0": (0, 5)}), RANK)


def test_the_results_are_a_page_with_charts_and_tables(tmp_path):
    ratings = simulated([1.5, 0, 0, 0, 0], np.random.default_rng(2), readers=2, repeats=5)
    comments = (Comment("reader 0", "case 3", "<b>blurred</b>", ("b", "a", "c", "d", "e")),)
    page = write_reader_study(
        Ratings(ratings.criteria, ratings.ratings, comments, ratings.finished, "Heads", "0" * 64), tmp_path
    )
    html = page.path.read_text()
    assert "&lt;b&gt;blurred" in html
    assert "A b, B a, C c" in html
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "ratings-1.png", "statistics-1-pairs.png", "statistics-1-ranks.png"
    }  # fmt: skip
    with (tmp_path / "ratings.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * (25 + 5) * 5
    (result,) = json.loads((tmp_path / "results.json").read_text())["criteria"]
    assert result["statistics"]["friedman"]["p"] < 0.05
    assert math.isfinite(result["agreement"]["kappa"][0]["kappa"])
    assert page.agreement[0].rows[0][0] == "reader 0 and reader 1"
