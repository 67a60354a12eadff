"""Where the centre of k-space lies in a raw file: what its header states, and what the energy of its samples shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.content import UNCHECKED, find_peak, misplaced, tolerance
from fourfold.formats.lines.table import Indices, Table, is_reversed, valid_range

__all__ = ["Centre", "LineEnergies"]

Array = npt.NDArray[Any]

FIELDS = {
    "line": "encoding step 1",
    "partition": "encoding step 2",
    "forward": "samples after the lines' center_sample",
    "reverse": "samples after the reversed lines' center_sample",
}
AXES = {"line": "the lines", "partition": "the partitions", "forward": "the readout", "reverse": "the readout"}
ADVICE = (
    "export the scan again, take the centre from the data with --centre data (in Python centre='data'), or "
    "give it, such as --centre"
)


@dataclass(frozen=True)
class Centre:
    """Encoding steps 1 and 2 at the centre of k-space, and how far after ``center_sample`` it lies along the readout.

    Reversed lines are turned round before their samples are counted.
    """

    line: int
    partition: int
    forward: int = 0
    reverse: int = 0

    def differences(self, other: Centre) -> str:
        """Return in words how this centre differs from `other`."""
        pairs = [(words, getattr(self, name), getattr(other, name)) for name, words in FIELDS.items()]
        return ", ".join(f"{words} {value} instead of {stated}" for words, value, stated in pairs if value != stated)


class LineEnergies:
    """Sums the energy of imaging lines by encoding step, and along the readout of forward and of reversed lines.

    Parameters
    ----------
    table
        The lines' headers.
    lines
        The lines that will be added.
    """

    def __init__(self, table: Table, lines: Indices) -> None:
        self.table = table
        rows = table[lines]
        steps = [rows["idx"][name].astype(int) for name in ("kspace_encode_step_1", "kspace_encode_step_2")]
        self.energy = np.zeros([step.max() + 1 for step in steps])
        self.counts = np.zeros(self.energy.shape)
        centres = rows["center_sample"].astype(int)
        self.origin = int(centres.max())
        length = self.origin + int((rows["number_of_samples"] - centres).max())
        self.readouts = {reverse: np.zeros(length) for reverse in (False, True)}
        self.typical = {reverse: rows[is_reversed(rows) == reverse][:1] for reverse in (False, True)}

    def add(self, part: Indices, samples: Array) -> None:
        """Add lines with their samples (line, coil, sample), the reversed ones turned round."""
        energy = (np.square(samples.real, dtype=float) + np.square(samples.imag, dtype=float)).sum(axis=1)
        rows = self.table[part]
        starts = self.origin - rows["center_sample"].astype(int)
        for row, line, start, reverse, first, end in zip(
            rows, energy, starts, is_reversed(rows), *valid_range(rows), strict=True
        ):
            self.readouts[bool(reverse)][start + first : start + end] += line[first:end]
            step = row["idx"]["kspace_encode_step_1"], row["idx"]["kspace_encode_step_2"]
            self.energy[step] += line[first:end].sum()
            self.counts[step] += 1

    @property
    def has_clear_peak(self) -> bool:
        """Whether the lines have a clear peak."""
        return find_peak(self._profiles()[0]) is not None

    def _profiles(self) -> tuple[Array, Array]:
        """Return the energy along encoding steps 1 and 2, repeated lines averaged."""
        mean = self.energy / np.maximum(self.counts, 1)
        return mean.sum(axis=1), mean.sum(axis=0)

    def contradictions(self, centre: Centre, sizes: tuple[int, int, int]) -> dict[str, int]:
        """Return the fields of `centre` that the samples contradict, with what they show instead.

        Parameters
        ----------
        centre
            What is taken for the centre.
        sizes
            Encoded matrix (x, y, z).
        """
        nx, ny, nz = sizes
        lines, partitions = self._profiles()
        places = {
            "line": misplaced(lines, centre.line, ny),
            "partition": misplaced(partitions, centre.partition, nz),
        }
        for name, reverse in (("forward", False), ("reverse", True)):
            peak = misplaced(self.readouts[reverse], self.origin + getattr(centre, name), nx)
            places[name] = None if peak is None else self._readout_shift(peak - self.origin, reverse, nx)
        return {name: value for name, value in places.items() if value is not None}

    def _readout_shift(self, peak: int, reverse: bool, size: int) -> int:
        """Return how far after ``center_sample`` the centre lies, given that the energy peaks `peak` after it.

        Where reversed lines count the sample before they are turned round, which is exact, this is taken.
        """
        row = self.typical[reverse]
        if reverse:
            turned = int(row["number_of_samples"][0]) - 1 - 2 * int(row["center_sample"][0])
            if abs(turned - peak) <= tolerance(size):
                return turned
        return peak

    def mismatch(self, name: str, place: int, centre: Centre) -> str:
        """Return a sentence on a field of `centre` that the samples contradict: what they show, and what to do."""
        if name in ("line", "partition"):
            step = 1 if name == "line" else 2
            return (
                f"the energy peaks at kspace_encode_step_{step} = {place}, but the centre of "
                f"kspace_encoding_step_{step} is {getattr(centre, name)}: {ADVICE} {name}={place}"
            )
        start = int(self.typical[name == "reverse"]["center_sample"][0])
        kind = "reversed lines, turned round, peak" if name == "reverse" else "lines peak"
        return (
            f"the {kind} at sample {start + place}, but their center_sample is {start + getattr(centre, name)}: "
            f"{ADVICE} sample={start + place}"
        )

    def confirms(self, name: str, centre: Centre, sizes: tuple[int, int, int], other: LineEnergies) -> bool:
        """Whether these lines have a clear peak where `centre` says, in the field `name`, as `other` says of its own.

        Along the readout they must count their samples as those of `other` do.
        """
        if name in ("line", "partition"):
            profile = self._profiles()[name == "partition"]
        else:
            reverse = name == "reverse"
            profile = self.readouts[reverse]
            if not np.array_equal(self._counted(reverse), other._counted(reverse)):
                return False
        return find_peak(profile) is not None and name not in self.contradictions(centre, sizes)

    def _counted(self, reverse: bool) -> Array:
        """Return how the first line of a kind counts its samples; empty without such lines."""
        row = self.typical[reverse]
        return np.concatenate([row["number_of_samples"], row["center_sample"]])

    def check(
        self, centre: Centre, sizes: tuple[int, int, int], where: str, first: LineEnergies | None
    ) -> tuple[str, ...]:
        """Refuse a centre that the samples contradict, by the first of its fields.

        Parameters
        ----------
        centre, sizes
            As in `contradictions`.
        where
            The file, for messages.
        first
            Energies of the first frame of the same slice, if these lines are of another one. Where that confirms the
            centre, the header is right, and the field or a flow has shifted the energy of a later echo or phase.

        Returns
        -------
        notes
            What has been shifted.
        """
        notes = []
        for name, place in self.contradictions(centre, sizes).items():
            if first is None or not first.confirms(name, centre, sizes, self):
                raise InputError(f"{where}: {self.mismatch(name, place, centre)}; or {UNCHECKED}.")
            off = abs(place - getattr(centre, name))
            notes.append(
                f"Along {AXES[name]} the energy peaks {off} off the centre, where the first frame of the slice has it, "
                "as off-resonance or flow shift it in a late echo."
            )
        return tuple(notes)
