"""Data loaders whose worker processes pass an InputError on as an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset

from fourfold.errors import InputError

__all__ = ["ExampleLoader"]


class ExampleLoader(DataLoader[Any]):
    """A data loader that raises an InputError of a worker process with its type, text and attributes.

    A plain data loader raises an error of the same type, with the traceback as its text.

    Parameters
    ----------
    examples
        The data set.
    batches
        Yields the keys of each batch.
    collate
        Makes a batch of a list of examples; called in the worker.
    workers
        Number of worker processes; 0 loads in this process.
    pin_memory
        Whether batches lie in page-locked memory.
    """

    def __init__(
        self,
        examples: Dataset[Any],
        batches: Any,
        collate: Callable[[Sequence[Any]], Any],
        *,
        workers: int,
        pin_memory: bool,
    ) -> None:
        super().__init__(
            _Batches(examples, collate),
            batch_sampler=batches,
            collate_fn=_unchanged,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, InputError):
                raise batch
            yield batch


class _Batches(Dataset[Any]):
    """A data set whose batches are an InputError where one of the examples raises it."""

    def __init__(self, examples: Dataset[Any], collate: Callable[[Sequence[Any]], Any]) -> None:
        self.examples, self.collate = examples, collate

    def __getitems__(self, keys: Sequence[Any]) -> Any:
        """Return the batch of the examples with these keys, or the error."""
        try:
            return self.collate([self.examples[key] for key in keys])
        except InputError as error:
            return error


def _unchanged(batch: Any) -> Any:
    return batch
