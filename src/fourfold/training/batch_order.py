"""Which example comes when: a function of seed and step alone, so that a training can go on from any step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from fourfold.datasets import Examples
from fourfold.errors import InputError

__all__ = ["ByEpoch", "Order", "steps_per_epoch"]

Place = tuple[int, int]
"""Epoch and index of an example."""


class ByEpoch(Dataset[Any]):
    """Examples called by epoch and index, so that loaders run on from epoch to epoch without a pause."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, place: Place) -> tuple[int, Any]:
        """Return the epoch and its example."""
        epoch, index = place
        if self.examples.epoch != epoch:
            self.examples = self.examples.at_epoch(epoch)
        return epoch, self.examples[index]


class Order(Sampler[list[Place]]):
    """Full batches of examples of one shape, from one step of a stage to its end.

    Every epoch has an order of its own. A batch that would stay smaller is filled with others of its shape from the
    same epoch. Several processes share each batch.

    Parameters
    ----------
    examples
        For training.
    batch_size
        Examples of a step, those of all processes together.
    seed
        Of the orders.
    first_epoch
        Number of the stage's first epoch in the whole training.
    steps
        Of the stage.
    start
        Step to begin with.
    rank, ranks
        Which process, of how many.

    Raises
    ------
    InputError
        When the examples do not fill a batch, or a batch cannot be shared evenly.
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
        """Return the number of batches that are left."""
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[Place]]:
        """Yield this process's part of each batch."""
        per_epoch = steps_per_epoch(len(self.examples), self.batch_size)
        batches: list[list[int]] = []
        made = -1
        for step in range(self.start, self.steps):
            epoch = self.first_epoch + step // per_epoch
            if epoch != made:
                batches, made = self._batches(epoch, per_epoch), epoch
            yield [(epoch, index) for index in batches[step % per_epoch][self.rank :: self.ranks]]

    def _batches(self, epoch: int, count: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed((self.seed << 24) + epoch)
        examples = self.examples.at_epoch(epoch)
        alike: dict[tuple[int, int, int], list[int]] = {}
        for index in torch.randperm(len(examples), generator=generator).tolist():
            alike.setdefault(examples.shape(index), []).append(index)
        batches = [batch for indices in alike.values() for batch in self._filled(indices)]
        order = torch.randperm(len(batches), generator=generator).tolist()
        return [batches[place] for place in order[:count]]

    def _filled(self, indices: list[int]) -> Iterator[list[int]]:
        for first in range(0, len(indices), self.batch_size):
            yield [indices[place % len(indices)] for place in range(first, first + self.batch_size)]


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return how many batches hold `count` examples; raises InputError where they do not fill one."""
    if count < batch_size:
        raise InputError(f"There are {count} training examples and a batch takes {batch_size}; choose smaller batches.")
    return math.ceil(count / batch_size)
