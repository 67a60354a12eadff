"""What the settings of studies of trained networks have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field, PositiveInt, ValidationError

from fourfold.errors import InputError, explain_settings, nearest
from fourfold.methods.method import Method
from fourfold.methods.registry import find_method
from fourfold.training.base import MetricNames, Settings

__all__ = ["Methods", "Named", "StudySettings", "refuse_placed", "refuse_unknown"]

Named = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
"""A name that folders can have: letters, digits and hyphens."""


def _methods(value: Any) -> Any:
    """Return methods for their names, or mappings of ``kind`` and a method's own settings."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return tuple(each if isinstance(each, Method) else _method(each) for each in value)


def _method(value: Any) -> Method:
    settings = {"kind": value} if isinstance(value, str) else dict(value)
    return find_method(str(settings.pop("kind", None)))(**settings)


Methods = Annotated[tuple[Method, ...], BeforeValidator(_methods)]
"""Methods with their settings; in a file by name, or as ``kind`` and settings."""


class StudySettings(Settings):
    """Base of the settings of a study; a subclass says which."""

    study: ClassVar[str]
    """What it is called."""

    name: str = Field(default="study", pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name with which those of the study's weights begin."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Settings of a training without sources: network, losses, stages, and in `data` masks and simulation."""
    test_images: PositiveInt | None = None
    """At most so many images for test, of each domain."""
    methods: Methods = Field(default=("zero-filled", "tv", "wavelet"), validate_default=True)
    """Methods to compare with, by name or as ``kind`` and settings."""
    metrics: MetricNames = ("fastmri-ssim", "psnr")
    """Scores."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "study", self.study, type(self).model_fields)) from None

    @property
    def device(self) -> str:
        """Where images are tested: as trained."""
        wanted = self.training.get("device", "auto")
        return "cuda" if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()) else "cpu"


def refuse_unknown(names: Iterable[str], domains: Collection[str]) -> None:
    """Raise InputError where a domain is named that is not described."""
    for name in names:
        if name not in domains:
            known = ", ".join(domains)
            raise InputError(f"The domain '{name}' is not described; there are {known}.{nearest(name, domains)}")


def refuse_placed(data: Any) -> None:
    """Raise InputError where the data of a training that domains share names what each of them has for itself."""
    placed = {"sources", "split", "training", "validation", "test", "images", "test_images"} & set(data or ())
    if placed:
        raise InputError(
            f"The training's data has '{min(placed)}', which each domain has for itself; name sources and splits "
            "below 'domains'."
        )
