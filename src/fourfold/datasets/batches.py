"""Batches of examples of one shape, and the loader that makes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Sampler

from fourfold.datasets.dataset import Examples
from fourfold.datasets.example import Batch, Example, collate
from fourfold.datasets.random_streams import Draw
from fourfold.errors import InputError

__all__ = ["EqualShapes", "loader"]


class EqualShapes(Sampler[list[int]]):
    """Batches whose examples have one size and number of coils: a ``batch_sampler`` of torch's loader.

    Examples are shuffled, gathered by shape, and the batches shuffled again; those left over of each shape make smaller
    batches. The order depends on `seed` and the data set's epoch alone.

    Parameters
    ----------
    examples
        The data set, whose epoch counts.
    batch_size
        Most examples of a batch.
    shuffle
        False keeps the data set's order within each shape.
    seed
        Of the order.
    replicas, rank
        Of how many processes this is which: each takes every so manieth batch. Where their number does not come out
        even, the first batches are taken twice, so that all processes make the same number of steps.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"The batch size is {batch_size}; it must be a whole number from 1.")
        self.examples, self.batch_size, self.shuffle, self.seed = examples, batch_size, shuffle, seed
        self.replicas, self.rank = replicas, rank
        self._made: tuple[int, list[list[int]]] | None = None

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def _batches(self) -> list[list[int]]:
        epoch = self.examples.epoch
        if self._made is None or self._made[0] != epoch:
            self._made = epoch, self._make(epoch)
        return self._made[1]

    def _make(self, epoch: int) -> list[list[int]]:
        rng = Draw(self.seed, self.examples.part, epoch).numbers("batches")
        count = len(self.examples)
        gathered: dict[tuple[int, int, int], list[int]] = {}
        batches = []
        for index in rng.permutation(count) if self.shuffle else range(count):
            group = gathered.setdefault(self.examples.shape(int(index)), [])
            group.append(int(index))
            if len(group) == self.batch_size:
                batches.append(gathered.pop(self.examples.shape(int(index))))
        batches.extend(gathered.values())
        if self.shuffle:
            batches = [batches[place] for place in rng.permutation(len(batches))]
        missing = -len(batches) % self.replicas
        batches += [batches[place % len(batches)] for place in range(missing)]
        return batches[self.rank :: self.replicas]


class _Loader(DataLoader[Example]):
    """A loader that refuses bad input in one sentence, in whichever process it was found."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # torch gives an iterator of its own
        try:
            yield from super().__iter__()
        except InputError as error:
            # From a worker comes its whole traceback as text, which ends with the sentence.
            raise InputError(str(error).rsplit("InputError: ", 1)[-1].strip()) from None


def loader(
    examples: Examples,
    batch_size: int = 1,
    workers: int = 0,
    shuffle: bool | None = None,
    seed: int = 0,
    replicas: int = 1,
    rank: int = 0,
) -> DataLoader[Example]:
    """Return a loader of batches of equal shapes.

    Parameters
    ----------
    examples
        The data set.
    batch_size, seed, replicas, rank
        As in `EqualShapes`.
    workers
        Processes that make examples; 0 makes them in this one. They live through all epochs.
    shuffle
        Unless told, in training alone.
    """
    shuffled = examples.part == "training" if shuffle is None else shuffle
    batches = EqualShapes(examples, batch_size, shuffled, seed, replicas, rank)
    return _Loader(
        examples,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
