"""Progress that is reported in one process and shown in another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from threading import Thread

from fourfold.methods.method import Progress

__all__ = ["relayed"]

Report = tuple[float, str]


class _Relay:
    """A progress callback that can be handed to a process when it starts."""

    def __init__(self, queue: SimpleQueue[Report | None]) -> None:
        self.queue = queue

    def __call__(self, fraction: float, words: str) -> None:
        self.queue.put((fraction, words))


@contextmanager
def relayed(progress: Progress | None) -> Iterator[Progress | None]:
    """Yield a callback for processes that are started within, whose calls reach `progress` in this one."""
    if progress is None:
        yield None
        return
    queue: SimpleQueue[Report | None] = get_context("spawn").SimpleQueue()
    listener = Thread(target=_pass_on, args=(queue, progress), daemon=True)
    listener.start()
    try:
        yield _Relay(queue)
    finally:
        queue.put(None)
        listener.join()


def _pass_on(queue: SimpleQueue[Report | None], progress: Progress) -> None:
    while (report := queue.get()) is not None:
        progress(*report)
