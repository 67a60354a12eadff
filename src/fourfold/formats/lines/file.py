"""`LineFile`: a raw file of lines, each with a header of its own, that are sorted into frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.assembly import Assembly
from fourfold.formats.lines.centre import Centre, LineEnergies
from fourfold.formats.lines.centre_option import choose_centre
from fourfold.formats.lines.encoding import Encoding, Header, check_limits, field_of_view_notes
from fourfold.formats.lines.grid import Grid, VolumeSplit, as_two_dimensional
from fourfold.formats.lines.groups import LineGroups
from fourfold.formats.lines.placement import placement_notes, placements
from fourfold.formats.lines.places import LinePlaces
from fourfold.formats.lines.repeat_check import check_repeats
from fourfold.formats.lines.repeats import Repeats, check_choice
from fourfold.formats.lines.table import STEPS, Indices, LineReader, Table, is_reversed, roles
from fourfold.formats.masks import merge_frames
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.stacks import FRAME_BYTES, slice_spacing
from fourfold.memory import require_memory
from fourfold.scan import FrameLabels, Geometry, RawSampling, RawScan, crop_centre
from fourfold.scan.kspace_checks import check_mask_centre

__all__ = ["LineFile"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

BLOCK_BYTES = 2**28
POINTS_ADVICE = "save the samples as 'kspace' and their points as 'trajectory' in an .npz file"


@dataclass(frozen=True)
class FrameData:
    """Frames of one group of lines."""

    kspace: Array
    """complex64, (point, coil, *matrix)."""
    mask: Mask
    """bool, (*matrix)."""
    calibration_kspace: Array | None
    """complex64, (point, coil, ky, kx), or None."""
    notes: tuple[str, ...]
    """What a reader must know of these lines."""


class LineFile(ScanFile):
    """Reads Cartesian lines, frame by frame; formats whose files hold lines derive from it.

    Frames are slices (in the order of their positions), contrasts, phases, sets and repetitions. Averages are averaged.
    Readout oversampling is removed unless it is to be kept. The header's centre and limits say where lines lie; the
    rest of k-space is zero. A three-dimensional scan is split along its partitions where these are fully sampled, else
    along the readout. A scan whose lines are all of one partition is two-dimensional, whatever the header's matrix.
    Lines of EPI that were sampled on the ramps of the readout gradient are brought to an even grid, and its ghost is
    corrected by navigators.

    Attributes
    ----------
    header
        What the file says of the whole scan.
    table
        The headers of all lines.
    space
        The chosen encoding space.
    roles
        What each line is for.
    """

    options: ClassVar[tuple[str, ...]] = ("encoding", "repeats", "centre", "embedded", "keep_oversampling")

    header: Header
    table: Table
    space: Encoding

    @abstractmethod
    def open_lines(self) -> AbstractContextManager[LineReader]:
        """Open the file for as long as lines are read."""

    def arrange(
        self,
        header: Header,
        table: Table,
        *,
        encoding: int = 0,
        repeats: Repeats | None = None,
        centre: str | None = None,
        embedded: bool | None = None,
        keep_oversampling: bool = False,
    ) -> None:
        """Sort the lines into frames; a format's `__init__` calls it when it has read the headers.

        Parameters
        ----------
        header, table
            As in the class.
        encoding
            Index of the encoding space to read.
        repeats
            What becomes of lines that were acquired more than once, as averages or under the same counters:
            ``average`` averages them, ``frames`` makes a frame of each repeat. None averages them and refuses those
            that differ far beyond noise.
        centre
            Where the centre of k-space lies, where the header is wrong: ``data``, or places such as
            ``line=32,sample=60``.
        embedded
            Whether lines that are flagged as calibration alone belong to the image too; None: as the header says.
        keep_oversampling
            Whether k-space keeps the oversampling along the readout; images are then cut to what the scanner shows. Of
            a volume that is split along the readout, the frames outside of that are kept.
        """
        check_choice(repeats)
        self.header, self.table, self.repeats = header, table, repeats
        space = self._choose_encoding(header, encoding)
        in_image = space.calibration_mode == "embedded" if embedded is None else embedded
        self.roles = roles(table, encoding, embedded=in_image)
        if not self.roles.imaging.size:
            raise InputError(f"'{self.path}' has no imaging line in encoding space {encoding}: export the scan again.")
        self.groups = LineGroups.of(table, self.roles.imaging, repeats)
        self.used = np.union1d(self.roles.imaging, self.roles.calibration)
        self.space = self._place_lines(space, centre, keep_oversampling)
        self.line_places.check(self.used)
        if self.space.ramp is not None:
            for samples in np.unique(table["number_of_samples"][self.used]):
                self.space.ramp.check(int(samples), self.path)
        self.coils = int(table["active_channels"][self.roles.imaging[0]])
        self.grid.require_memory(self.coils, self.path)
        self.by_readout = not self.line_places.partitions_are_full(self.groups.lines)
        self._describe(header, self.space)

    def _choose_encoding(self, header: Header, encoding: int) -> Encoding:
        """Return the chosen encoding space; refuses trajectories that are not Cartesian."""
        space = header.encoding(encoding, self.path)
        if not space.on_grid:
            raise InputError(
                f"'{self.path}' has the trajectory '{space.trajectory}'; fourfold reads Cartesian lines and EPI of "
                f"this format: {POINTS_ADVICE}."
            )
        return space

    def _place_lines(self, space: Encoding, centre: str | None, keep_oversampling: bool) -> Encoding:
        """Set the grid and each line's place on it; return the encoding space, without partitions where all are one."""
        check_limits(space.lines, STEPS[0], self.path)
        partitions = np.unique(self.table["idx"][STEPS[1]][self.used].astype(int))
        if len(partitions) > 1:
            check_limits(space.partitions, STEPS[1], self.path)
        else:
            if space.matrix[2] > 1:
                self.notes += (
                    f"The header's matrix has {space.matrix[2]} partitions, but all lines are of the same one "
                    f"({STEPS[1]} is {partitions[0]}); the scan was read as two-dimensional.",
                )
            space = as_two_dimensional(space)
        self.grid = Grid.of(space, keep_oversampling)
        stated = Centre(self.grid.line_centre, self.grid.partition_centre)
        imaging = self.table[self.roles.imaging]
        self.centre, notes = choose_centre(centre, stated, imaging, self.grid.sizes, self._energies_of_clear_group)
        self.notes += notes
        self.line_places = LinePlaces.of(self.path, self.table, self.grid, self.centre, len(partitions) > 1, space.ramp)
        return space

    def _energies_of_clear_group(self) -> LineEnergies:
        """Return the energies of the first group of lines, from the middle on, whose peak is clear."""
        groups = self.groups.lines
        middle = len(groups) // 2
        with self.open_lines() as lines:
            for group in groups[middle:] + groups[:middle]:
                energies = self._line_energies(lines, group)
                if energies.has_clear_peak:
                    return energies
        raise InputError(
            f"The lines of '{self.path}' have no clear peak, which would show their centre: give its place, such as "
            "--centre line=32 (in Python centre='line=32')."
        )

    def _line_energies(self, lines: LineReader, chosen: Indices) -> LineEnergies:
        """Return the energies of these lines."""
        energies = LineEnergies(self.table, chosen)
        for part, samples in lines(chosen):
            energies.add(part, samples)
        return energies

    def _describe(self, header: Header, space: Encoding) -> None:
        """Set what is known about the frames."""
        split = VolumeSplit(self.grid, self.by_readout)
        self.matrix, self.image_size, self.points = split.matrix, split.image_size, split.points
        self.frames = len(self.groups.lines) * len(self.points)
        subject = f"A list of the {self.frames} frames of '{self.path}'"
        require_memory(self.frames * FRAME_BYTES, subject, "export the scan again")
        frame_bytes = 8 * self.coils * self.matrix[0] * self.matrix[1]
        self.block = min(len(self.points), max(1, BLOCK_BYTES // frame_bytes))
        self.dtype = "complex64"
        # Siemens gives directions for images made by the forward transform. Images here are made by the inverse one,
        # which the conjugate of the samples makes up for.
        conjugate = "siemens" in header.facts.get("vendor", "").lower()
        self.assembly = Assembly(self.line_places, split, self.coils, conjugate)
        self.details = {**header.facts, **self._facts(), **self._noise_facts()}
        self.protocol, self.identity = header.protocol, header.identity
        self.placements = placements(self.table, self.groups.lines, split)
        self.spacing = None
        self.volume = self.geometry(range(self.frames))
        self.spacing = slice_spacing(self.volume, self.labels(range(self.frames)))
        self.notes += (
            *header.notes,
            *self.groups.notes,
            *field_of_view_notes(space),
            *placement_notes(self.placements),
        )

    def _facts(self) -> dict[str, Any]:
        """Return facts about the lines and the grid."""
        return {
            "conjugated": self.assembly.conjugate,
            "averages": len(np.unique(self.table["idx"]["average"][self.roles.imaging])),
            "encoded_matrix": list(self.grid.sizes),
            "split_along": self.assembly.split.axis,
            "regridded": self.space.ramp is not None,
            "lines": {
                "imaging": self.roles.imaging.size,
                "calibration_apart": self.roles.calibration.size,
                "noise": self.roles.noise.size,
                "phase_correction": self.roles.phase_correction.size,
                "left_out": self.roles.left_out,
            },
        }

    def _noise_facts(self) -> dict[str, Any]:
        """Return facts about the noise scan."""
        if not self.roles.noise.size:
            return {}
        noise, line = self.table[self.roles.noise[0]], self.table[self.roles.imaging[0]]
        facts: dict[str, Any] = {}
        if 0 < line["sample_time_us"] < np.inf and 0 < noise["sample_time_us"] < np.inf:
            facts["noise_dwell_time_ratio"] = round(float(noise["sample_time_us"] / line["sample_time_us"]), 4)
        if not self._has_noise():
            facts["noise_left_out"] = f"{noise['active_channels']} coils, but the image lines have {self.coils}"
        return facts

    def _has_noise(self) -> bool:
        coils = self.table["active_channels"][self.roles.noise]
        return bool(coils.size) and bool((coils == self.coils).all())

    def labels_of_format(self, frames: Sequence[int]) -> FrameLabels:
        """Return the counters of the frames' lines."""
        return FrameLabels.of_each([self._label(frame) for frame in frames])

    def _label(self, frame: int) -> dict[str, int]:
        group, point = divmod(frame, len(self.points))
        label = self.groups.label(group)
        if self.by_readout:
            label["readout"] = point
        elif self.grid.nz > 1:
            label["partition"] = point
        return label

    def geometry(self, frames: Sequence[int]) -> Geometry:
        """Return where the frames lie, from the headers of their first lines."""
        voxel = self.assembly.split.voxel_size
        known = tuple(place for place in (self.placements[frame] for frame in frames) if place is not None)
        geometry = Geometry(
            voxel,
            self.image_size,
            known if len(known) == len(frames) else (),
            slice_thickness=voxel[0],
            phase_axis=None if self.by_readout else "y",
        )
        spacing = slice_spacing(geometry) or self.spacing or voxel[0]
        return replace(geometry, voxel_size=(spacing, *voxel[1:]))

    def read(self, frames: Sequence[int]) -> RawScan:
        """Read frames; only the lines that they need are loaded, a few at a time."""
        places = [divmod(frame, len(self.points)) for frame in frames]
        points: dict[int, list[int]] = {}
        for group, point in places:
            points.setdefault(group, []).append(point)
        with self.open_lines() as lines:
            groups = {group: self._read_group(lines, group, chosen) for group, chosen in points.items()}
            noise = self.assembly.noise(lines, self.roles.noise) if self._has_noise() else None
        parts = [(groups[group], points[group].index(point)) for group, point in places]
        calibrations = [part.calibration_kspace[index] for part, index in parts if part.calibration_kspace is not None]
        source = self.source()
        notes = [*source.notes, *(note for part in groups.values() for note in part.notes)]
        return RawScan(
            np.stack([part.kspace[index] for part, index in parts]),
            sampling=RawSampling(merge_frames(np.stack([part.mask for part, _ in parts]))),
            calibration_kspace=_stack_centres(calibrations) if len(calibrations) == len(frames) else None,
            noise=noise,
            geometry=self.geometry(frames),
            source=replace(source, notes=tuple(dict.fromkeys(notes))),
            labels=self.labels(frames),
        )

    def _read_group(self, lines: LineReader, group: int, points: Sequence[int]) -> FrameData:
        """Read some points of a group of lines."""
        chosen = self.groups.lines[group]
        notes = check_repeats(lines, chosen, self.assembly, self.repeats, group * len(self.points))
        energies = LineEnergies(self.table, chosen) if self.check_content else None
        ghost, ghost_notes = self._ghost(lines, group)
        kspace, mask = self.assembly.kspace(lines, chosen, points, energies, ghost)
        notes += ghost_notes
        if energies is not None:
            notes += self._check_centre(lines, group, energies)
        self._check_pattern(mask)
        calibration = None
        calibration_lines = self.groups.calibration(group, self.roles.calibration)
        if calibration_lines.size:
            whole, where = self.assembly.kspace(lines, calibration_lines, points, ghost=ghost)
            box = RawSampling(where[None]).acs_shape
            calibration = crop_centre(whole, box) if min(box) > 0 else None
        return FrameData(kspace, mask, calibration, notes)

    def _ghost(self, lines: LineReader, group: int) -> tuple[Array | None, tuple[str, ...]]:
        """Return the phase by which EPI's reversed lines differ, None where all lines run one way; and notes."""
        if self.space.trajectory != "epi" or not is_reversed(self.table[self.groups.lines[group]]).any():
            return None, ()
        navigators = self.groups.calibration(group, self.roles.phase_correction)
        phase = self.assembly.ghost(lines, navigators) if navigators.size else None
        if phase is None:
            return None, ("No navigators of both directions were acquired: EPI's ghost was not corrected.",)
        return phase, ()

    def _check_centre(self, lines: LineReader, group: int, energies: LineEnergies) -> tuple[str, ...]:
        """Refuse a centre that this group contradicts; notes where its slice's first group confirms the centre."""
        first = self.groups.first_of_slice(group)
        contradicted = first != group and energies.contradictions(self.centre, self.grid.sizes)
        reference = self._line_energies(lines, self.groups.lines[first]) if contradicted else None
        return energies.check(self.centre, self.grid.sizes, f"'{self.path}'", reference)

    def _check_pattern(self, mask: Mask) -> None:
        """Refuse imaging lines that leave out the centre of k-space where calibration lines would fill it."""
        try:
            check_mask_centre(mask[None])
        except InputError:
            if not np.setdiff1d(self.roles.calibration, self.roles.imaging).size:
                raise
            raise InputError(
                f"The imaging lines of '{self.path}' leave out the centre of k-space, whose lines are flagged as "
                "calibration alone: if these belong to the image too, say so with --embedded (in Python embedded=True)."
            ) from None

    def check_frame(self, kspace: Array, where: str) -> None:  # as in the base
        """Do nothing: the lines' energies have shown where the centre is."""


def _stack_centres(boxes: list[Array]) -> Array:
    """Stack k-space centres (coil, ky, kx) of different sizes, cut to the smallest."""
    size = min(box.shape[1] for box in boxes), min(box.shape[2] for box in boxes)
    return np.stack([crop_centre(box, size) for box in boxes])
