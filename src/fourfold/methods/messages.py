"""Messages between a process and its workers: any value that can be pickled, and tensors without a detour.

A tensor travels as the bytes of its memory and keeps its strides, which decide by which loops it is computed with.
"""

from __future__ import annotations

import io
import pickle
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

__all__ = ["receive", "send"]


def send(connection: Connection, value: Any) -> None:
    """Send a value; nothing is sent where it cannot be pickled."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(value)
    arrays = [buffer.raw() for buffer in buffers]
    connection.send((file.getvalue(), [array.nbytes for array in arrays]))
    for array in arrays:
        connection.send_bytes(array)


def receive(connection: Connection) -> Any:
    """Return the next value; raises EOFError or an OSError where the other process has ended."""
    text, sizes = connection.recv()
    # Torch's memory begins at multiples of 64 bytes, as that of all other tensors does.
    buffers = [torch.empty(size, dtype=torch.uint8).numpy() for size in sizes]
    for buffer in buffers:
        connection.recv_bytes_into(buffer)
    return pickle.loads(text, buffers=buffers)  # from a process that this one has forked, or was forked from


class _Pickler(pickle.Pickler):
    """Keeps the memory of tensors apart from what is pickled."""

    def reducer_override(self, value: Any) -> Any:
        """Return how a tensor is made from its memory, and that others are pickled as usual."""
        if type(value) is not Tensor or value.device.type != "cpu" or value.layout != torch.strided:
            return NotImplemented
        plain = value.detach().resolve_conj().resolve_neg()
        if plain.numel() == 0:
            return _empty, (tuple(plain.shape), plain.dtype)
        steps = zip(plain.shape, plain.stride(), strict=True)
        span = 1 + sum((size - 1) * stride for size, stride in steps)
        memory: Any = plain.as_strided((span,), (1,)).view(torch.uint8).numpy()
        layout = tuple(plain.shape), plain.stride()
        return _tensor, (pickle.PickleBuffer(memory), plain.dtype, *layout)


def _tensor(memory: Any, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    return torch.frombuffer(memory, dtype=dtype).as_strided(shape, strides)


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype)
