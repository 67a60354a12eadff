"""Methods and networks whose images a study scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fourfold.methods.method import Method
from fourfold.training.settings import TrainingSettings

__all__ = ["Contender", "Failure", "TrainingRun", "distinct_names", "label"]


@dataclass(frozen=True)
class TrainingRun:
    """A trained network of a study."""

    name: str
    """Name of its folder; no two runs share one."""
    label: str = field(compare=False)
    """Name in running text."""
    test_on: tuple[str, ...] = field(compare=False)
    columns: Mapping[str, Any] = field(compare=False)
    """Its columns of ``scores.csv``."""
    settings: TrainingSettings | None = field(default=None, compare=False)
    """Settings of the training; None for existing weights."""
    start: TrainingRun | None = field(default=None, compare=False)
    """The run whose weights the training starts from."""
    given_weights: str | None = field(default=None, compare=False)
    """Name or folder of weights that were trained elsewhere."""


Contender: TypeAlias = Method | TrainingRun
"""A method or a network whose images are scored."""


@dataclass(frozen=True)
class Failure:
    """A method that failed on an image because the data does not suit it."""

    method: Method
    test_set: str
    image: str
    sentence: str


def distinct_names(contenders: Sequence[Contender], name: Callable[[Any], str]) -> dict[Contender, str]:
    """Return a name of each contender; where several share one, with the settings that are not the defaults."""
    names = [name(each) for each in contenders]
    found: dict[Contender, str] = {}
    for each, shared in zip(contenders, names, strict=True):
        given: dict[str, Any] = {}
        if isinstance(each, Method) and names.count(shared) > 1:
            given = each.model_dump(mode="json", exclude_defaults=True)
        settings = ", ".join(key if value is True else f"{key} {value}" for key, value in given.items())
        found[each] = f"{shared} ({settings})" if settings else shared
    return found


def label(contender: Contender) -> str:
    """Return the name of a network or method in running text."""
    return contender.label if isinstance(contender, TrainingRun) else contender.title
