"""One training example, and a batch of stacked examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from fourfold.errors import InputError
from fourfold.scan import centre_slice

__all__ = ["Batch", "Example", "collate"]


@dataclass(frozen=True, eq=False)
class Example:
    """One undersampled acquisition and its reference image, divided by the acquisition's intensity scale.

    Attributes
    ----------
    kspace
        complex64, (coil, ky, kx), centred, zero where not acquired; the measured samples over `scale`.
    mask
        bool, (ky, kx): True where acquired.
    maps
        complex64, (coil, y, x); ones for a single coil; None where the network estimates them.
    calibration
        complex64, (coil, cy, cx): the fully sampled centre of `kspace`, or separate calibration data, over `scale`;
        None where there is none.
    reference
        The fully sampled image over `scale`: complex64 (y, x), or float32 (y, x) where only the magnitude is known.
        None where the source data were undersampled.
    scale
        `fourfold.kspace.intensity_scale.intensity_scale` of the measured samples.
    subject, name
        Subject; file and slice.
    index
        Index in the data set.
    """

    kspace: Tensor
    mask: Tensor
    maps: Tensor | None
    calibration: Tensor | None
    reference: Tensor | None
    scale: float
    subject: str
    name: str
    index: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples of one size and number of coils, stacked along the frame axis.

    Attributes
    ----------
    kspace
        complex64, (frame, coil, ky, kx).
    mask
        bool, (frame, ky, kx).
    maps
        complex64, (frame, coil, y, x), or None.
    calibration
        complex64, (frame, coil, cy, cx), or None. Smaller calibration regions are zero-padded to the largest, as
        networks that pad the region to the full grid do anyway.
    reference
        complex64 or float32, (frame, y, x), or None.
    scale
        float32, (frame,).
    subjects, names
        One for each frame.
    index
        int64, (frame,).
    """

    kspace: Tensor
    mask: Tensor
    maps: Tensor | None
    calibration: Tensor | None
    reference: Tensor | None
    scale: Tensor
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    index: Tensor

    def __len__(self) -> int:
        """Return the number of examples."""
        return self.kspace.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the batch with every tensor on `device`."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory, for asynchronous copies to a GPU; torch's loaders call this."""
        return self._changed(Tensor.pin_memory)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors: dict[str, Any] = {
            field.name: change(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **tensors)


def collate(examples: Sequence[Example]) -> Batch:
    """Stack examples into a batch: the ``collate_fn`` of a `torch.utils.data.DataLoader`.

    Raises
    ------
    InputError
        When sizes or coils differ, or some examples have
        a reference, a magnitude, maps or calibration lines and others have not.
    """
    shapes = sorted({tuple(example.kspace.shape) for example in examples})
    if len(shapes) > 1:
        listed = ", ".join("×".join(map(str, shape)) for shape in shapes)
        raise InputError(
            f"A batch got examples of different sizes (coil × ky × kx: {listed}); crop them to one size, or gather "
            "examples of one shape (Examples.shape)."
        )
    return Batch(
        torch.stack([example.kspace for example in examples]),
        torch.stack([example.mask for example in examples]),
        _stack("coil maps", [example.maps for example in examples]),
        _stack("calibration lines", _padded_to_one_size([example.calibration for example in examples])),
        _stack("a complex or a magnitude reference", [example.reference for example in examples]),
        torch.tensor([example.scale for example in examples]),
        tuple(example.subject for example in examples),
        tuple(example.name for example in examples),
        torch.tensor([example.index for example in examples]),
    )


def _stack(contents: str, tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    if not present:
        return None
    if len(present) < len(tensors) or len({tensor.dtype for tensor in present}) > 1:
        raise InputError(f"Some examples of a batch have {contents} and others have not; use data that agree in this.")
    return torch.stack(present)


def _padded_to_one_size(calibrations: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the calibration regions, the smaller ones zero-padded to the largest size."""
    sizes = [each.shape[-2:] for each in calibrations if each is not None]
    if len(set(sizes)) <= 1:
        return list(calibrations)
    largest = [max(size) for size in zip(*sizes, strict=True)]
    return [None if each is None else _zero_padded(each, largest) for each in calibrations]


def _zero_padded(calibration: Tensor, size: Sequence[int]) -> Tensor:
    rows, columns = (centre_slice(full, width) for full, width in zip(size, calibration.shape[-2:], strict=True))
    return pad(calibration, (columns.start, size[1] - columns.stop, rows.start, size[0] - rows.stop))
