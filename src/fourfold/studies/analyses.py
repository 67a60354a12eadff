"""Statistics of a study's scores: an analysis for each test set and score, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fourfold.statistics.analysis import Analysis, analyse
from fourfold.statistics.score_table import ScoredImage, ScoreTable
from fourfold.studies.page_parts import Column, Table

if TYPE_CHECKING:
    from fourfold.metrics import Metric
    from fourfold.studies.study import Study

__all__ = ["NamedAnalysis", "analyses_json", "analysis_tables", "pair_rows", "study_analyses", "summary_rows"]

FEWEST_SUBJECTS = 3
"""Of fewer subjects nothing can be said."""

_TESTS = {"wilcoxon": "Wilcoxon's signed ranks", "t": "paired t-test"}
_EFFECTS = {"wilcoxon": "rank-biserial correlation", "t": "d_z"}
_POST_HOC = {"nemenyi": "Nemenyi", "conover": "Conover, Holm"}


@dataclass(frozen=True, eq=False)
class NamedAnalysis:
    """An analysis with what it is of."""

    name: str
    """Test set, or group of scores; empty where there is only one."""
    title: str
    """Of the score."""
    format: str
    """Of the score's numbers, such as ``.2f``."""
    analysis: Analysis

    @property
    def heading(self) -> str:
        """What it is of."""
        return f"{self.name}: {self.title}" if self.name else self.title

    @property
    def sentence(self) -> str:
        """Number of subjects, and the result of the tests, in words."""
        analysis, table = self.analysis, self.analysis.table
        subjects = (
            f"{len(table.subjects)} subjects ({table.images} images; a subject's score is the mean of its images)"
        )
        left_out = f" {len(table.left_out)} image(s) without a score of every method are left out."
        return f"{subjects}. {_friedman_words(analysis)} {_difference_words(analysis)}" + left_out * bool(
            table.left_out
        )


def _friedman_words(analysis: Analysis) -> str:
    test = analysis.friedman
    if test is None:
        return "Friedman's test needs three methods or more that do not tie everywhere."
    freedom = len(analysis.table.methods) - 1
    return (
        f"Friedman's test: χ² = {test.statistic:.2f} with {freedom} degrees of freedom, p = {test.p:.2g}; "
        f"Kendall's W = {test.kendalls_w:.2f}."
    )


def _difference_words(analysis: Analysis) -> str:
    level, pairs = analysis.choices.level, analysis.significant_pairs
    if not pairs:
        return f"No two methods differ significantly (p < {level:g})."
    different = "; ".join(f"{one} and {other}" for one, other in pairs)
    return f"Significantly different (p < {level:g}): {different}."


def study_analyses(study: Study) -> list[NamedAnalysis]:
    """Return the statistics of a finished study, for each test set with three subjects or more."""
    several = len(study.test_sets) > 1
    found = []
    for name in study.test_sets:
        for metric in study.analysed_metrics:
            table = _score_table(study, name, metric)
            if len(table.methods) > 1 and len(table.subjects) >= FEWEST_SUBJECTS:
                shown = analyse(table, study.statistics)
                found.append(NamedAnalysis(name if several else "", metric.title, f".{metric.decimals}f", shown))
    return found


def _score_table(study: Study, test_set: str, metric: Metric) -> ScoreTable:
    images, names = study.test_sets[test_set], study.contender_names()
    return ScoreTable.of(
        metric.name,
        (
            ScoredImage(names[contender], images.subject(index), images.image_name(index), value)
            for contender in dict.fromkeys(study.analysed_contenders(test_set))
            for (_, index), value in study.scores(contender, test_set).by_image(metric).items()
        ),
        higher_is_better=metric.higher_is_better,
    )


def analyses_json(shown: Iterable[NamedAnalysis]) -> list[dict[str, Any]]:
    """Return analyses as JSON types."""
    return [{"group": each.name, **each.analysis.to_json()} for each in shown]


def analysis_tables(shown: NamedAnalysis) -> tuple[Table, Table]:
    """Return the table of methods and that of pairs."""
    return _method_table(shown), _pair_table(shown)


def _method_table(shown: NamedAnalysis) -> Table:
    spec, analysis = shown.format, shown.analysis
    titles = ("mean", "std", "95 % CI", "25 %", "median", "75 %", "mean rank", "p (Shapiro-Wilk)", "p (Lilliefors)")
    formats = (spec, spec, "", spec, spec, spec, ".2f", ".2g", ".2g")
    rows = []
    for method, rank in analysis.mean_ranks.items():
        summary, normality = analysis.summaries[method], analysis.normality[method]
        p_values = (None, None) if normality is None else (normality.shapiro_p, normality.lilliefors_p)
        numbers = (summary.mean, summary.deviation, _interval(summary.interval, spec), *summary.quartiles, rank)
        rows.append((method, (*numbers, *p_values)))
    better = "higher" if analysis.table.higher_is_better else "lower"
    caption = (
        f"{shown.title} over subjects; {better} is better, and rank 1 is the best. CI: confidence interval of the "
        "mean, bootstrap over subjects. Small p: not normally distributed."
    )
    return Table(caption, "Method", list(map(Column, titles, formats)), rows)


def _pair_table(shown: NamedAnalysis) -> Table:
    spec, analysis = f"+{shown.format}", shown.analysis
    choices = analysis.choices
    columns = [
        Column("mean difference", spec),
        Column("95 % CI"),
        Column("p, corrected", ".2g"),
        Column("effect", "+.2f"),
    ]
    if analysis.post_hoc is not None:
        columns.append(Column(f"p ({_POST_HOC[choices.post_hoc]})", ".2g"))
    rows = [
        (
            f"{pair.one} − {pair.other}",
            (
                pair.difference,
                _interval(pair.interval, spec),
                pair.corrected_p,
                pair.effect,
                analysis.post_hoc_p(pair.one, pair.other),
            )[: len(columns)],
        )
        for pair in analysis.pairs
    ]
    caption = (
        f"Pairs, subject by subject. p, corrected: {_TESTS[choices.paired]} with Holm's correction. Effect: "
        f"{_EFFECTS[choices.paired]}. The last column, where there is one: test of pairs after Friedman's."
    )
    return Table(caption, "Pair", columns, rows)


def _interval(interval: tuple[float, float], spec: str) -> str | None:
    low, high = interval
    return None if np.isnan(low) else f"{low:{spec}} to {high:{spec}}"


def summary_rows(shown: NamedAnalysis) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each method, for a CSV file."""
    analysis = shown.analysis
    for method, rank in analysis.mean_ranks.items():
        summary, normality = analysis.summaries[method], analysis.normality[method]
        yield {
            "group": shown.name,
            "score": analysis.table.score,
            "method": method,
            "subjects": summary.count,
            "mean": summary.mean,
            "std": summary.deviation,
            "ci_low": summary.interval[0],
            "ci_high": summary.interval[1],
            **dict(zip(("quartile_1", "median", "quartile_3"), summary.quartiles, strict=True)),
            "mean_rank": rank,
            "shapiro_p": None if normality is None else normality.shapiro_p,
            "lilliefors_p": None if normality is None else normality.lilliefors_p,
        }


def pair_rows(shown: NamedAnalysis) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each pair of methods, for a CSV file."""
    analysis = shown.analysis
    significant = set(analysis.significant_pairs)
    for pair in analysis.pairs:
        yield {
            "group": shown.name,
            "score": analysis.table.score,
            "one": pair.one,
            "other": pair.other,
            "difference": pair.difference,
            "ci_low": pair.interval[0],
            "ci_high": pair.interval[1],
            "p": pair.p,
            "p_corrected": pair.corrected_p,
            "effect": pair.effect,
            "post_hoc_p": analysis.post_hoc_p(pair.one, pair.other),
            "significant": (pair.one, pair.other) in significant,
        }
