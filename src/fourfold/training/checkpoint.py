"""Checkpoints, from which an interrupted training resumes with the same result."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.files.input import check_file
from fourfold.files.output import atomically, late_refusal

__all__ = ["BEST", "LAST", "Best", "Checkpoint", "keep_as_best", "read_checkpoint", "write_checkpoint"]

LAST, BEST = "last.ckpt", "best.ckpt"


@dataclass(frozen=True)
class Best:
    """The best validation scores of a stage; the first score decides."""

    step: int
    scores: dict[str, float]


@dataclass
class Checkpoint:
    """The state of a stage after a step.

    Order of the examples, random numbers and learning rate are functions of seed and step, and are not stored.

    Attributes
    ----------
    step
        Completed steps of the stage.
    network
        State dict of the network.
    average
        State dict of the moving average; None without averaging.
    optimiser
        State dict of the optimiser.
    loss_sums, loss_steps
        Sum of each loss since the last row of the log, and the number of steps.
    best
        The best scores of the stage.
    """

    step: int
    network: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimiser: dict[str, Any]
    loss_sums: dict[str, float] = field(default_factory=dict)
    loss_steps: int = 0
    best: Best | None = None

    @property
    def result(self) -> dict[str, Tensor]:
        """The weights that are validated and written: the moving average, if any."""
        return self.network if self.average is None else self.average


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``last.ckpt`` atomically."""
    content = {each.name: getattr(checkpoint, each.name) for each in fields(checkpoint)}
    content["best"] = checkpoint.best and asdict(checkpoint.best)
    with atomically(folder / LAST, ".ckpt") as path, late_refusal(path) as file:
        torch.save(content, file)


def keep_as_best(folder: Path) -> None:
    """Copy ``last.ckpt`` to ``best.ckpt``."""
    with atomically(folder / BEST, ".ckpt") as path:
        shutil.copyfile(folder / LAST, path)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return a checkpoint, on the CPU; None if the file does not exist. Raises InputError if it is damaged."""
    if not path.exists():
        return None
    check_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        best = content.pop("best")
        return Checkpoint(**content, best=best and Best(**best))
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"'{path}' is not a checkpoint that this version can read ({type(error).__name__}); remove it to "
            "restart the stage."
        ) from None
