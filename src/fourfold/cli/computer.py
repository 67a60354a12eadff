"""The device and the number of threads that a command uses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from cyclopts import Group, Parameter

from fourfold.errors import InputError

__all__ = ["Computer", "ComputerOptions", "FrameComputer", "FrameComputerOptions"]


MOST_THREADS = max(64, os.cpu_count() or 1)
"""Each thread takes memory; more threads than processors bring no speed."""


@dataclass(frozen=True)
class Computer:
    """The device and the number of threads that a command uses."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where to compute."""
    threads: int | None = None
    """Processor threads to use; torch decides unless given."""

    def set_up(self) -> None:
        """Set the number of threads; raises InputError where the device or the threads are not available."""
        import torch

        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("The device 'cuda' was asked for but torch finds none; use --device cpu.")
        if self.threads is not None:
            if not 1 <= self.threads <= MOST_THREADS:
                raise InputError(f"{self.threads} threads were asked for; give 1 to {MOST_THREADS}.")
            torch.set_num_threads(self.threads)


@dataclass(frozen=True)
class FrameComputer(Computer):
    """The same, with images that are reconstructed side by side."""

    workers: int | Literal["auto"] = "auto"
    """On a CPU: images reconstructed side by side, each by one core; auto: as many as cores are free and the memory
    holds, but no more than threads. The images do not depend on it."""


_GROUP = Parameter(name="*", group=Group("Computer", sort_key=3))
ComputerOptions: TypeAlias = Annotated[Computer, _GROUP]
FrameComputerOptions: TypeAlias = Annotated[FrameComputer, _GROUP]
