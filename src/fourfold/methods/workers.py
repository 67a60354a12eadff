"""How many jobs are done side by side."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

from fourfold.errors import InputError
from fourfold.memory import memory_at_hand, require_memory
from fourfold.methods.free_cores import free_cores

__all__ = ["Workers", "check_workers", "choose_workers"]

Workers: TypeAlias = int | Literal["auto"]
"""A number of workers, or as many as cores are free and the memory holds."""


def choose_workers(workers: Workers, jobs: int, job_memory: int) -> int:
    """Return how many of some jobs are done side by side, each by one processor core.

    Parameters
    ----------
    workers
        As requested; auto: as many as cores are free now, but no more than torch's threads, and than half of the
        memory at hand holds.
    jobs
        Number of jobs.
    job_memory
        Bytes that a job takes.

    Raises
    ------
    InputError
        For less than one worker, or more than fit into half of the memory at hand.
    """
    check_workers(workers)
    if workers == "auto":
        if jobs == 1:
            return 1
        memory = memory_at_hand()
        fitting = jobs if memory is None else memory // 2 // job_memory
        return max(1, min(free_cores(), torch.get_num_threads(), jobs, fitting))
    number = min(workers, jobs)
    if number > 1:
        require_memory(number * job_memory, f"Reconstructing {number} images side by side", "ask for fewer workers")
    return number


def check_workers(workers: Workers | None) -> None:
    """Raise InputError for less than one worker."""
    if isinstance(workers, int) and workers < 1:
        raise InputError(f"{workers} workers were asked for; give 1 or more, or 'auto'.")
