"""Learns a calibration from observations, and says how it does on subjects left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from fourfold.errors import InputError, nearest
from fourfold.intervals.calibration import Bound, Calibration, DataFile, Results, Scans
from fourfold.intervals.conformal import finite_sample_quantile, risk_for_rcps, risk_for_risk_control
from fourfold.intervals.evaluation import Learned, LeftOut, evaluate, evaluate_in_turn
from fourfold.intervals.identity import deciding_settings, weights_of
from fourfold.intervals.learn import BySubject, Procedure, by_subject, check_coverage, learn_bounds, learn_factor
from fourfold.intervals.observations import Observation
from fourfold.intervals.scans import REFERENCE, LearningScans

__all__ = ["Promise", "learn_calibration", "split_names"]


@dataclass(frozen=True)
class Promise:
    """What intervals and bounds are to state."""

    coverage: float = 0.9
    """Part of the object's pixels that intervals are to hold."""
    procedure: Procedure = "risk-control"
    """risk-control: the coverage of a further subject is this in the mean; from 9 subjects on for 0.9, and narrow from
    about 30. subjects: a further subject has this coverage with the confidence. rcps: as risk-control, with the
    confidence over the draw of the subjects; needs 22, better 60."""
    confidence: float = 0.9
    """Of the procedures 'subjects' and 'rcps'."""
    bound_confidence: float | None = None
    """Probability with which the lower bounds of PSNR and SSIM of a further subject hold; no bounds unless given. 0.95
    needs 19 subjects."""

    def check(self, subjects: int) -> None:
        """Raise InputError where so many subjects do not suffice, or the coverage is none."""
        check_coverage(self.coverage)
        missed = 1 - self.coverage
        if self.procedure == "risk-control":
            risk_for_risk_control(subjects, missed)
        elif self.procedure == "rcps":
            risk_for_rcps(subjects, missed, self.confidence)
        else:
            finite_sample_quantile([0.0] * subjects, self.confidence)
        if self.bound_confidence is not None:
            finite_sample_quantile([0.0] * subjects, self.bound_confidence)

    def learn(self, groups: BySubject) -> Learned:
        """Return what follows from some subjects."""
        factor = learn_factor(groups, self.coverage, self.procedure, self.confidence)
        return Learned(factor, {} if self.bound_confidence is None else learn_bounds(groups, self.bound_confidence))


def split_names(
    subjects: Collection[str], learn_on: Collection[str], test_on: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return the subjects to learn from and those to test on.

    Without `learn_on` the former are all that are not tested on. Without `test_on` there is none of the latter.

    Raises
    ------
    InputError
        For a subject in both, for an unknown one, and where none is left to learn from.
    """
    for name in (*learn_on, *test_on):
        if name not in subjects:
            raise InputError(
                f"There is no subject '{name}' among the scans; there are {', '.join(subjects)}."
                f"{nearest(name, subjects)}"
            )
    both = sorted(set(learn_on) & set(test_on))
    if both:
        raise InputError(
            f"The subject '{both[0]}' is both learned from and tested on, so that the test would tell nothing; keep "
            "each subject in one part."
        )
    learned = [name for name in subjects if (name in learn_on if learn_on else name not in test_on)]
    if not learned:
        raise InputError("All subjects are tested on and none is left to learn from; test on fewer.")
    return learned, [name for name in subjects if name in test_on]


def learn_calibration(
    name: str,
    observations: Sequence[Observation],
    scans: LearningScans,
    undersampling: Mapping[str, Any],
    promise: Promise = Promise(),  # frozen
    learn_on: Collection[str] = (),
    test_on: Collection[str] = (),
    description: str = "",
) -> Calibration:
    """Return what was learned from `observations` of some `scans`.

    Parameters
    ----------
    name
        Name of the calibration.
    observations
        As `fourfold.intervals.observations.observe_all` makes them, of one method.
    scans, undersampling
        What they were made from, and with which options.
    promise
        What intervals and bounds are to state.
    learn_on, test_on
        Names of the subjects to learn from and to test on, as in `split_names`. Without any to test on, each subject is
        tested with what is learned from all others.
    description
        What the data are, for the file.

    Raises
    ------
    InputError
        As `split_names` and `learn_factor`.
    """
    observed = by_subject(observations)
    groups, others = ({name: observed[name] for name in part} for part in split_names(observed, learn_on, test_on))
    learned = promise.learn(groups)
    records = [each.record for group in groups.values() for each in group]
    accelerations = [record["sampling"]["acceleration"] for record in records]
    coils = [each.coils for group in groups.values() for each in group]
    confidence, weights = promise.bound_confidence, weights_of(records[0]["details"])
    return Calibration(
        name=name,
        fourfold=version("fourfold"),
        method=records[0]["method"],
        settings=deciding_settings(records[0]["settings"], weights),
        weights=weights,
        procedure=promise.procedure,
        coverage=promise.coverage,
        confidence=None if promise.procedure == "risk-control" else promise.confidence,
        factor=learned.factor,
        bounds={}
        if confidence is None
        else {metric: Bound(shift=shift, confidence=confidence) for metric, shift in learned.shifts.items()},
        scans=Scans(
            subjects=tuple(groups),
            slices=len(records),
            files=tuple(DataFile(**asdict(file)) for file in scans.files),
            description=description,
            simulated=scans.simulated,
            reference=REFERENCE,
            patterns=scans.patterns,
            acceleration=(round(min(accelerations), 3), round(max(accelerations), 3)),
            coils=(min(coils), max(coils)),
            undersampling=dict(undersampling),
        ),
        results=_results(groups, others, promise, learned),
    )


def _results(groups: BySubject, others: BySubject, promise: Promise, learned: Learned) -> Results | None:
    """Return how it does on the `others`, or without any on each subject in turn; None where that is not possible."""
    if others:
        how = f"learned from {len(groups)} subjects, tested on {len(others)} others"
        return _rounded(how, evaluate(others, dict.fromkeys(others, learned)))
    try:
        tested = evaluate_in_turn(groups, promise.learn)
    except InputError:
        # One subject less may be too few for the promise.
        return None
    return _rounded(f"each of {len(groups)} subjects with what was learned from the others", tested)


def _rounded(how: str, found: LeftOut) -> Results:
    return Results(
        how=how,
        coverage=round(found.coverage, 4),
        by_subject={name: round(each, 4) for name, each in found.by_subject.items()},
        by_width=tuple(round(each, 4) for each in found.by_width),  # type: ignore[arg-type]
        width=round(found.width, 5),
        spearman=round(found.spearman, 4),
        bounds_held={name: round(each, 4) for name, each in found.bounds_held.items()},
        margin={name: round(each, 4) for name, each in found.margin.items()},
    )
