"""The manifest of trained weights: network, training data, training settings, scores, licence and hash."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Manifest", "ScanStatistics", "TrainingData"]


class TrainingData(BaseModel):
    """One source of training data."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    """Name of the data set."""
    licence: str = Field(min_length=1)
    """Licence, as an SPDX identifier where there is one."""
    subjects: int | None = Field(default=None, ge=1)
    """Number of subjects; None where unknown."""
    images: int | None = Field(default=None, ge=1)
    """Number of images used for training; None where unknown."""


class ScanStatistics(BaseModel):
    """Statistics of the training scans; see `fourfold.weights.out_of_distribution`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    scans: int = Field(ge=1)
    """Number of scans that the statistics were computed from."""
    coils: tuple[int, int]
    """Fewest and most coils."""
    acceleration: tuple[float, float]
    """Smallest and largest acceleration."""
    patterns: tuple[str, ...]
    """Kinds of sampling patterns."""
    mean: tuple[float, ...]
    """Mean of the features."""
    whitening: tuple[tuple[float, ...], ...]
    """Whitening matrix of the features: deviations from the mean become uncorrelated, with variance one."""
    limit: float = Field(gt=0)
    """Distance from the mean, in standard deviations, beyond which a scan is out of distribution."""


class Manifest(BaseModel):
    """The description of a set of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name of the weights: lower-case letters, digits and hyphens."""
    network: str = Field(min_length=1)
    """Name of the network, such as ``varnet``."""
    settings: dict[str, Any]
    """Settings of the network."""
    training_data: tuple[TrainingData, ...] = Field(min_length=1)
    """All sources of training data."""
    training: dict[str, Any]
    """Settings of the training."""
    scores: dict[str, float]
    """Scores on subjects that were not trained on, by the name of the metric and the data."""
    measurements: dict[str, Any] = {}
    """What the objective of the training measured on the validation images: for denoising the mean squared error of
    each noise level."""
    licence: str = Field(min_length=1)
    """Licence of the weights."""
    scan_statistics: ScanStatistics | None = None
    """Statistics of the training scans; None where unknown."""
    reference_output: tuple[float, ...] | None = None
    """The network's output for a fixed input, see `fourfold.weights.reference_output`; None where unknown."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the safetensors file."""

    def summary(self) -> dict[str, Any]:
        """Return what a reconstruction's record holds of the weights, as JSON types."""
        data = [source.model_dump(mode="json", exclude_none=True) for source in self.training_data]
        return {"name": self.name, "sha256": self.sha256, "licence": self.licence, "training_data": data}
