"""Checkpoints: everything that a training needs to go on as if nothing had happened."""

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
    """The best scores of a stage so far, by the first one."""

    step: int
    scores: dict[str, float]


@dataclass
class Checkpoint:
    """The state of a stage after a step.

    The order of the examples and all that is drawn follow from seed and step; the learning rate follows from the step.

    Attributes
    ----------
    step
        Steps done in the stage.
    network
        Weights.
    average
        Their moving average, where there is one.
    optimiser
        State of the optimiser.
    sums, count
        Losses since the log's last row, and of how many steps.
    best
        Of the stage.
    """

    step: int
    network: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimiser: dict[str, Any]
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    best: Best | None = None

    @property
    def written(self) -> dict[str, Tensor]:
        """The weights that are validated and written: the average where there is one."""
        return self.network if self.average is None else self.average


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``last.ckpt``, whole or not at all."""
    content = {each.name: getattr(checkpoint, each.name) for each in fields(checkpoint)}
    content["best"] = checkpoint.best and asdict(checkpoint.best)
    with atomically(folder / LAST, ".ckpt") as path, late_refusal(path) as file:
        torch.save(content, file)


def keep_as_best(folder: Path) -> None:
    """Copy ``last.ckpt`` to ``best.ckpt``."""
    with atomically(folder / BEST, ".ckpt") as path:
        shutil.copyfile(folder / LAST, path)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return a checkpoint, on the CPU; None where there is none; raises InputError where it is broken."""
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
            f"'{path}' is no checkpoint that this version can read ({type(error).__name__}); remove it to begin the "
            "stage anew."
        ) from None
