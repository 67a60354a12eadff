"""The figures of a study: methods side by side on a typical scan, with their scores on all scans."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from fourfold.files.output import atomically
from fourfold.metrics import Metric, find_metric
from fourfold.report.charts import chart_png, score_chart
from fourfold.report.figures import figure
from fourfold.report.results import Results
from fourfold.report.wording import decimal
from fourfold.studies.study import Case, Kind, Spread, Study

__all__ = ["Drawn", "ensemble_chart", "spread_words", "study_figures"]

FEW_DATASETS = 2
"""A shift from one kind of data to another needs so many data sets."""

_AGAINST = "{subject} beside methods that are not untrained networks."
_NETWORKS = "The untrained networks."
_EXAMPLE = "Image, magnified detail and error of the scan with the median PSNR."


@dataclass(frozen=True)
class Drawn:
    """A figure in the folder of the study.

    Attributes
    ----------
    name
        As in the paper: "2", "3", "4a".
    caption
        What it shows.
    file
        The PNG, or None where it cannot be drawn, which the caption then explains.
    """

    name: str
    caption: str
    file: Path | None


def study_figures(study: Study, subject: str, folder: Path) -> list[Drawn]:
    """Draw Figures 2 to 5 of Darestani & Heckel (2021, ISMRM 29) for the data of a study.

    Parameters
    ----------
    study
        The results.
    subject
        Name of the method that the study is about.
    folder
        Where the PNGs go, as ``figure-2.png`` and so on.
    """
    case = study.example(subject)
    if case is None:
        return [Drawn("2", f"There are no figures: no scan suits '{subject}', which they are about.", None)]
    families = {method.name: method.family for method in study.methods}
    rivals = [name for name, family in families.items() if family != "untrained"]
    networks = [name for name, family in families.items() if family == "untrained"]
    trained = [name for name, family in families.items() if family == "trained"]
    drawn = [
        _side_by_side(study, case, [*rivals, subject], "2", _AGAINST, folder),
        _side_by_side(study, case, networks, "3", _NETWORKS, folder),
        *_ensemble(study, case, subject, folder),
    ]
    return drawn + _shift(study, subject, trained, folder)


def _side_by_side(
    study: Study, case: Case, names: Sequence[str], number: str, words: str, folder: Path, dataset: str | None = None
) -> Drawn:
    """Draw the images of several methods on one case, with their mean scores over all cases or those of a data set."""
    shown = [(name, made) for name in names if (made := study.image(case, name)) is not None]
    titles = {method.name: method.title for method in study.methods}
    labels = [titles[name] for name, _ in shown]
    psnr = find_metric("psnr")
    scores = [next(one.scores for one in study.of(name) if one.case is case) for name, _ in shown]
    reference = study.reference_image(case)
    results = Results(
        tuple(made for _, made in shown), tuple(labels), tuple(scores), (psnr,), reference, study.reference
    )
    below = [_titles(study)] + [
        [_with_and_without(study, name, metric, dataset) for metric in study.metrics] for name, _ in shown
    ]
    count = sum(dataset in (None, each.dataset) for each in study.cases)
    foot = (
        f"Scores: mean ± standard deviation over {count} scan{'s' if count > 1 else ''}; "
        "in brackets without data consistency.",
        f"Shown: {case.label}.",
    )
    file = figure(results, folder / f"figure-{number}.png", below=below, foot=foot)
    caption = words.format(subject=labels[-1])
    return Drawn(number, f"{caption} {_EXAMPLE} {foot[0]}", file)


def _titles(study: Study) -> list[str]:
    return [metric.title for metric in study.metrics]


def _with_and_without(study: Study, method: str, metric: Metric, dataset: str | None) -> str:
    words = spread_words(study.spread(method, metric, dataset=dataset), metric)
    without = study.spread(method, metric, "estimate", dataset)
    return f"{words} ({decimal(without.mean, metric.decimals)})" if without.count else words


def spread_words(spread: Spread, metric: Metric, signed: bool = False) -> str:
    """Return mean ± standard deviation with the metric's decimals; the mean alone of a single value."""
    mean = decimal(spread.mean, metric.decimals)
    if signed and spread.mean > 0:
        mean = f"+{mean}"
    if spread.count < 2:  # what a standard deviation needs
        return mean
    return f"{mean} ± {decimal(spread.deviation, metric.decimals)}"


def _ensemble(study: Study, case: Case, subject: str, folder: Path) -> list[Drawn]:
    """Draw the mean of the members beside the best of them, and PSNR against their number."""
    made, psnr = study.image(case, subject), find_metric("psnr")
    found = next(one for one in study.of(subject) if one.case is case)
    if made is None or made.members is None or found.ensemble is None:
        return [Drawn("4", "Figure 4 compares an ensemble with its members, and there is a single member.", None)]
    count, best = len(made.members), found.ensemble.best(psnr)
    single = dataclasses.replace(made, image=made.members[best], members=None, std=None, before_data_consistency=None)
    scores = {psnr.name: found.ensemble.single[psnr.name][best]}
    results = Results(
        (single, made),
        (f"Best of {count} members", f"Mean of {count} members"),
        (scores, found.scores),
        (psnr,),
        study.reference_image(case),
        study.reference,
    )
    kinds: tuple[Kind, ...] = ("best member", "image")
    below = [_titles(study)] + [
        [spread_words(study.spread(subject, metric, kind), metric) for metric in study.metrics] for kind in kinds
    ]
    foot = (
        "Scores: mean ± standard deviation over all scans; the best member is chosen by each score.",
        f"Shown: {case.label}.",
    )
    images = figure(results, folder / "figure-4a.png", below=below, foot=foot)
    chart = folder / "figure-4b.png"
    drawn = ensemble_chart(study, subject, psnr)
    assert drawn is not None
    with atomically(chart, ".png") as file:
        file.write_bytes(chart_png(drawn))
    return [
        Drawn("4a", f"The mean of the members beside the best of them. {_EXAMPLE} {foot[0]}", images),
        Drawn("4b", "PSNR against the number of averaged members, mean over all scans.", chart),
    ]


def ensemble_chart(study: Study, method: str, metric: Metric) -> Figure | None:
    """Return the chart of a score against the number of averaged members, the mean over all cases."""
    scores = study.averages(method, metric)
    if scores is None:
        return None
    best = study.spread(method, metric, "best member").mean
    return score_chart(metric.title, scores.averaged[metric.name], scores.single[metric.name], best)


def _shift(study: Study, subject: str, trained: Sequence[str], folder: Path) -> list[Drawn]:
    """Draw trained networks on each data set beside the subject: how they bear data of another kind."""
    if not trained:
        words = (
            "Figure 5, the shift from one anatomy to another, is about trained networks, and there are none yet; "
            "untrained ones see no other data than the scan itself."
        )
        return [Drawn("5", words, None)]
    if len(study.datasets) < FEW_DATASETS:
        return [Drawn("5", "Figure 5, the shift from one anatomy to another, needs a second data set: name one.", None)]
    drawn = []
    for place, dataset in enumerate(study.datasets):
        case = study.example(subject, dataset)
        if case is not None:
            words = f"Trained networks and {{subject}} on the data set {dataset}."
            drawn.append(
                _side_by_side(study, case, [*trained, subject], f"5{chr(ord('a') + place)}", words, folder, dataset)
            )
    return drawn
