"""The settings of a training: network, data, losses, optimiser, stages and devices."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from fourfold.datasets import DataSettings
from fourfold.errors import InputError, explain_settings
from fourfold.losses.weighted_sum import AnyLoss
from fourfold.networks.build import complete_settings
from fourfold.networks.layers.precision import Precision
from fourfold.training.base import MetricNames, Settings, by_kind
from fourfold.training.optimisers import Adam, AnyOptimiser
from fourfold.training.schedules import AnySchedule, Constant
from fourfold.weights.manifest import TrainingData

__all__ = ["ReferenceSettings", "SelfSupervisedSettings", "StageSettings", "TrainingSettings"]

NamedLoss: TypeAlias = Annotated[AnyLoss, BeforeValidator(by_kind)]


class StageSettings(Settings):
    """One stage of a training."""

    train: Literal["all", "subnetworks", "denoiser"] = "all"
    """all: the whole network, end to end. subnetworks: the sub-networks of a cascade one after another, each on the
    output of those before it (Dar & Çukur 2017, Eqs. 9 and 10), with this number of epochs or steps each. denoiser: the
    denoiser of a VarNet of the denoising form alone, on references with added noise."""
    noise_std: tuple[PositiveFloat, PositiveFloat] | None = None
    """For `train: denoiser`: smallest and largest standard deviation of the added noise, relative to bright tissue;
    0.002 and 0.15 by default."""
    epochs: PositiveInt | None = None
    """Number of epochs; give either this or `steps`."""
    steps: PositiveInt | None = None
    """Number of steps, one batch each."""
    learning_rate: PositiveFloat | None = None
    """Learning rate; by default the optimiser's."""
    schedule: AnySchedule | None = None
    """Schedule; by default that of the training."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise InputError("A stage of the training needs either 'epochs' or 'steps'; give one of them.")
        if self.noise_std is not None and self.train != "denoiser":
            raise InputError(f"A stage with 'train: {self.train}' adds no noise; leave 'noise_std' out.")
        return self


class ReferenceSettings(Settings):
    """Supervised training: the network's image is compared with the fully sampled one."""

    kind: Literal["reference"] = "reference"
    """Name in settings."""


class SelfSupervisedSettings(Settings):
    """Self-supervised training (SSDU): the loss compares acquired samples that were held out from the network."""

    kind: Literal["self"]
    """Name in settings."""
    held_out_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Fraction of the acquired samples that is held out."""
    whole_lines: bool = False
    """Hold out whole lines, where lines were acquired; by default single samples, as published."""
    centre_size: Annotated[int, Field(ge=0)] = 4
    """Size of the k-space centre, in samples along each axis, of which nothing is held out."""


AnySupervision = Annotated[
    ReferenceSettings | SelfSupervisedSettings, Field(discriminator="kind"), BeforeValidator(by_kind)
]


class TrainingSettings(Settings):
    """All settings of a training."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name of the weights: lower-case letters, digits and hyphens."""
    licence: str = Field(default="not stated", min_length=1)
    """Licence of the weights."""
    network: dict[str, Any]
    """Name of a network, or a mapping of its ``kind`` and settings."""
    data: DataSettings
    """Data for training and validation."""
    training_data: tuple[TrainingData, ...] = ()
    """Names and licences of the data, for the manifest; by default the file names of the sources, with the licence
    "not stated"."""
    supervision: AnySupervision = ReferenceSettings()
    """``reference``, or ``self`` for data that was never fully sampled."""
    losses: tuple[NamedLoss, ...] = ()
    """Losses against the reference, with their weights; none for self-supervised training."""
    compare: Literal["complex", "magnitude"] = "complex"
    """Whether losses compare complex images or magnitudes."""
    optimiser: AnyOptimiser = Adam()
    """The optimiser."""
    schedule: AnySchedule = Constant()
    """Learning-rate schedule of each stage."""
    batch_size: PositiveInt = 1
    """Examples per step, over all devices."""
    stages: tuple[StageSettings, ...] = Field(default=(StageSettings(epochs=50),), min_length=1)
    """The stages, one after another."""
    weight_averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the moving average of the weights; the average is then validated and written."""
    gradient_clip: PositiveFloat | None = None
    """Largest norm of the gradient; larger gradients are scaled down."""
    precision: Precision = "auto"
    """Precision of the network's computations; auto takes bfloat16 where the hardware supports it."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of all random numbers."""
    metrics: MetricNames = ("psnr", "fastmri-ssim")
    """Metrics of the validation images; the first one decides which weights are best."""
    keep: Literal["best", "last"] = "best"
    """Which weights are written: those with the best validation score, or the last ones."""
    stored_precision: Literal["float32", "float16"] = "float32"
    """Data type of the weights file; float16 halves its size."""
    validate_every: PositiveInt | None = None
    """Steps between validations; one epoch by default."""
    save_every: PositiveInt = 200
    """Steps between checkpoints. Every validation also writes one."""
    log_every: PositiveInt = 10
    """Steps per row of the log, which holds their mean losses. Short stages have at least ten rows."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that make examples, for each device; 0 makes them in the training process."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device; auto takes cuda if it is available."""
    devices: Annotated[int, Field(gt=0, le=256)] = 1
    """Number of devices, or of processes on the CPU, of each node."""
    nodes: PositiveInt = 1
    """Number of machines. Several are started by torchrun or a cluster's scheduler."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explain_settings(error, "training", "", type(self).model_fields)) from None

    @field_validator("network", mode="before")
    @classmethod
    def _complete_network(cls, value: Any) -> Any:
        network = dict(by_kind(value)) if isinstance(value, str | dict) else {}
        if not isinstance(network.get("kind"), str):
            raise InputError("The setting 'network' names no network; write its 'kind', such as 'varnet'.")
        kind = network.pop("kind")
        return {"kind": kind, **complete_settings(kind, network)}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        supervised = self.supervision.kind == "reference"
        if supervised and not self.losses:
            raise InputError("There is no loss to train by; give 'losses', such as 'losses: [l1]'.")
        if not supervised and self.losses:
            raise InputError("Self-supervised training has its loss on held-out samples; leave 'losses' out.")
        if not supervised and not self.learns_phase:
            raise InputError(
                f"Self-supervised training compares k-space, and this {self.network['kind']} does not learn the phase "
                "of its images; set 'form: image' (varnet) or 'complex: true' (unet, resnet)."
            )
        if supervised and self.compare == "complex" and not self.learns_phase:
            raise InputError(
                f"This {self.network['kind']} does not learn the phase of its images; set 'compare: magnitude'."
            )
        if any(stage.train == "subnetworks" for stage in self.stages) and self.network["kind"] != "cascade":
            raise InputError(
                f"A stage trains sub-networks, which '{self.network['kind']}' has none of; choose the network "
                "'cascade', or 'train: all'."
            )
        if any(stage.train == "denoiser" for stage in self.stages):
            self._check_denoiser()
        return self

    def _check_denoiser(self) -> None:
        if self.network.get("form") != "denoising":
            raise InputError(
                f"A stage trains a denoiser, which this '{self.network['kind']}' has none of; choose a varnet with "
                "'form: denoising', or 'train: all'."
            )
        if self.supervision.kind != "reference":
            raise InputError(
                "A stage trains the denoiser on references with noise, and self-supervised training has none; leave "
                "that stage out."
            )

    @property
    def learns_phase(self) -> bool:
        """Whether the phase of the network's images has a gradient."""
        return self.network.get("form") != "kspace" and self.network.get("complex") is not False

    @property
    def network_settings(self) -> dict[str, Any]:
        """The network's settings, without its kind."""
        return {name: value for name, value in self.network.items() if name != "kind"}
