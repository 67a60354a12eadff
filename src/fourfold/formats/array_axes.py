"""What the axes of an array are, as the user says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, nearest
from fourfold.formats.stacks import FRAME_BYTES
from fourfold.memory import require_memory
from fourfold.scan import LABELS, FrameLabels

__all__ = ["ArrayAxes", "names_of"]

Array = npt.NDArray[Any]

COIL, KY, KX, COMPLEX = "coil", "ky", "kx", "complex"
MOST_NAMED = 12
EXAMPLE = "--axes coil,ky,kx (in Python axes='coil,ky,kx')"


@dataclass(frozen=True)
class ArrayAxes:
    """The axes of an array in their order.

    Attributes
    ----------
    names, sizes
        Of each axis: ``coil``, ``ky``, ``kx``, ``complex`` (real and imaginary part), or a label of frames such as
        ``slice`` or ``time``.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, text: str | None, shape: Sequence[int], is_complex: bool, where: str) -> ArrayAxes:
        """Return the axes that the user names.

        Parameters
        ----------
        text
            Names separated by commas, the slowest first as in NumPy; None where the user gives none.
        shape
            Of the array.
        is_complex
            Whether its numbers are complex.
        where
            Array and file, for messages.

        Raises
        ------
        InputError
            For no or unknown names, for others than the array has axes, and where ky, kx or the imaginary part is
            missing.
        """
        found = f"{where} has the shape {'×'.join(map(str, shape)) or 'of a single number'}"
        if text is None:
            raise InputError(f"{found}: say what its axes are, in their order, such as {EXAMPLE}.")
        names = tuple(name.strip() for name in text.split(","))
        known = (COIL, KY, KX, COMPLEX, *LABELS)
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise InputError(
                f"The axes are said to be '{text}', but '{unknown}' is none of {', '.join(known)}: say it with these, "
                f"such as {EXAMPLE}.{nearest(unknown, known)}"
            )
        if len(set(names)) < len(names) or len(names) != len(shape) or 0 in shape:
            raise InputError(
                f"{found}, but its axes are said to be '{text}': name each axis once, in their order, and leave no "
                "axis empty."
            )
        if KY not in names or KX not in names:
            raise InputError(f"The axes '{text}' lack {KY} or {KX}: name both phase encoding and readout.")
        axes = cls(names, tuple(int(size) for size in shape))
        axes._check_complex(is_complex, found)
        require_memory(axes.frames * FRAME_BYTES, f"A list of the {axes.frames} frames of {where}", "check the axes")
        return axes

    def _check_complex(self, is_complex: bool, found: str) -> None:
        if is_complex and COMPLEX in self.names:
            raise InputError(f"{found} and complex numbers: leave '{COMPLEX}' out of its axes.")
        if not is_complex and COMPLEX not in self.names:
            raise InputError(
                f"{found} and real numbers: where an axis of two holds real and imaginary part, call it '{COMPLEX}'; "
                "where they are two arrays, name both as --dataset REAL,IMAGINARY."
            )
        if COMPLEX in self.names and self.sizes[self.names.index(COMPLEX)] != 2:
            raise InputError(f"{found}: the axis '{COMPLEX}' must have two entries, real and imaginary part.")

    def size(self, name: str) -> int:
        """Return the size of an axis, 1 where there is none."""
        return self.sizes[self.names.index(name)] if name in self.names else 1

    @property
    def _frame_axes(self) -> list[int]:
        return [axis for axis, name in enumerate(self.names) if name in LABELS]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return math.prod(self.sizes[axis] for axis in self._frame_axes)

    def index(self, frame: int) -> tuple[int | slice, ...]:
        """Return the index of a frame in the array."""
        axes = self._frame_axes
        places = np.unravel_index(frame, [self.sizes[axis] for axis in axes]) if axes else ()
        index: list[int | slice] = [slice(None)] * len(self.names)
        for axis, place in zip(axes, places, strict=True):
            index[axis] = int(place)
        return tuple(index)

    def arrange(self, part: Array) -> Array:
        """Return what `index` gives of the array as complex (coil, ky, kx)."""
        names = [name for name in self.names if name not in LABELS]
        if COMPLEX in names:
            axis = names.index(COMPLEX)
            real, imaginary = np.moveaxis(part, axis, 0)
            part = real + 1j * imaginary
            names.remove(COMPLEX)
        if COIL not in names:
            part, names = part[None], [COIL, *names]
        return part.transpose([names.index(name) for name in (COIL, KY, KX)])

    def labels(self, frames: Sequence[int]) -> FrameLabels:
        """Return what frames are."""
        axes = self._frame_axes
        if not axes:
            return FrameLabels()
        places = np.unravel_index(np.asarray(frames), [self.sizes[axis] for axis in axes])
        return FrameLabels({self.names[axis]: place.tolist() for axis, place in zip(axes, places, strict=True)})


def names_of(dataset: str | None, known: dict[str, str], path: Path) -> list[str]:
    """Return the names of one array, or of the real and the imaginary part.

    Parameters
    ----------
    dataset
        What the user says.
    known
        The arrays of the file, and what each is in words.
    path
        The file, for messages.
    """
    listed = ", ".join(f"'{name}' ({words})" for name, words in list(known.items())[:MOST_NAMED])
    rest = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    holds = f"'{path}' holds {listed or 'no array'}{rest}"
    if dataset is None:
        raise InputError(f"{holds}: name the k-space with --dataset and its axes with {EXAMPLE}.")
    names = [dataset] if dataset in known else [name.strip() for name in dataset.split(",")]
    missing = next((name for name in names if name not in known), None)
    if missing is not None or len(names) > 2:
        raise InputError(
            f"{holds}, but no '{missing or dataset}': name one array with --dataset, or two, the real and the "
            f"imaginary part.{nearest(missing or '', known)}"
        )
    return names
