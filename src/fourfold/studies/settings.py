"""Settings that studies share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Any, Self

import torch
from pydantic import BeforeValidator, Field, PositiveInt, ValidationError, model_validator

from fourfold.errors import InputError, explain_settings, nearest
from fourfold.methods.method import Method
from fourfold.methods.registry import find_method
from fourfold.studies.image_groups import ImageGroupSettings
from fourfold.training.base import MetricNames, Settings

__all__ = ["FileSettings", "GroupStudySettings", "Methods", "Named", "StudySettings", "refuse_placed", "refuse_unknown"]

Named = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
"""A name that folders can have: letters, digits and hyphens."""


def _methods(value: Any) -> Any:
    """Return methods for their names, or mappings of ``kind`` and settings of the method."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return tuple(each if isinstance(each, Method) else _method(each) for each in value)


def _method(value: Any) -> Method:
    settings = {"kind": value} if isinstance(value, str) else dict(value)
    return find_method(str(settings.pop("kind", None)))(**settings)


Methods = Annotated[tuple[Method, ...], BeforeValidator(_methods)]
"""Methods with their settings; in a file by name, or as ``kind`` and settings."""


class FileSettings(Settings):
    """Base of the settings of a study; the module of the subclass has the study's name."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            study = type(self).__module__.rpartition(".")[2]
            raise InputError(explain_settings(error, "study", study, type(self).model_fields)) from None


class StudySettings(FileSettings):
    """Base of the settings of a study that trains networks."""

    name: str = Field(default="study", pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name with which those of the study's weights begin."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Settings of a training without sources: network, losses, stages, and in `data` masks and simulation."""
    test_images: PositiveInt | None = None
    """Largest number of test images of each group."""
    methods: Methods = Field(default=("zero-filled", "tv", "wavelet"), validate_default=True)
    """Methods to compare with, by name or as ``kind`` and settings."""
    metrics: MetricNames = ("fastmri-ssim", "psnr")
    """Scores."""

    @property
    def device(self) -> str:
        """Where images are tested: as trained."""
        wanted = self.training.get("device", "auto")
        return "cuda" if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()) else "cpu"


class GroupStudySettings(StudySettings):
    """Base of the settings of a study with several image groups."""

    image_groups: dict[Named, ImageGroupSettings] = Field(min_length=1)
    """Image groups by name."""
    train_on: tuple[str, ...] = ()
    """Image groups that networks are trained on, each on one."""
    test_on: tuple[str, ...] = Field(min_length=1)
    """Image groups that networks are tested on."""

    @model_validator(mode="after")
    def _known_groups(self) -> Self:
        refuse_unknown((*self.train_on, *self.test_on), self.image_groups)
        refuse_placed(self.training.get("data"))
        return self


def refuse_unknown(names: Iterable[str], groups: Collection[str]) -> None:
    """Raise InputError for the name of an image group that is not described."""
    for name in names:
        if name not in groups:
            known = ", ".join(groups)
            raise InputError(f"The image group '{name}' is not described; there are {known}.{nearest(name, groups)}")


def refuse_placed(data: Any) -> None:
    """Raise InputError where the shared data settings contain what each image group has for itself."""
    placed = {"sources", "split", "training", "validation", "test", "images", "test_images"} & set(data or ())
    if placed:
        raise InputError(
            f"The training's data has '{min(placed)}', which each image group has for itself; name sources and splits "
            "below 'image_groups'."
        )
