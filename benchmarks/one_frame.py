"""One slice with the cores that are free, on a quiet computer and beside one and two programs that count without end.

Ours sets its threads by the load of the cores, and is run with one thread for comparison; BART has two threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from benchmarks.frames import LOADS, NAMES, SIZE, given, race, slice_after_slice, with_workers
from benchmarks.harness import Contender, Task

__all__ = ["tasks"]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield the methods with given maps; the size is its own."""
    del sizes
    for method, title in NAMES.items():
        for load, words in (LOADS | {2: "two busy processes"}).items():
            name = f"{title}, one slice {SIZE}, {words}"
            yield Task(name, partial(race, name, contenders(method), load, quick))


def contenders(method: str) -> list[Contender]:
    """Return ours on the cores that are free and on one, and BART with two threads, with given maps and iterations."""
    return [
        Contender("fourfold", partial(with_workers, partial(given, method), 1, None)),
        Contender("fourfold, 1 thread", partial(with_one_thread, method)),
        Contender("BART", partial(slice_after_slice, "BART", method, 1), "bart"),
    ]


def with_one_thread(method: str) -> Callable[[], torch.Tensor]:
    """Prepare ours with one thread."""
    torch.set_num_threads(1)
    return with_workers(partial(given, method), 1, None)
