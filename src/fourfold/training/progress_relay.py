"""Passes progress reports from a child process to its parent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from threading import Thread

from fourfold.methods.method import Progress

__all__ = ["relayed_progress"]

Report = tuple[float, str]


class _QueuedProgress:
    """A progress callback that can be passed to a process when it starts."""

    def __init__(self, queue: SimpleQueue[Report | None]) -> None:
        self.queue = queue

    def __call__(self, fraction: float, words: str) -> None:
        self.queue.put((fraction, words))


@contextmanager
def relayed_progress(progress: Progress | None) -> Iterator[Progress | None]:
    """Yield a callback for child processes; its calls are forwarded to `progress` in this process."""
    if progress is None:
        yield None
        return
    queue: SimpleQueue[Report | None] = get_context("spawn").SimpleQueue()
    listener = Thread(target=_forward, args=(queue, progress), daemon=True)
    listener.start()
    try:
        yield _QueuedProgress(queue)
    finally:
        queue.put(None)
        listener.join()


def _forward(queue: SimpleQueue[Report | None], progress: Progress) -> None:
    while (report := queue.get()) is not None:
        progress(*report)
