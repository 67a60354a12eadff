"""Examples as a plain torch data set."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fourfold.coils.calibration import calibration_kspace
from fourfold.datasets.acquisition import Acquisition
from fourfold.datasets.augmentation import augment_image, crop_or_pad, flip
from fourfold.datasets.example import Example
from fourfold.datasets.images import ImageVolume
from fourfold.datasets.random_masks import AnyMaskDrawer, Grid
from fourfold.datasets.random_streams import Draw
from fourfold.datasets.raw_data import RawVolume, mirrored
from fourfold.datasets.settings import Augmentation, DataSettings, Part
from fourfold.datasets.shared_memory import shared_zeros
from fourfold.datasets.simulated_acquisition import simulate_acquisition
from fourfold.datasets.volume import Volume
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.scan import Sampling, Scan

__all__ = ["Examples"]

# The width of ESPIRiT's kernel.
_ESPIRIT_LINES = 6


class Examples(Dataset[Example]):
    """Examples made of files, one at a time and when asked for.

    An example depends on seed, part, epoch and index alone, so that it is the same whichever worker makes it. Nothing
    stays open between reads.

    Parameters
    ----------
    volumes
        The files.
    subjects
        Whose slices to use.
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
        subjects: frozenset[str],
        settings: DataSettings,
        part: Part,
        seed: int = 0,
    ) -> None:
        self.settings, self.part, self.seed = settings, part, seed
        self.augmentation = settings.augmentation if part == "training" else Augmentation()
        self.volumes, self._places = self._find(volumes, subjects)
        # In memory that workers share: those that live on see a new epoch.
        self._epoch = shared_zeros((), torch.int64)
        grids = self._grids()
        self._masks = None if settings.masks is None else AnyMaskDrawer(settings.masks, grids, Draw(seed, part))
        self._check_maps()

    def _find(self, volumes: Sequence[Volume], subjects: frozenset[str]) -> tuple[tuple[Volume, ...], Tensor]:
        """Return the files with slices of these subjects, and (file, slice) of each example, int64 (example, 2)."""
        used = tuple(
            volume for volume in volumes if any(volume.subject(index) in subjects for index in range(len(volume)))
        )
        found = [
            (number, index)
            for number, volume in enumerate(used)
            for index in range(len(volume))
            if volume.subject(index) in subjects
        ]
        if not found:
            raise InputError(f"There is no data for {self.part}; name sources or subjects for it.")
        places = torch.tensor(found)
        limit = self.settings.limit(self.part)
        if limit is None:
            return used, places
        if limit > len(found):
            raise InputError(f"{limit} images were asked for {self.part} but there are {len(found)}; ask for fewer.")
        order = Draw(self.settings.split.seed, self.part).numbers("images").permutation(len(found))
        return used, places[torch.from_numpy(order[:limit])]

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
        try:
            return self._example(self._acquisition(index), index)
        except InputError as error:
            name = self.name(index)
            if name in str(error):
                raise
            raise InputError(f"'{name}': {error}") from error

    def _acquisition(self, index: int) -> Acquisition:
        draw = self._draw(index)
        volume, place = self._volume(index)
        if isinstance(volume, RawVolume):
            return self._raw(volume, place, draw)
        assert isinstance(volume, ImageVolume)
        return self._simulated(volume, place, draw)

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
        box = calibration_kspace(measured, minimum=0, size=self.settings.calibration_size)[0]
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

    def _grids(self) -> set[Grid]:
        """Return the grids of all examples; refuse crops that are larger than an image that must not be padded."""
        grids: set[Grid] = set()
        sizes = {(number, self.volumes[number].size(place)) for number, place in self._places.tolist()}
        for number, size in sorted(sizes):
            volume = self.volumes[number]
            for wanted in self.augmentation.sizes or (volume.settings.crop or size,):
                _check_crop(volume, size, wanted)
                grids.add((*wanted, volume.line_axis if isinstance(volume, RawVolume) else "ky"))
        return grids

    def _check_maps(self) -> None:
        """Refuse settings with which coil maps, or a reference that goes with them, cannot be had."""
        settings = self.settings
        raw = any(isinstance(volume, RawVolume) and volume.coils > 1 for volume in self.volumes)
        coils = settings.simulation.coils
        simulated = max(coils) if isinstance(coils, tuple) else coils
        images = simulated > 1 and any(isinstance(volume, ImageVolume) for volume in self.volumes)
        if self._masks is None or (not raw and not images):
            return
        if settings.maps == "none" and settings.reference == "image":
            raise InputError(
                "Without coil maps nobody knows the phase of several coils' image; choose reference 'rss', or maps."
            )
        if images and settings.maps == "espirit":
            self._masks.check_calibration(_ESPIRIT_LINES)


def _check_crop(volume: Volume, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    pads = isinstance(volume, ImageVolume) and volume.settings.pad
    if not pads and any(full < cut for full, cut in zip(size, wanted, strict=True)):
        raise InputError(
            f"'{volume.path}' has images of {size[0]}×{size[1]}, smaller than the crop of {wanted[0]}×{wanted[1]}; "
            f"choose a smaller crop{', or pad: true' if isinstance(volume, ImageVolume) else ''}."
        )
