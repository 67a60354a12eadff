"""The order of the training examples: a function of seed and step, so that a training can resume at any step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from fourfold.datasets import Examples
from fourfold.errors import InputError

__all__ = ["BatchOrder", "ExamplesByEpoch", "steps_per_epoch"]

ExampleKey = tuple[int, int]
"""Epoch and index of an example."""


class ExamplesByEpoch(Dataset[Any]):
    """Examples indexed by (epoch, index), so that data loaders continue from epoch to epoch without a pause."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, key: ExampleKey) -> tuple[int, Any]:
        """Return the epoch and the example."""
        epoch, index = key
        if self.examples.epoch != epoch:
            self.examples = self.examples.at_epoch(epoch)
        return epoch, self.examples[index]


class BatchOrder(Sampler[list[ExampleKey]]):
    """Yields full batches of examples of one shape, from a given step of a stage to its end.

    Every epoch has its own random order. An incomplete batch is filled with other examples of the same shape and epoch.
    Several processes share each batch.

    Parameters
    ----------
    examples
        The training examples.
    batch_size
        Examples per step, over all processes.
    seed
        Seed of the order.
    steps
        Steps of the stage.
    first_epoch
        Number of the stage's first epoch in the whole training.
    start
        First step to yield.
    rank, ranks
        Index of this process, and number of processes.

    Raises
    ------
    InputError
        When the examples do not fill a batch, or the processes cannot share a batch evenly.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int,
        *,
        steps: int,
        first_epoch: int = 0,
        start: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if batch_size % ranks:
            raise InputError(f"A batch of {batch_size} cannot be shared by {ranks} devices; make it a multiple.")
        self.examples, self.batch_size, self.seed = examples, batch_size, seed
        self.first_epoch, self.steps, self.start = first_epoch, steps, start
        self.rank, self.ranks = rank, ranks

    def __len__(self) -> int:
        """Return the number of remaining batches."""
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[ExampleKey]]:
        """Yield this process's part of each batch."""
        per_epoch = steps_per_epoch(len(self.examples), self.batch_size)
        batches: list[list[int]] = []
        current_epoch = -1
        for step in range(self.start, self.steps):
            epoch = self.first_epoch + step // per_epoch
            if epoch != current_epoch:
                batches, current_epoch = self._batches(epoch, per_epoch), epoch
            yield [(epoch, index) for index in batches[step % per_epoch][self.rank :: self.ranks]]

    def _batches(self, epoch: int, count: int) -> list[list[int]]:
        """Return the batches of an epoch in random order."""
        generator = torch.Generator().manual_seed((self.seed << 24) + epoch)
        examples = self.examples.at_epoch(epoch)
        by_shape: dict[tuple[int, int, int], list[int]] = {}
        for index in torch.randperm(len(examples), generator=generator).tolist():
            by_shape.setdefault(examples.shape(index), []).append(index)
        batches = [batch for indices in by_shape.values() for batch in self._filled_batches(indices)]
        order = torch.randperm(len(batches), generator=generator).tolist()
        return [batches[number] for number in order[:count]]

    def _filled_batches(self, indices: list[int]) -> Iterator[list[int]]:
        """Yield batches of `indices`; the last one is filled from the beginning."""
        for first in range(0, len(indices), self.batch_size):
            yield [indices[number % len(indices)] for number in range(first, first + self.batch_size)]


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return the number of batches of `count` examples; raises InputError where they do not fill one."""
    if count < batch_size:
        raise InputError(f"There are {count} training examples and a batch takes {batch_size}; choose smaller batches.")
    return math.ceil(count / batch_size)
