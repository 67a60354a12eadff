"""Groups of images that networks are trained on and tested on; no subject is in both parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from pydantic import Field, PositiveInt

from fourfold.datasets import DataSettings, Examples, every_set
from fourfold.datasets.settings import Part, Source, Split
from fourfold.errors import InputError
from fourfold.training.base import Settings

__all__ = ["ImageGroup", "ImageGroupSettings", "refuse_shared_subjects"]

_TEST_SHARE = 0.2


class ImageGroupSettings(Settings):
    """Settings of one group of images, such as T1-weighted ones."""

    sources: tuple[Source, ...] = Field(min_length=1)
    """Files, as for a training."""
    split: Split | None = None
    """Which subjects are for test and validation; unless given a fifth for test where the group is tested, and none
    for validation."""
    sizes: tuple[PositiveInt, ...] | None = None
    """Numbers of images that networks are trained on; unless given those of the study."""
    cohort: str = ""
    """Subjects of one name are one person within a cohort; unless given all groups are of one."""


@dataclass(frozen=True)
class ImageGroup:
    """A group of images with the data settings that it shares with the others."""

    name: str
    settings: ImageGroupSettings
    shared: Mapping[str, Any]
    """`DataSettings` but for sources and split: masks, simulation and so on."""
    tested: bool
    """Whether there are images for test."""
    seed: int
    """Seed of all random numbers."""
    test_images: int | None = None
    """Largest number of images for test."""

    @property
    def split(self) -> Split:
        """How subjects are split, complete."""
        return self.settings.split or Split(validation=(), test=_TEST_SHARE if self.tested else ())

    @cached_property
    def parts(self) -> dict[Part, Examples]:
        """All examples for training, and those for validation and test where there are any."""
        parts: dict[Part, bool] = {"training": True, "validation": bool(self.split.validation), "test": self.tested}
        content = {**self.shared, "sources": self.settings.sources, "split": self.split}
        settings = DataSettings(**content, test_images=self.test_images if self.tested else None)
        return every_set(settings, self.seed, [part for part, present in parts.items() if present])

    @property
    def test(self) -> Examples:
        """The examples for test."""
        return self.parts["test"]

    @cached_property
    def subjects(self) -> dict[Part, tuple[str, ...]]:
        """Names of the subjects of each part."""
        return {part: _subjects(examples) for part, examples in self.parts.items()}

    def data(self, images: int | None, validated: bool) -> DataSettings:
        """Return the data of a training on so many images, or all, with the names of all subjects.

        Parameters
        ----------
        images
            The first of them are those of a smaller number.
        validated
            Whether the best weights are chosen by the validation's subjects.
        """
        subjects = self.subjects
        count = len(self.parts["training"])
        if images is not None and images > count:
            raise InputError(
                f"The image group '{self.name}' has {count} images for training, fewer than {images}; ask for "
                "fewer, or give this group its own 'sizes'."
            )
        split = {
            "training": subjects["training"],
            "validation": subjects["validation"] if validated else (),
            "test": (),
            "seed": self.split.seed,
        }
        return DataSettings(**{**self.shared, "sources": self.settings.sources, "split": split, "images": images})


def _subjects(examples: Examples) -> tuple[str, ...]:
    return tuple(sorted({examples.subject(index) for index in range(len(examples))}))


def refuse_shared_subjects(trained: Iterable[ImageGroup], tested: Iterable[ImageGroup]) -> None:
    """Raise InputError where a subject of a test set is among those that any network is trained or validated on."""
    for one, other in product(tested, trained):
        if one.settings.cohort != other.settings.cohort:
            continue
        training_subjects = {*other.subjects["training"], *other.subjects.get("validation", ())}
        shared = sorted(training_subjects & set(one.subjects["test"]))
        if shared:
            raise InputError(
                f"The subject '{shared[0]}' is in the test set of '{one.name}' and in the training data of "
                f"'{other.name}'; name it for test in both splits, or give the groups different cohorts if these are "
                "two people."
            )
