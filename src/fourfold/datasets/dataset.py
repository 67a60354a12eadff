"""Examples for training, validation and test, as plain torch data sets."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fourfold.datasets.acquisition import Acquisition
from fourfold.datasets.augmentation import augment_image, crop_or_pad, flip
from fourfold.datasets.draw import Draw
from fourfold.datasets.example import Example
from fourfold.datasets.images import ImageVolume
from fourfold.datasets.masks import AnyMaskDrawer
from fourfold.datasets.raw import RawVolume, mirrored
from fourfold.datasets.settings import Augmentation, DataSettings, Part
from fourfold.datasets.shared import shared_zeros
from fourfold.datasets.simulation import simulate_acquisition
from fourfold.datasets.sources import open_source
from fourfold.datasets.split import PARTS, refuse_shared, split_subjects
from fourfold.datasets.volume import Volume
from fourfold.errors import InputError
from fourfold.physics.calibration import calibration_kspace
from fourfold.physics.scale import intensity_scale
from fourfold.scan import Axis, Sampling, Scan

__all__ = ["Examples", "test_set", "training_set", "validation_set"]

# The width of ESPIRiT's kernel.
_ESPIRIT_LINES = 6


def training_set(settings: DataSettings, seed: int = 0) -> Examples:
    """Return the examples for training; those of each epoch are drawn anew (`Examples.set_epoch`).

    Raises
    ------
    InputError
        For anything about the data or the settings that does not fit, before a training starts.
    """
    return _part(settings, "training", seed)


def validation_set(settings: DataSettings, seed: int = 0) -> Examples:
    """Return the examples for validation, the same in every epoch; raises as `training_set`."""
    return _part(settings, "validation", seed)


def test_set(settings: DataSettings, seed: int = 0) -> Examples:  # noqa: PT028  # no test of ours
    """Return the examples for test, the same in every epoch; raises as `training_set`."""
    return _part(settings, "test", seed)


def _part(settings: DataSettings, part: Part, seed: int) -> Examples:
    own = {name: getattr(settings, name) for name in PARTS}
    volumes = {name: [volume for source in own[name] for volume in open_source(source)] for name in PARTS}
    if settings.sources:
        every = [volume for source in settings.sources for volume in open_source(source)]
        subjects = split_subjects(_subjects(every), settings.split)
        return Examples(every, subjects[part], settings, part, seed)
    refuse_shared({name: _subjects(volumes[name]) for name in PARTS})
    return Examples(volumes[part], None, settings, part, seed)


def _subjects(volumes: Sequence[Volume]) -> set[str]:
    return {volume.subject(index) for volume in volumes for index in range(len(volume))}


class Examples(Dataset[Example]):
    """Examples made of files, one at a time and when asked for.

    An example depends on seed, part, epoch and index alone, so that it is the same whichever worker makes it. Nothing
    stays open between reads.

    Parameters
    ----------
    volumes
        The files.
    subjects
        Whose slices to use; None uses all.
    settings, part, seed
        What examples are made of and how. Augmentation is for ``training`` alone, and so are new numbers in each epoch.

    Raises
    ------
    InputError
        When there is no example, or the settings do not suit the files.
    """

    def __init__(
        self,
        volumes: Sequence[Volume],
        subjects: frozenset[str] | None,
        settings: DataSettings,
        part: Part,
        seed: int = 0,
    ) -> None:
        self.settings, self.part, self.seed = settings, part, seed
        self.augmentation = settings.augmentation if part == "training" else Augmentation()
        self.volumes = tuple(volumes)
        self._places = self._find(subjects)
        # In memory that workers share: those that live on see a new epoch.
        self._epoch = shared_zeros((), torch.int64)
        grids = self._check()
        self._masks = None if settings.masks is None else AnyMaskDrawer(settings.masks, grids, Draw(seed, part))
        self._check_calibration()

    def _find(self, subjects: frozenset[str] | None) -> Tensor:
        """Return (file, slice) of each example, int64 (example, 2)."""
        found = [
            (number, index)
            for number, volume in enumerate(self.volumes)
            for index in range(len(volume))
            if subjects is None or volume.subject(index) in subjects
        ]
        if not found:
            raise InputError(f"There is no data for {self.part}; name sources or subjects for it.")
        places = torch.tensor(found)
        limit = self.settings.limit(self.part)
        if limit is None:
            return places
        if limit > len(found):
            raise InputError(f"{limit} images were asked for {self.part} but there are {len(found)}; ask for fewer.")
        order = Draw(self.settings.split.seed, self.part).numbers("images").permutation(len(found))
        return places[torch.from_numpy(order[:limit])]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def epoch(self) -> int:
        """The epoch whose examples are drawn."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw the examples of this epoch from now on, in this process and its workers; in training alone.

        A training that goes on at an epoch thus sees what it would have seen unbroken.
        """
        if self.part == "training":
            self._epoch.fill_(epoch)

    def at_epoch(self, epoch: int) -> Examples:
        """Return the same data set with an epoch of its own, which no other process moves."""
        twin = copy.copy(self)
        twin._epoch = torch.tensor(epoch if self.part == "training" else 0)
        return twin

    def subject(self, index: int) -> str:
        """Return whom an example shows."""
        volume, place = self._volume(index)
        return volume.subject(place)

    def name(self, index: int) -> str:
        """Return file and slice of an example."""
        volume, place = self._volume(index)
        return volume.name(place)

    def shape(self, index: int) -> tuple[int, int, int]:
        """Return (coils, ny, nx) of an example in this epoch, without making it."""
        volume, place = self._volume(index)
        draw = self._draw(index)
        return self._coils(volume, draw), *self._size(volume, place, draw)

    def summary(self) -> dict[str, Any]:
        """Return what the examples are made of, as JSON types: for a manifest."""
        numbers = sorted(set(self._places[:, 0].tolist()))
        return {
            "part": self.part,
            "examples": len(self),
            "subjects": sorted({self.subject(index) for index in range(len(self))}),
            "files": [str(self.volumes[number].path) for number in numbers],
            "left_out": {
                str(self.volumes[number].path): self.volumes[number].left_out
                for number in numbers
                if self.volumes[number].left_out
            },
            "settings": self.settings.model_dump(mode="json"),
            "seed": self.seed,
        }

    def __getitem__(self, index: int) -> Example:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} examples for {self.part}; {index} was asked for")
        index %= len(self)
        draw = self._draw(index)
        volume, place = self._volume(index)
        if isinstance(volume, RawVolume):
            acquisition = self._raw(volume, place, draw)
        else:
            assert isinstance(volume, ImageVolume)
            acquisition = self._simulated(volume, place, draw)
        return self._example(acquisition, index)

    def _volume(self, index: int) -> tuple[Volume, int]:
        number, place = self._places[index].tolist()
        return self.volumes[number], place

    def _draw(self, index: int) -> Draw:
        return Draw(self.seed, self.part, self.epoch, index)

    def _coils(self, volume: Volume, draw: Draw) -> int:
        if isinstance(volume, RawVolume):
            return volume.coils
        coils = self.settings.simulation.coils
        return coils if isinstance(coils, int) else int(draw.numbers("number of coils").choice(coils))

    def _size(self, volume: Volume, place: int, draw: Draw) -> tuple[int, int]:
        sizes = self.augmentation.sizes
        if sizes:
            return sizes[int(draw.numbers("size").integers(len(sizes)))]
        return volume.settings.crop or volume.size(place)

    def _simulated(self, volume: ImageVolume, place: int, draw: Draw) -> Acquisition:
        image = volume.image(place)
        if not bool(torch.isfinite(image).all()):
            raise InputError(f"The image '{volume.name(place)}' holds NaN or Inf; correct it or leave it out.")
        image = augment_image(image, self.augmentation, draw)
        anywhere = draw.numbers("shift") if self.augmentation.shift else None
        image = crop_or_pad(image, self._size(volume, place, draw), anywhere)
        image = flip(image, draw) if self.augmentation.flip else image
        if not bool(image.any()):
            raise InputError(f"The image '{volume.name(place)}' is zero where it is cropped; choose a larger crop.")
        simulated = simulate_acquisition(image, self._coils(volume, draw), self.settings.simulation, draw)
        assert self._masks is not None
        mask = self._masks((*image.shape, "ky"), draw)
        measured = Scan(torch.where(mask, simulated.kspace, 0)[None], Sampling(mask[None]))
        return Acquisition(measured, image=simulated.image, true_maps=simulated.maps)

    def _raw(self, volume: RawVolume, place: int, draw: Draw) -> Acquisition:
        anywhere = draw.numbers("shift") if self.augmentation.shift else None
        scan = volume.scan(place, self._size(volume, place, draw), anywhere)
        if self._masks is None:
            return Acquisition(scan)
        if not scan.fully_sampled:
            raise InputError(
                f"'{volume.name(place)}' is undersampled already ({scan.acceleration:.2f}×) and no mask can be drawn "
                "for it; leave it out, or set masks: null to train on such data without references."
            )
        scan = mirrored(scan, draw) if self.augmentation.flip else scan
        mask = self._masks((*scan.shape, volume.line_axis), draw)
        return Acquisition(scan.with_sampling(Sampling(mask[None])), full=scan.kspace[0])

    def _example(self, acquisition: Acquisition, index: int) -> Example:
        measured = acquisition.measured
        scale = intensity_scale(measured)
        if not scale > 0:
            raise InputError(f"The samples of '{self.name(index)}' that the mask keeps are zero; leave it out.")
        maps = acquisition.maps(self.settings)
        reference = acquisition.reference(self.settings, maps)
        box = calibration_kspace(measured, minimum=0, size=self.settings.calibration)[0]
        return Example(
            kspace=measured.kspace[0] / scale,
            mask=measured.mask[0],
            maps=maps,
            calibration=box / scale if box.numel() else None,
            reference=None if reference is None else reference / scale,
            scale=scale,
            subject=self.subject(index),
            name=self.name(index),
            index=index,
        )

    def _check(self) -> set[tuple[int, int, Axis]]:
        """Refuse sizes that cannot be made; return the grids of all examples."""
        grids: set[tuple[int, int, Axis]] = set()
        for number in sorted(set(self._places[:, 0].tolist())):
            volume = self.volumes[number]
            size = volume.size(0)
            axis: Axis = volume.line_axis if isinstance(volume, RawVolume) else "ky"
            for wanted in self.augmentation.sizes or (volume.settings.crop or size,):
                self._check_size(volume, size, wanted)
                grids.add((*wanted, axis))
        return grids

    def _check_size(self, volume: Volume, size: tuple[int, int], wanted: tuple[int, int]) -> None:
        pads = isinstance(volume, ImageVolume) and volume.settings.pad
        if not pads and any(full < cut for full, cut in zip(size, wanted, strict=True)):
            raise InputError(
                f"'{volume.path}' is {size[0]}×{size[1]}, smaller than the crop of {wanted[0]}×{wanted[1]}; choose a "
                "smaller crop, or pad: true for images."
            )

    def _check_calibration(self) -> None:
        """Refuse settings whose coil maps or references nobody could make."""
        several = any(self.shape(index)[0] > 1 for index in range(len(self)))
        if several and self.settings.maps == "none" and self.settings.reference == "image":
            raise InputError(
                "Without coil maps the phase of an image of several coils is not defined; choose reference 'rss' or "
                "give maps."
            )
