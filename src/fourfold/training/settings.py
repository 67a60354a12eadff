"""The settings of a training: network, data, losses, optimiser, stages and devices."""

from __future__ import annotations

from functools import cached_property
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
from fourfold.networks.build import complete_settings, find_network
from fourfold.networks.layers.precision import Precision
from fourfold.networks.objectives.objective import Objective
from fourfold.training.base import MetricNames, Settings, by_kind
from fourfold.training.optimisers import Adam, AnyOptimiser
from fourfold.training.schedules import AnySchedule, Constant
from fourfold.weights.manifest import TrainingData

__all__ = ["ReferenceSettings", "SelfSupervisedSettings", "StageSettings", "TrainingSettings"]

NamedLoss: TypeAlias = Annotated[AnyLoss, BeforeValidator(by_kind)]


class StageSettings(Settings):
    """One stage of a training."""

    train: Annotated[dict[str, Any], BeforeValidator(by_kind)] | None = None
    """Name of an objective of the network, or a mapping of its ``kind`` and settings. all: the whole network, end to
    end. subnetworks: the sub-networks of a cascade one after another, with this number of epochs or steps each.
    denoising: the denoiser of the network, on references with added noise. By default the network's first objective."""
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
        self._check_objectives(supervised)
        if not any(objective.compares_images for objective in self.objectives):
            return self
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
        return self

    def _check_objectives(self, supervised: bool) -> None:
        """Refuse objectives that the network or the data do not allow, and settings that they leave unused."""
        for objective in self.objectives:
            if objective.needs_reference and not supervised:
                raise InputError(
                    f"A stage has the objective '{objective.kind}', which needs references, and self-supervised "
                    "training has none; leave that stage out."
                )
        if any(objective.compares_images for objective in self.objectives):
            return
        for name in ("losses", "metrics", "compare"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise InputError(
                    f"The objective '{self.objectives[0].kind}' has a loss and a score of its own; leave '{name}' out."
                )

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objective of each stage."""
        offered = find_network(self.network["kind"]).objectives(self.network_settings)
        return tuple(_objective(stage.train, offered, self.network["kind"]) for stage in self.stages)

    @property
    def learns_phase(self) -> bool:
        """Whether the phase of the network's images has a gradient."""
        return find_network(self.network["kind"]).learns_phase(self.network_settings)

    @property
    def network_settings(self) -> dict[str, Any]:
        """The network's settings, without its kind."""
        return {name: value for name, value in self.network.items() if name != "kind"}


def _objective(wanted: dict[str, Any] | None, offered: tuple[type[Objective], ...], network: str) -> Objective:
    """Return the objective of a stage; InputError where the network is not trained so, or a setting is wrong."""
    if wanted is None:
        return offered[0]()
    settings = dict(wanted)
    kinds = {each.kind: each for each in offered}
    kind = settings.pop("kind", None)
    if kind not in kinds:
        raise InputError(
            f"A stage says 'train: {kind}', which this '{network}' is not trained by; choose one of "
            f"{', '.join(kinds)}, or another network or form."
        )
    try:
        return kinds[kind](**settings)
    except ValidationError as error:
        raise InputError(explain_settings(error, "objective", kind, kinds[kind].model_fields)) from None
