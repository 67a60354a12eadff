"""What must be known beside the numbers: the network, what it was trained on, how well it did, and a hash."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Manifest", "TrainingData"]


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
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file of weights."""
