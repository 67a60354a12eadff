"""Methods and networks whose images a study scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fourfold.methods.method import Method
from fourfold.training.settings import TrainingSettings

__all__ = ["Contender", "Failure", "TrainingRun", "label"]


@dataclass(frozen=True)
class TrainingRun:
    """A trained network of a study.

    Attributes
    ----------
    name
        Name of its folder; no two runs share one.
    label
        Name in running text.
    test_on
        Names of the test sets.
    columns
        Its columns of ``scores.csv``.
    settings
        Settings of the training; None for existing weights.
    start
        The run whose weights the training starts from.
    given_weights
        Name or folder of weights that were trained elsewhere.
    """

    name: str
    label: str = field(compare=False)
    test_on: tuple[str, ...] = field(compare=False)
    columns: Mapping[str, Any] = field(compare=False)
    settings: TrainingSettings | None = field(default=None, compare=False)
    start: TrainingRun | None = field(default=None, compare=False)
    given_weights: str | None = field(default=None, compare=False)


Contender: TypeAlias = Method | TrainingRun
"""A method or a network whose images are scored."""


@dataclass(frozen=True)
class Failure:
    """A method that failed on an image because the data does not suit it."""

    method: Method
    test_set: str
    image: str
    sentence: str


def label(contender: Contender) -> str:
    """Return the name of a network or method in running text."""
    return contender.label if isinstance(contender, TrainingRun) else contender.title
