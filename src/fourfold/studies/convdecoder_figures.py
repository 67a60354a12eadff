"""Figures 2 to 5 of Darestani & Heckel (2021, ISMRM 29) for the data of a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fourfold.metrics import Metric, find_metric
from fourfold.scan import Reconstruction
from fourfold.studies.page_parts import Figure, MissingFigure, SideBySide
from fourfold.studies.scan_set import CaseIndex, Kind, ensemble_of
from fourfold.studies.scores import format_number

if TYPE_CHECKING:
    from fourfold.studies.convdecoder import ConvDecoderStudy

__all__ = ["convdecoder_figures"]

_EXAMPLE = "Image, magnified detail and error of the scan with the median PSNR."


def convdecoder_figures(study: ConvDecoderStudy) -> Iterator[Figure]:
    """Yield Figures 2 to 5 of the paper for this data."""
    case_index = study.example()
    if case_index is None:
        yield MissingFigure("2", f"There are no figures: no scan suits '{study.subject}', which they are about.")
        return
    families = {method.name: method.family for method in study.methods}
    compared_methods = [name for name, family in families.items() if family != "untrained"]
    untrained = [name for name, family in families.items() if family == "untrained"]
    title = next(method.title for method in study.methods if method.name == study.subject)
    caption = f"{title} beside methods that are not untrained networks."
    yield _side_by_side(study, case_index, [*compared_methods, study.subject], "2", caption)
    yield _side_by_side(study, case_index, untrained, "3", "The untrained networks.")
    yield from _ensemble_figures(study, case_index)
    yield from _shift_figures(study, [name for name in compared_methods if families[name] == "trained"], title)


def _figure(
    study: ConvDecoderStudy,
    name: str,
    caption: str,
    case_index: CaseIndex,
    images: Sequence[tuple[str, Reconstruction, float]],
    below: Sequence[Sequence[str]],
    scores: str,
) -> SideBySide:
    case = study.test_sets[case_index[0]].cases[case_index[1]]
    return SideBySide(
        name,
        f"{caption} {_EXAMPLE} {scores}",
        images,
        find_metric("psnr"),
        study.test_sets[case_index[0]][case_index[1]].reference,
        study.design.reference,
        [[metric.title for metric in study.metrics], *below],
        (scores, f"Shown: {case.label}."),
    )


def _side_by_side(
    study: ConvDecoderStudy,
    case_index: CaseIndex,
    names: Sequence[str],
    number: str,
    caption: str,
    dataset: str | None = None,
) -> SideBySide:
    """Return the images of several methods on one case, with their mean scores over all cases or a data set's."""
    shown = [
        (method, evaluations[case_index])
        for method in study.methods
        if method.name in names and case_index in (evaluations := study.evaluations(method.name))
    ]
    shown.sort(key=lambda pair: names.index(pair[0].name))
    count = study.count if dataset is None else len(study.test_sets[dataset])
    return _figure(
        study,
        number,
        caption,
        case_index,
        [
            (method.title, study.results.image(method, *case_index), evaluation["image"]["psnr"])
            for method, evaluation in shown
        ],
        [[_with_and_without(study, method.name, metric, dataset) for metric in study.metrics] for method, _ in shown],
        f"Scores: mean ± standard deviation over {count} scan{'s' if count > 1 else ''}; in brackets without data "
        "consistency.",
    )


def _with_and_without(study: ConvDecoderStudy, method: str, metric: Metric, dataset: str | None) -> str:
    spec = f".{metric.decimals}f"
    score = study.spread(method, metric, dataset=dataset).text(spec)
    without = study.spread(method, metric, "before_data_consistency", dataset)
    return f"{score} ({format_number(without.mean, spec)})" if without.count else score


def _ensemble_figures(study: ConvDecoderStudy, case_index: CaseIndex) -> Iterator[Figure]:
    """Yield the mean of the members beside the best of them, and PSNR against their number."""
    method, psnr = next(each for each in study.methods if each.name == study.subject), find_metric("psnr")
    evaluation = study.evaluations(study.subject)[case_index]
    reconstruction, ensemble = study.results.image(method, *case_index), ensemble_of(evaluation)
    if reconstruction.members is None or ensemble is None:
        yield MissingFigure("4", "Figure 4 compares an ensemble with its members, and there is a single member.")
        return
    count, best = len(reconstruction.members), ensemble.best(psnr)
    single = dataclasses.replace(
        reconstruction, image=reconstruction.members[best], members=None, std=None, before_data_consistency=None
    )
    kinds: tuple[Kind, ...] = ("best member", "image")
    yield _figure(
        study,
        "4a",
        "The mean of the members beside the best of them.",
        case_index,
        [
            (f"Best of {count} members", single, ensemble.single[psnr.name][best]),
            (f"Mean of {count} members", reconstruction, evaluation["image"][psnr.name]),
        ],
        [
            [study.spread(study.subject, each, kind).text(f".{each.decimals}f") for each in study.metrics]
            for kind in kinds
        ],
        "Scores: mean ± standard deviation over all scans; the best member is chosen by each score.",
    )
    chart = study.member_chart(method, psnr)
    assert chart is not None
    caption = "PSNR against the number of averaged members, mean over all scans."
    yield dataclasses.replace(chart, name="4b", caption=caption)


def _shift_figures(study: ConvDecoderStudy, trained: Sequence[str], title: str) -> Iterator[Figure]:
    """Yield trained networks on each data set beside ConvDecoder."""
    shift = "Figure 5, the shift from one anatomy to another,"
    if not trained:
        caption = f"{shift} is about trained networks, and there are none yet; untrained ones see no data but the scan."
        yield MissingFigure("5", caption)
    elif len(study.datasets) == 1:
        yield MissingFigure("5", f"{shift} needs a second data set: name one.")
    else:
        for letter, dataset in zip("abcdefghijklmnopqrstuvwxyz", study.datasets, strict=False):
            case_index = study.example(dataset)
            if case_index is not None:
                caption = f"Trained networks and {title} on the data set {dataset}."
                yield _side_by_side(study, case_index, [*trained, study.subject], f"5{letter}", caption, dataset)
