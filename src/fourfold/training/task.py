"""One stage of a training as a Lightning module: the step, validation, log and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from fourfold.datasets import Examples
from fourfold.errors import InputError
from fourfold.methods.method import Progress
from fourfold.metrics import find_metric
from fourfold.networks.layers.precision import computing
from fourfold.networks.network import Network
from fourfold.training.averaging import averaged_copy, update_average
from fourfold.training.batch_order import BatchOrder, ExamplesByEpoch
from fourfold.training.checkpoint import Best, Checkpoint, keep_as_best, write_checkpoint
from fourfold.training.example_loader import ExampleLoader
from fourfold.training.lightning_messages import suppress_lightning_messages
from fourfold.training.log import LOSSES, SCORES, Log
from fourfold.training.settings import TrainingSettings
from fourfold.training.stages import Stage
from fourfold.training.supervision import SupervisedBatch, supervision

__all__ = ["Data", "Task"]

# Fewest rows of the log of a stage, enough for a curve.
_FEWEST_ROWS = 10


@dataclass(frozen=True)
class Data:
    """The examples for training, and for validation if there are any."""

    training: Examples
    validation: Examples | None


class Task(pl.LightningModule):
    """A stage of a training. Lightning manages devices and processes; the remaining steps are one epoch to it.

    Parameters
    ----------
    network
        With the weights at the start of the stage.
    stage, settings, data
        The stage, the settings of the whole training, and the examples.
    folder
        Folder of the whole training.
    resumed
        Checkpoint to resume from; None for a new stage.
    total_steps
        Steps of all stages.
    progress
        Called with the completed fraction of all steps.
    """

    def __init__(
        self,
        network: Network,
        stage: Stage,
        settings: TrainingSettings,
        data: Data,
        folder: Path,
        resumed: Checkpoint | None,
        total_steps: int,
        progress: Progress | None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = network
        self.average = None if settings.weight_averaging is None else averaged_copy(network)
        self.stage, self.settings, self.data, self.folder = stage, settings, data, folder
        self.supervision = supervision(settings)
        self.total_steps, self.show = total_steps, progress
        self.step = self.saved_step = 0
        self.loss_sums: dict[str, float] = {}
        self.loss_steps = 0
        self.best: Best | None = None
        self.optimiser_state: dict[str, Any] | None = None
        if resumed is not None:
            self._resume(resumed)
        self.log_book: Log | None = None
        self.validation_loader: ExampleLoader | None = None
        self.started = time.perf_counter()

    def __setstate__(self, state: Any) -> None:
        # Unpickling the task is the first thing that a process started by Lightning does.
        suppress_lightning_messages()
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def _resume(self, checkpoint: Checkpoint) -> None:
        self.network.load_state_dict(checkpoint.network)
        if self.average is not None and checkpoint.average is not None:
            self.average.load_state_dict(checkpoint.average)
        self.step = self.saved_step = checkpoint.step
        self.best = checkpoint.best
        self.loss_sums, self.loss_steps = dict(checkpoint.loss_sums), checkpoint.loss_steps
        self.optimiser_state = checkpoint.optimiser

    # Methods that Lightning calls

    def configure_optimizers(self) -> Optimizer:
        """Return the optimiser of the trainable weights, in the state of the checkpoint."""
        self.network.requires_grad_(False)
        trained = self.stage.objective.trained_part(self.network, self.stage.part).requires_grad_(True)
        optimiser = self.settings.optimiser.build(list(trained.parameters()))
        if self.optimiser_state is not None:
            optimiser.load_state_dict(self.optimiser_state)
        return optimiser

    def train_dataloader(self) -> ExampleLoader:
        """Return the loader of the remaining batches."""
        settings, stage = self.settings, self.stage
        order = BatchOrder(
            self.data.training,
            settings.batch_size,
            settings.seed,
            steps=stage.steps,
            first_epoch=stage.first_epoch,
            start=self.step,
            rank=self.trainer.global_rank,
            ranks=self.trainer.world_size,
        )
        return self._loader(self.data.training, order)

    def _loader(self, examples: Examples, batches: Any) -> ExampleLoader:
        return ExampleLoader(
            ExamplesByEpoch(examples),
            batches,
            self.supervision.batch,
            workers=self.settings.workers,
            pin_memory=self.device.type == "cuda",
        )

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ARG002
        """Return the batch on the device."""
        return batch.to(device, non_blocking=True)

    def on_fit_start(self) -> None:
        """Open the log, in the first process."""
        if self.trainer.is_global_zero:
            self.log_book = Log(self.folder, self.stage.first_step + self.step)
        self.started = time.perf_counter()

    def training_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Do one step, then log, validate and save where they are due."""
        optimiser = self.optimizers()
        assert isinstance(optimiser, pl.core.optimizer.LightningOptimizer)
        learning_rate = self.stage.learning_rate_at(self.step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate
        losses = self._losses(batch)
        means = self.trainer.strategy.reduce(torch.stack(list(losses.values())).detach(), reduce_op="mean")
        values = dict(zip(losses, means.tolist(), strict=True))
        self._refuse_unless_finite(values, batch)
        optimiser.zero_grad()
        self.manual_backward(torch.stack(list(losses.values())).sum())
        norm = float(clip_grad_norm_(self._trainable_weights(optimiser), self.settings.gradient_clip or torch.inf))
        self._refuse_unless_finite({"the gradient's norm": norm}, batch)
        optimiser.step()
        self.step += 1
        if self.average is not None:
            update_average(
                self.average, self.network, self.settings.weight_averaging or 0.0, self.stage.first_step + self.step
            )
        self._after_step(values, norm, learning_rate)

    @staticmethod
    def _trainable_weights(optimiser: Any) -> list[nn.Parameter]:
        return [weight for group in optimiser.param_groups for weight in group["params"]]

    def _losses(self, batch: Any) -> dict[str, Tensor]:
        with computing(self.settings.precision, self.device):
            return self.stage.objective.losses(self.network, self.stage.part, self._batch(batch), self._generator())

    def _batch(self, batch: Any) -> SupervisedBatch:
        return SupervisedBatch(batch, self.supervision)

    def _generator(self) -> torch.Generator:
        """Return the random generator of this step in this process: a function of seed, step and rank."""
        number = (self.stage.first_step + self.step) * self.trainer.world_size + self.trainer.global_rank
        return torch.Generator().manual_seed((self.settings.seed << 32) ^ number)

    def _refuse_unless_finite(self, values: Mapping[str, float], batch: Any) -> None:
        """Raise InputError where a number is not finite, before it changes the weights."""
        not_finite = [name for name, value in values.items() if not abs(value) < torch.inf]
        if not not_finite:
            return
        names = [", ".join(self.supervision.names(batch))]
        if self.trainer.world_size > 1:
            names = [""] * self.trainer.world_size
            torch.distributed.all_gather_object(names, ", ".join(self.supervision.names(batch)))
        position = self._position(self.step + 1)
        saved = self._position(self.saved_step) if self.saved_step else None
        where = self.folder / "checkpoints" / self.stage.name
        checkpoint = f"The checkpoint of step {saved['step']} is in '{where}'" if saved else "No checkpoint was due yet"
        numbers = " or ".join(sorted({str(values[name]) for name in not_finite}))
        raise InputError(
            f"The training stopped in stage {self.stage.name}, epoch {position['epoch']}, step {position['step']}: "
            f"{' and '.join(not_finite)} became {numbers} for {'; '.join(names)}. {checkpoint}; "
            "look at these examples, or train with a lower learning rate or with 'gradient_clip'."
        )

    # Log, validation and checkpoints

    def _after_step(self, values: Mapping[str, float], norm: float, learning_rate: float) -> None:
        settings, stage = self.settings, self.stage
        for name, value in {"loss": sum(values.values()), **values, "gradient": norm}.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0.0) + value
        self.loss_steps += 1
        is_last = self.step == stage.steps
        if is_last or self.step % min(settings.log_every, math.ceil(stage.steps / _FEWEST_ROWS)) == 0:
            self._log_losses(learning_rate)
        validates = is_last or self.step % (settings.validate_every or stage.steps_per_epoch) == 0
        scores = self.validate() if validates and self.data.validation is not None else {}
        is_best = bool(scores) and self._is_better(scores)
        if is_best:
            self.best = Best(stage.first_step + self.step, scores)
        saves = validates or self.step % settings.save_every == 0
        if saves:
            self.saved_step = self.step
        if self.trainer.is_global_zero:
            if scores and self.log_book:
                self.log_book.write(SCORES, self._position(self.step), scores)
            if saves:
                self._save(is_best)
        if is_last:
            self.trainer.strategy.barrier()

    def _position(self, step: int) -> dict[str, str | int]:
        """Return stage, epoch and step, counted from 1 over the whole training."""
        epoch = self.stage.first_epoch + (step - 1) // self.stage.steps_per_epoch + 1
        return {"stage": self.stage.name, "epoch": epoch, "step": self.stage.first_step + step}

    def _log_losses(self, learning_rate: float) -> None:
        means = {name: value / self.loss_steps for name, value in self.loss_sums.items()}
        now = time.perf_counter()
        seconds = (now - self.started) / self.loss_steps
        position = self._position(self.step)
        if self.log_book:
            self.log_book.write(
                LOSSES, position, {**means, "learning_rate": learning_rate, "seconds_per_step": seconds}
            )
        self.loss_sums, self.loss_steps, self.started = {}, 0, now
        if self.show is not None and self.trainer.is_global_zero:
            best = "".join(f", best {name} {value:.4g}" for name, value in self._first_of_best())
            words = (
                f"{self.stage.name}, epoch {position['epoch']}, step {position['step']}: loss {means['loss']:.4g}{best}"
            )
            self.show(int(position["step"]) / self.total_steps, words)

    def _first_of_best(self) -> list[tuple[str, float]]:
        return list(self.best.scores.items())[:1] if self.best else []

    def _is_better(self, scores: Mapping[str, float]) -> bool:
        first = self._score_names[0]
        sign = 1 if first in self.settings.metrics and find_metric(first).higher_is_better else -1
        return self.best is None or sign * scores[first] > sign * self.best.scores[first]

    def _save(self, best: bool) -> None:
        folder = self.folder / "checkpoints" / self.stage.name
        optimiser = self.optimizers()
        write_checkpoint(
            folder,
            Checkpoint(
                step=self.step,
                network=self.network.state_dict(),
                average=None if self.average is None else self.average.state_dict(),
                optimiser=optimiser.optimizer.state_dict(),  # type: ignore[union-attr]
                loss_sums=self.loss_sums,
                loss_steps=self.loss_steps,
                best=self.best,
            ),
        )
        if best:
            keep_as_best(folder)

    @property
    def _score_names(self) -> tuple[str, ...]:
        """The scores of validation: errors, unless they are metrics."""
        return self.stage.objective.own_scores or self.supervision.scores

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the mean of every score over the validation images of all processes."""
        assert self.data.validation is not None
        if self.validation_loader is None:
            indices = range(self.trainer.global_rank, len(self.data.validation), self.trainer.world_size)
            self.validation_loader = self._loader(self.data.validation, [[(0, index)] for index in indices])
        network = self.network if self.average is None else self.average
        assert isinstance(network, Network)
        network.eval()
        names = self._score_names
        sums = torch.zeros(len(names) + 1, dtype=torch.float64)
        for batch in self.validation_loader:
            scores = self._batch_scores(network, self.transfer_batch_to_device(batch, self.device, 0))
            sums += torch.tensor([*(sum(scores[name]) for name in names), len(scores[names[0]])])
        network.train()
        sums = self.trainer.strategy.reduce(sums.to(self.device), reduce_op="sum").cpu()
        return dict(zip(names, (sums[:-1] / sums[-1]).tolist(), strict=True))

    def _batch_scores(self, network: Network, batch: Any) -> Mapping[str, Sequence[float]]:
        try:
            with computing(self.settings.precision, self.device):
                return self.stage.objective.scores(network, self.stage.part, self._batch(batch))
        except InputError as error:
            names = ", ".join(self.supervision.names(batch))
            raise InputError(f"Validation after step {self.step} of {self.stage.name}, {names}: {error}") from None
