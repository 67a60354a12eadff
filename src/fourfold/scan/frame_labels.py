"""What each frame of a scan is: its slice, its phase, its contrast and so on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fourfold.errors import InputError, check_type, nearest

__all__ = ["CONTRASTS", "LABELS", "PLACES", "TIMES", "FrameLabels", "check_labels"]

LABELS = {
    "readout": "position along the readout of a volume",
    "partition": "position along a fully sampled phase encoding of a volume",
    "slice": "slice, or slab of a volume",
    "contrast": "echo, or another contrast",
    "phase": "phase of a cycle such as the heart's",
    "time": "point in time",
    "time2": "point on a second axis of time",
    "set": "set, such as a direction of flow or diffusion",
    "repetition": "repetition of the whole acquisition",
    "average": "repeat of the same lines",
    "segment": "segment of an acquisition that holds the same lines as the others",
    "coefficient": "coefficient of a subspace",
    "coefficient2": "coefficient of a second subspace",
    "iteration": "iteration",
    "shift": "chemical shift",
    "level": "level of a multi-resolution image",
    "batch": "independent scan",
    "member": "member of an ensemble of images",
}
"""Labels and their meanings, in the order in which frames are sorted, the one that changes fastest first.

The counters of MRD (https://doi.org/10.1002/mrm.26089), those dimensions of BART that MRD does not have, and members.
"""
PLACES = ("readout", "partition", "slice")
"""Labels that say where a frame lies, the innermost first; all others say when, or how it was acquired."""
CONTRASTS = ("contrast",)
"""Labels that count echoes or other contrasts of one slice."""
TIMES = ("phase", "time", "time2", "repetition", "average", "segment")
"""Labels that count times, the preferred one first: phases of the heart before repetitions of the whole cycle."""


@dataclass(frozen=True)
class FrameLabels:
    """What each frame of a scan or an image is, counted from 0.

    Attributes
    ----------
    numbers
        Of each label that is known, a name in `LABELS`, the number of every frame. The others are not known.

    Raises
    ------
    InputError
        For an unknown name, for numbers that are not whole or negative, and for labels of different numbers of frames.

    Examples
    --------
    >>> labels = FrameLabels({"slice": [0, 1, 0, 1], "phase": [0, 0, 1, 1]})
    >>> labels.words(3)
    'slice 1, phase 1'
    """

    numbers: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_type("The labels of frames", self.numbers, Mapping, "give a mapping such as {'slice': [0, 1, 2]}")
        for name in self.numbers:
            if name not in LABELS:
                known = ", ".join(LABELS)
                raise InputError(f"Frames have no label '{name}'; there are {known}.{nearest(str(name), LABELS)}")
        numbers = {name: _whole_numbers(name, self.numbers[name]) for name in LABELS if name in self.numbers}
        lengths = {name: len(values) for name, values in numbers.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"'{name}' of {length}" for name, length in lengths.items())
            raise InputError(
                f"The labels are of different numbers of frames ({found}): give one number for each frame."
            )
        object.__setattr__(self, "numbers", numbers)

    @classmethod
    def of_each(cls, labels: Sequence[Mapping[str, int]]) -> FrameLabels:
        """Return the labels of frames from those of each frame; a label that some frame lacks is not known."""
        names = [name for name in LABELS if labels and all(name in label for label in labels)]
        return cls({name: [label[name] for label in labels] for name in names})

    @classmethod
    def join(cls, parts: Sequence[FrameLabels]) -> FrameLabels:
        """Return the labels of the frames of all parts; a label that some part lacks is not known."""
        names = [name for name in LABELS if parts and all(name in part.numbers for part in parts)]
        return cls({name: [number for part in parts for number in part.numbers[name]] for name in names})

    @property
    def known(self) -> bool:
        """Whether any label is known."""
        return bool(self.numbers)

    @property
    def counts(self) -> dict[str, int]:
        """How many different numbers each label has."""
        return {name: len(set(values)) for name, values in self.numbers.items()}

    @property
    def varying(self) -> tuple[str, ...]:
        """The labels in which frames differ."""
        return tuple(name for name, count in self.counts.items() if count > 1)

    @property
    def in_common(self) -> FrameLabels:
        """The labels in which all frames agree, of a single frame that is made of all."""
        return FrameLabels({name: values[:1] for name, values in self.numbers.items() if name not in self.varying})

    def of(self, frame: int) -> dict[str, int]:
        """Return the labels of one frame."""
        return {name: values[frame] for name, values in self.numbers.items()}

    def without(self, frame: int, names: Iterable[str]) -> Hashable:
        """Return the labels of one frame but for some; frames that agree in the others have the same."""
        return tuple((name, values[frame]) for name, values in self.numbers.items() if name not in names)

    def words(self, frame: int) -> str:
        """Return the labels of one frame in words, such as ``slice 3, phase 5``; empty where nothing is known."""
        names = (*reversed(PLACES), *(name for name in LABELS if name not in PLACES))
        return ", ".join(f"{name} {self.numbers[name][frame]}" for name in names if name in self.numbers)

    def select(self, frames: Sequence[int]) -> FrameLabels:
        """Return the labels of the frames with these indices, in this order."""
        return FrameLabels({name: [values[frame] for frame in frames] for name, values in self.numbers.items()})


def _whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        raise InputError(
            f"The label '{name}' is {str(values)[:60]}; it must be whole numbers from 0 on, one for each frame."
        )
    numbers: list[int] = array.tolist()
    return tuple(numbers)


def check_labels(labels: Any, frames: int) -> None:
    """Refuse labels that neither know nothing nor have one number for each frame."""
    check_type(
        "The labels", labels, FrameLabels, "make them with fourfold.FrameLabels, or leave them out where unknown"
    )
    given = {len(values) for values in labels.numbers.values()}
    if given - {frames}:
        raise InputError(
            f"The labels are of {given.pop()} frame(s) but there are {frames}; give one number for each frame, or none."
        )
