"""Opens the data sets for training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence

from fourfold.datasets.dataset import Examples
from fourfold.datasets.settings import DataSettings, Part, Source
from fourfold.datasets.sources import open_source
from fourfold.datasets.subject_split import PARTS, refuse_overlap, split_subjects
from fourfold.datasets.volume import Volume

__all__ = ["every_set", "test_set", "training_set", "validation_set"]


def training_set(settings: DataSettings, seed: int = 0) -> Examples:
    """Return the training examples, which change from epoch to epoch (`Examples.set_epoch`).

    Raises
    ------
    InputError
        When data and settings are unsuitable.
    """
    return every_set(settings, seed, ("training",))["training"]


def validation_set(settings: DataSettings, seed: int = 0) -> Examples:
    """Return the validation examples, the same in every epoch; raises as `training_set`."""
    return every_set(settings, seed, ("validation",))["validation"]


def test_set(settings: DataSettings, seed: int = 0) -> Examples:  # noqa: PT028  # no test of ours
    """Return the test examples, the same in every epoch; raises as `training_set`."""
    return every_set(settings, seed, ("test",))["test"]


def every_set(settings: DataSettings, seed: int = 0, parts: Sequence[Part] = PARTS) -> dict[Part, Examples]:
    """Return the data sets of several parts, which share decoded images.

    Raises
    ------
    InputError
        As `training_set`, and when there is no data for one of the parts.
    """
    if settings.sources:
        volumes_of_all = _opened(settings.sources)
        subjects = split_subjects(_subjects(volumes_of_all), settings.split)
        return {part: Examples(volumes_of_all, subjects[part], settings, part, seed) for part in parts}
    volumes = {part: _opened(getattr(settings, part)) for part in PARTS}
    subjects = {part: _subjects(volumes[part]) for part in PARTS}
    refuse_overlap(subjects)
    return {part: Examples(volumes[part], subjects[part], settings, part, seed) for part in parts}


def _opened(sources: Sequence[Source]) -> list[Volume]:
    return [volume for source in sources for volume in open_source(source)]


def _subjects(volumes: Sequence[Volume]) -> frozenset[str]:
    return frozenset(volume.subject(index) for volume in volumes for index in range(len(volume)))
