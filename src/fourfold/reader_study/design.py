"""Who sees what in which order: cases, repeats and images are drawn for each reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fourfold.errors import InputError
from fourfold.reader_study.settings import ReaderStudySettings

__all__ = ["Presentation", "presentations", "sample_cases"]

_EARLY = 3
"""Cases of the first third may be repeated, in the second half, so that the repeat is not recognised."""


@dataclass(frozen=True)
class Presentation:
    """A case as one reader sees it once."""

    case: int
    repeated: bool
    """Whether the reader has seen it before."""
    images: tuple[int, ...]
    """Numbers of the methods, in the order in which the images are shown."""


def sample_cases(count: int, settings: ReaderStudySettings) -> list[int]:
    """Return which of so many cases are in the study, drawn by its seed; all where there are no more."""
    drawn = np.random.default_rng(settings.seed).permutation(count)[: settings.cases]
    return sorted(drawn.tolist())


def presentations(
    reader: int, cases: int, methods: int, settings: ReaderStudySettings, rng: np.random.Generator
) -> list[Presentation]:
    """Return what a reader sees, in order.

    Parameters
    ----------
    reader
        Number of the reader, from 0.
    cases, methods
        Number of cases in the study and of images of each.
    settings
        Of the study.
    rng
        Draws the orders.

    Raises
    ------
    InputError
        Where a reader is to rate more cases than there are.
    """
    order = rng.permutation(_cases_of(reader, cases, settings))
    count = round(settings.repeats * len(order))
    early = max(1, len(order) // _EARLY)
    again = rng.permutation(order[:early])[: min(count, early)]
    half = (len(order) + 1) // 2
    later = [(case, False) for case in order[half:]] + [(case, True) for case in again]
    shown = [(case, False) for case in order[:half]] + [later[place] for place in rng.permutation(len(later))]
    return [Presentation(int(case), repeated, tuple(rng.permutation(methods).tolist())) for case, repeated in shown]


def _cases_of(reader: int, cases: int, settings: ReaderStudySettings) -> Sequence[int]:
    """Return the cases of a reader: the anchors, and the next ones of the others in turn."""
    if settings.cases_per_reader is None:
        return range(cases)
    if settings.cases_per_reader > cases:
        raise InputError(
            f"A reader is to rate {settings.cases_per_reader} cases, and there are {cases}; lower 'cases_per_reader'."
        )
    others = cases - settings.anchors
    own = settings.cases_per_reader - settings.anchors
    turn = [settings.anchors + (reader * own + place) % others for place in range(own)]
    return [*range(settings.anchors), *turn]
