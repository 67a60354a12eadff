"""The result of a study: scores of methods on many scans, and where their images lie."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor

from fourfold.files.documents import plain
from fourfold.methods.method import Method
from fourfold.metrics import Protocol
from fourfold.scan import Reconstruction, Scan
from fourfold.studies.ensemble import EnsembleScores
from fourfold.studies.finished import Finished, Piece
from fourfold.studies.reference import Reference, reference_image

__all__ = ["Case", "Kind", "Result", "Spread", "Study"]

Kind: TypeAlias = Literal["image", "estimate", "gain", "best member", "mean member"]
"""The method's image; the one before measured samples were put back; what that brought; the best single member by
the score itself; the mean of the members' scores."""


@dataclass(frozen=True)
class Case:
    """One fully sampled frame of the user's data.

    Attributes
    ----------
    dataset
        Name of the data set that it belongs to.
    name
        File and frame.
    load
        Reads the scan, which has one frame.
    """

    dataset: str
    name: str
    load: Callable[[], Scan]

    @property
    def label(self) -> str:
        """Data set, file and frame."""
        return f"{self.dataset}: {self.name}"


@dataclass(frozen=True)
class Result:
    """One method on one case.

    Attributes
    ----------
    case, method
        What was reconstructed, and by which method with which settings.
    scores
        Of the image, by the protocol's name.
    estimate_scores
        Of the image before the measured samples were put back; empty where the method does no such thing.
    ensemble
        Scores of the members and their averages, or None.
    seconds
        How long it took.
    piece
        Where the reconstruction is kept.
    """

    case: Case
    method: Method
    scores: Mapping[str, float]
    estimate_scores: Mapping[str, float]
    ensemble: EnsembleScores | None
    seconds: float
    piece: Piece

    def value(self, protocol: Protocol, kind: Kind = "image") -> float:
        """Return a score, NaN where there is none."""
        name = protocol.name
        image, estimate = self.scores.get(name, math.nan), self.estimate_scores.get(name, math.nan)
        if kind == "image":
            return image
        if kind == "estimate":
            return estimate
        if kind == "gain":
            return image - estimate
        if self.ensemble is None or name not in self.ensemble.single:
            return math.nan
        single = self.ensemble.single[name]
        return single[self.ensemble.best(protocol)] if kind == "best member" else statistics.mean(single)


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (NaN for a single value) and number of values."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of those values that are numbers."""
        known = [value for value in values if not math.isnan(value)]
        mean = statistics.fmean(known) if known else math.nan
        deviation = statistics.stdev(known) if len(known) > 1 and all(map(math.isfinite, known)) else math.nan
        return cls(mean, deviation, len(known))


@dataclass(frozen=True, eq=False)
class Study:
    """Methods on many scans.

    Attributes
    ----------
    cases, methods
        What was studied, in the order of the tables.
    protocols
        The protocols of the scores, in the order of the columns; some may not suit every case.
    results
        One for each case and method, but for the `failures`.
    failures
        (case's label, method's name, sentence) where the data does not suit a method.
    omitted
        (case's label, sentence) where a protocol does not suit the case.
    sampling
        Summary of each case's sampling, by its label.
    reference
        How the references are made.
    simulated
        Whether any k-space was computed from an image.
    finished
        Where the reconstructions lie.
    """

    cases: tuple[Case, ...]
    methods: tuple[Method, ...]
    protocols: tuple[Protocol, ...]
    results: tuple[Result, ...]
    failures: tuple[tuple[str, str, str], ...]
    omitted: tuple[tuple[str, str], ...]
    sampling: Mapping[str, Mapping[str, Any]]
    reference: Reference
    simulated: bool
    finished: Finished

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return tuple(dict.fromkeys(case.dataset for case in self.cases))

    def of(self, method: str, dataset: str | None = None) -> list[Result]:
        """Return the results of the method of that name, of one data set or all."""
        return [
            result for result in self.results if result.method.name == method and dataset in (None, result.case.dataset)
        ]

    def spread(self, method: str, protocol: Protocol, kind: Kind = "image", dataset: str | None = None) -> Spread:
        """Return mean and standard deviation of a score over the cases."""
        return Spread.of(result.value(protocol, kind) for result in self.of(method, dataset))

    def averages(self, method: str, protocol: Protocol) -> EnsembleScores | None:
        """Return the mean over the cases of each of the scores of a method's members, or None without members."""
        name = protocol.name
        found = [one.ensemble for one in self.of(method) if one.ensemble is not None and name in one.scores]
        if not found:
            return None
        averaged, single = (
            tuple(statistics.fmean(values) for values in zip(*scores, strict=True))
            for scores in ([each.averaged[name] for each in found], [each.single[name] for each in found])
        )
        return EnsembleScores({name: averaged}, {name: single})

    def example(self, method: str, dataset: str | None = None) -> Case | None:
        """Return the case with the median PSNR of a method, the lower one of two, or None without any."""
        by_score = sorted(self.of(method, dataset), key=lambda result: result.scores["psnr"])
        return by_score[(len(by_score) - 1) // 2].case if by_score else None

    def image(self, case: Case, method: str) -> Reconstruction | None:
        """Return the reconstruction of a case, or None where the method refused it."""
        found = [result for result in self.of(method) if result.case is case]
        return self.finished.reconstruction(found[0].piece) if found else None

    def reference_image(self, case: Case) -> Tensor:
        """Return the reference of a case, float32 (frame, y, x)."""
        return reference_image(case.load(), self.reference)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for every image that was scored, as CSV takes it."""
        return [row for result in self.results for row in _rows(result, self.protocols)]

    def to_json(self) -> dict[str, Any]:
        """Return all but the pixels as JSON types: settings, means, every score, refusals."""
        kinds: tuple[Kind, ...] = ("image", "estimate", "gain", "best member", "mean member")
        groups = (None, *self.datasets) if len(self.datasets) > 1 else (None,)
        summary = [
            {
                "data_set": dataset or "all",
                "method": method.name,
                "kind": kind,
                **{
                    each.name: dataclasses.asdict(self.spread(method.name, each, kind, dataset))
                    for each in self.protocols
                },
            }
            for dataset in groups
            for method in self.methods
            for kind in kinds
            if any(self.spread(method.name, each, kind, dataset).count for each in self.protocols)
        ]
        result: dict[str, Any] = plain(
            {
                "reference": self.reference,
                "protocols": {protocol.name: protocol.statement for protocol in self.protocols},
                "settings": {method.name: method.model_dump(mode="json") for method in self.methods},
                "summary": summary,
                "results": [
                    {
                        "data_set": each.case.dataset,
                        "scan": each.case.name,
                        "method": each.method.name,
                        "scores": each.scores,
                        "scores_without_data_consistency": each.estimate_scores,
                        "ensemble": None if each.ensemble is None else dataclasses.asdict(each.ensemble),
                        "seconds": each.seconds,
                        "sampling": self.sampling[each.case.label],
                        "file": each.piece.file_name,
                    }
                    for each in self.results
                ],
                "failures": [dict(zip(("scan", "method", "reason"), each, strict=True)) for each in self.failures],
                "not_scored": [dict(zip(("scan", "reason"), each, strict=True)) for each in self.omitted],
            }
        )
        return result


def _rows(result: Result, protocols: Sequence[Protocol]) -> list[dict[str, Any]]:
    """Return the rows of one result: image, image before data consistency, averages of k members, single members."""
    head = {"data_set": result.case.dataset, "scan": result.case.name, "method": result.method.name}
    names = [protocol.name for protocol in protocols]

    def row(image: str, scores: Mapping[str, float]) -> dict[str, Any]:
        return {**head, "image": image, **{name: scores.get(name, math.nan) for name in names}}

    rows = [{**row("image", result.scores), "seconds": result.seconds}]
    if result.estimate_scores:
        rows.append(row("without data consistency", result.estimate_scores))
    if result.ensemble is not None:
        for words, scores in (("mean of first", result.ensemble.averaged), ("member", result.ensemble.single)):
            count = len(next(iter(scores.values()), ()))
            rows += [
                row(f"{words} {place + 1}", {name: values[place] for name, values in scores.items()})
                for place in range(count)
            ]
    return rows
