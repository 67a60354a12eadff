"""Statistics of a comparison: agreement with established implementations on random and on published data."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from fourfold.errors import InputError
from fourfold.statistics.agreement import intraclass_correlation, kappa
from fourfold.statistics.analysis import Choices, analyse
from fourfold.statistics.normality import normality
from fourfold.statistics.paired import compare_pairs, holm, rank_biserial, standardised_difference
from fourfold.statistics.rank_tests import (
    conover,
    critical_difference,
    friedman,
    kendalls_w,
    nemenyi,
    nemenyi_quantile,
)
from fourfold.statistics.score_table import ScoredImage, ScoreTable
from fourfold.statistics.summaries import bootstrap_interval, summarise

# Demšar 2006, Table 6: areas under the ROC curve of four classifiers on 14 data sets. In the last row but one the paper
# prints 0.975 twice and ranks the first of the two higher.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
# Shrout & Fleiss 1979, Table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def table(values: np.ndarray, **options) -> ScoreTable:
    subjects, methods = values.shape
    names = tuple(f"method {index}" for index in range(methods))
    return ScoreTable("score", names, tuple(f"subject {index}" for index in range(subjects)), values, **options)


def random_values(seed: int, ties: bool) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(25, 5)) + np.linspace(0, 0.8, 5)
    return values.round(0) if ties else values


@pytest.fixture(params=["published", "random", "random with ties"])
def values(request):
    return DEMSAR if request.param == "published" else random_values(3, request.param.endswith("ties"))


def test_published_ranks_and_critical_difference():
    shown = table(DEMSAR)
    assert shown.ranks.mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert critical_difference(4, 14, 0.05) == pytest.approx(1.25, abs=5e-3)
    analysis = analyse(shown)
    # The paper's conclusion: C4.5+m and C4.5+m+cf against C4.5 fall just short of it at 0.05.
    assert analysis.significant_pairs == []
    assert analyse(shown, Choices(level=0.1)).significant_pairs == [
        ("method 0", "method 1"),
        ("method 0", "method 3"),
    ]


def test_friedman_is_scipys(values):
    found, expected = friedman(table(values).ranks), stats.friedmanchisquare(*values.T)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-6)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.kendalls_w == pytest.approx(expected.statistic / (len(values) * (values.shape[1] - 1)), rel=1e-6)


def test_tests_after_friedman_are_scikit_posthocs(values):
    peer = pytest.importorskip("scikit_posthocs", reason="needs scikit-posthocs to agree with")
    ranks = table(values).ranks
    assert nemenyi(ranks) == pytest.approx(peer.posthoc_nemenyi_friedman(values).to_numpy(), abs=1e-6)
    expected = peer.posthoc_conover_friedman(values, p_adjust="holm").to_numpy()
    assert conover(ranks) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("methods", "quantile"), [(3, 2.344), (5, 2.728)])
def test_nemenyis_critical_values(methods, quantile):
    assert nemenyi_quantile(methods) == pytest.approx(quantile, abs=5e-4)


def test_holm_is_statsmodels(values):
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="needs statsmodels to agree with")
    p_values = [float(stats.ttest_rel(one, other).pvalue) for one, other in combinations(values.T, 2)]
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1], abs=1e-12)


@pytest.mark.parametrize(
    ("test", "peer"), [("wilcoxon", lambda a, b: stats.wilcoxon(a - b)), ("t", lambda a, b: stats.ttest_rel(a, b))]
)
def test_paired_tests_are_scipys(values, test, peer):
    pairs = compare_pairs(table(values), test)
    for pair, (one, other) in zip(pairs, combinations(values.T, 2), strict=True):
        assert pair.p == pytest.approx(peer(one, other).pvalue, abs=1e-6)
        assert pair.difference == pytest.approx((one - other).mean(), abs=1e-12)
    assert [pair.corrected_p for pair in pairs] == pytest.approx(holm([pair.p for pair in pairs]))


def test_effect_sizes():
    assert rank_biserial(np.array([1.0, 2.0, 3.0, 4.0])) == 1
    # Ranks 1 to 4: above zero 1 + 3 + 4, below 2; a difference of zero counts for nothing.
    assert rank_biserial(np.array([0.0, 1.0, -2.0, 3.0, 4.0])) == pytest.approx((8 - 2) / 10)
    differences = np.random.default_rng(0).normal(0.3, 1, 30)
    statistic = stats.ttest_1samp(differences, 0).statistic
    assert standardised_difference(differences) == pytest.approx(statistic / math.sqrt(30), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_normality_is_scipys_and_statsmodels(seed):
    diagnostic = pytest.importorskip("statsmodels.stats.diagnostic", reason="needs statsmodels to agree with")
    rng = np.random.default_rng(seed)
    sample = [rng.normal(5, 2, 40), rng.exponential(size=25), rng.uniform(size=60)][seed]
    found = normality(sample)
    expected = stats.shapiro(sample)
    assert (found.shapiro, found.shapiro_p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-6)
    statistic, p_value = diagnostic.lilliefors(sample, pvalmethod="table")
    assert found.lilliefors == pytest.approx(statistic, abs=1e-6)
    # The peer interpolates a table that ends at 0.001 and 0.2; the value here is simulated.
    assert min(max(found.lilliefors_p, 0.001), 0.2) == pytest.approx(min(p_value, 0.2), abs=0.012)


def test_nothing_can_be_said_of_few_or_equal_values():
    assert normality(np.array([1.0, 2.0])) is None
    assert normality(np.ones(9)) is None
    assert friedman(np.ones((1, 4))) is None
    assert friedman(np.full((9, 4), 2.5)) is None
    assert math.isnan(bootstrap_interval(np.array([1.0, 2.0]))[0])
    assert bootstrap_interval(np.ones(5)) == (1, 1)
    # Friedman's test of two methods is the sign test; the paired test decides.
    two = analyse(table(np.random.default_rng(0).normal([0, 3], size=(9, 2))))
    assert two.friedman is None
    assert two.significant_pairs == [("method 0", "method 1")]


def test_the_interval_is_scipys_and_covers_the_mean():
    sample = np.random.default_rng(1).exponential(size=30)
    expected = stats.bootstrap((sample,), np.mean, n_resamples=4999, rng=np.random.default_rng(7), method="BCa")
    assert bootstrap_interval(sample, seed=7) == pytest.approx(tuple(expected.confidence_interval), abs=1e-6)
    rng = np.random.default_rng(0)
    covered = [low <= 0 <= high for low, high in (bootstrap_interval(rng.normal(size=30)) for _ in range(200))]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_a_summary_is_numpys():
    found = summarise(DEMSAR[:, 0])
    assert (found.mean, found.deviation) == pytest.approx((DEMSAR[:, 0].mean(), DEMSAR[:, 0].std(ddof=1)))
    assert found.quartiles == pytest.approx(np.percentile(DEMSAR[:, 0], (25, 50, 75)))


def test_kendalls_w_of_known_agreement():
    assert kendalls_w(np.tile([1.0, 2.0, 3.0], (4, 1))) == 1
    assert kendalls_w(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])) == 0


@pytest.mark.parametrize("weights", ["quadratic", "none"])
def test_kappa_is_statsmodels(weights):
    peer = pytest.importorskip("statsmodels.stats.inter_rater", reason="needs statsmodels to agree with")
    rng = np.random.default_rng(2)
    one = rng.integers(1, 6, 50)
    other = np.clip(one + rng.integers(-1, 2, 50), 1, 5)
    counts = np.zeros((5, 5))
    np.add.at(counts, (one - 1, other - 1), 1)
    expected = peer.cohens_kappa(counts, wt=None if weights == "none" else "quadratic", return_results=False)
    assert kappa(one, other, 5, weights) == pytest.approx(float(expected), abs=1e-6)
    assert kappa(one, one, 5, weights) == 1
    with pytest.raises(InputError, match="outside 1 to 4"):
        kappa(one, other, 4, weights)


def test_intraclass_correlation_of_published_data():
    """The estimates of Shrout & Fleiss, and the intervals that the package pingouin gives for their data."""
    found = intraclass_correlation(SHROUT_FLEISS)
    assert (found.agreement, found.consistency) == pytest.approx((0.2898, 0.7148), abs=5e-5)
    assert found.agreement_interval == pytest.approx((0.018787, 0.761084), abs=1e-6)
    assert found.consistency_interval == pytest.approx((0.342465, 0.945858), abs=1e-6)


def test_intraclass_correlation_is_that_of_an_analysis_of_variance():
    anova = pytest.importorskip("statsmodels.stats.anova", reason="needs statsmodels to agree with")
    pandas = pytest.importorskip("pandas", reason="needs pandas for statsmodels")
    from statsmodels.formula.api import ols

    rng = np.random.default_rng(5)
    ratings = rng.normal(size=(12, 1)) + rng.normal(size=(1, 3)) + 0.5 * rng.normal(size=(12, 3))
    long = [(image, reader, ratings[image, reader]) for image in range(12) for reader in range(3)]
    fit = ols("value ~ C(image) + C(reader)", pandas.DataFrame(long, columns=["image", "reader", "value"])).fit()
    images, readers, residual = anova.anova_lm(fit).eval("sum_sq / df").to_numpy()
    found = intraclass_correlation(ratings)
    assert found.consistency == pytest.approx((images - residual) / (images + 2 * residual), abs=1e-6)
    below = images + 2 * residual + 3 * (readers - residual) / 12
    assert found.agreement == pytest.approx((images - residual) / below, abs=1e-6)


def test_the_unit_is_the_subject():
    images = [
        ScoredImage(method, subject, str(image), value)
        for method, shift in (("a", 0), ("b", 1))
        for subject, values in (("one", [1, 2, 3]), ("two", [10]))
        for image, value in enumerate(np.array(values, float) + shift)
    ]
    found = ScoreTable.of("score", images)
    assert found.values.tolist() == [[2, 3], [10, 11]]
    assert found.images == 4
    # Copies of a subject's images change nothing: no p-value falls by them.
    copies = [each._replace(image=f"{each.image} copy {number}") for each in images for number in range(5)]
    assert ScoreTable.of("score", copies).values.tolist() == found.values.tolist()


def test_images_without_a_score_of_every_method_are_left_out():
    images = [
        ScoredImage(method, f"s{subject}", "", math.inf if (method, subject) == ("a", 0) else float(subject))
        for method in ("a", "b")
        for subject in range(3)
        if (method, subject) != ("b", 1)
    ]
    found = ScoreTable.of("score", images)
    assert found.subjects == ("s2",)
    assert found.left_out == ("s0", "s1")


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([ScoredImage("a", "s", "1", 1.0)] * 2, "two scores 'score' for the method 'a'"),
        ([ScoredImage("a", "s", "1", 1.0)], "compare two or more"),
        ([ScoredImage("a", "s", "1", 1.0), ScoredImage("b", "s", "2", 1.0)], "No image has a finite score"),
    ],
)
def test_what_cannot_be_analysed_is_refused(images, sentence):
    with pytest.raises(InputError, match=sentence):
        analyse(ScoreTable.of("score", images))


def test_lower_scores_may_be_better():
    assert table(DEMSAR, higher_is_better=False).ranks == pytest.approx(5 - table(DEMSAR).ranks)
