"""What must be known beside the numbers: the network, what it was trained on, how well it did, and a hash."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Domain", "Manifest", "TrainingData"]


class TrainingData(BaseModel):
    """One source of training data."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    """What it is called."""
    licence: str = Field(min_length=1)
    """Its licence, by SPDX name where there is one."""
    subjects: int | None = Field(default=None, ge=1)
    """How many subjects it holds; none where unknown."""
    images: int | None = Field(default=None, ge=1)
    """How many images were trained on; none where unknown."""


class Domain(BaseModel):
    """Which scans weights were trained for, told by numbers that every scan has; see `fourfold.weights.out_of_distribution`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    scans: int = Field(ge=1)
    """How many scans the range was taken from."""
    coils: tuple[int, int]
    """Fewest and most coils."""
    acceleration: tuple[float, float]
    """Smallest and largest acceleration."""
    patterns: tuple[str, ...]
    """Kinds of sampling patterns."""
    mean: tuple[float, ...]
    """Mean of the features."""
    whitening: tuple[tuple[float, ...], ...]
    """Matrix that makes deviations from the mean uncorrelated and of variance one."""
    limit: float = Field(gt=0)
    """Distance from the mean, in standard deviations, beyond which a scan is unlike the others."""


class Manifest(BaseModel):
    """Everything that is known of a set of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name to load them by: lower-case letters, digits and hyphens."""
    network: str = Field(min_length=1)
    """Which network they belong to, such as ``varnet``."""
    settings: dict[str, Any]
    """Settings that the network is built with."""
    training_data: tuple[TrainingData, ...] = Field(min_length=1)
    """All sources of training data."""
    training: dict[str, Any]
    """Settings of the training."""
    scores: dict[str, float]
    """Scores on unseen subjects, by the name of the protocol and what it was measured on."""
    licence: str = Field(min_length=1)
    """Licence of the weights themselves."""
    domain: Domain | None = None
    """Which scans they were trained for; none where nobody has said."""
    answer: tuple[float, ...] | None = None
    """What the network answers to a fixed question, see `fourfold.weights.reference_output`; none where nobody has asked."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file of weights."""

    def summary(self) -> dict[str, Any]:
        """Return what a record says of the weights, as JSON types."""
        data = [source.model_dump(mode="json", exclude_none=True) for source in self.training_data]
        return {"name": self.name, "sha256": self.sha256, "licence": self.licence, "training_data": data}
