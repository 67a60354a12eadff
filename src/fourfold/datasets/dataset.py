"""The torch data set of examples."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fourfold.coils.calibration import central_calibration
from fourfold.datasets.acquisition import Acquisition
from fourfold.datasets.augmentation import augment_image, crop_or_pad, flip
from fourfold.datasets.example import Example
from fourfold.datasets.images import ImageVolume
from fourfold.datasets.random_masks import Grid, MaskMixture
from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.raw_data import RawVolume, mirrored
from fourfold.datasets.settings import Augmentation, DataSettings, Part
from fourfold.datasets.shared_memory import shared_zeros
from fourfold.datasets.simulated_acquisition import simulate_acquisition
from fourfold.datasets.volume import Volume
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.scan import Sampling, Scan

__all__ = ["Examples"]

# Width of ESPIRiT's kernel.
_ESPIRIT_LINES = 6


class Examples(Dataset[Example]):
    """Examples made from files on demand.

    An example is a function of seed, part, epoch and index, so that it does not depend on the worker that makes it. No
    file stays open between reads.

    Parameters
    ----------
    volumes
        The files.
    subjects
        Subjects of this part.
    settings, part, seed
        How examples are made. Only ``training`` is augmented and changes from epoch to epoch.

    Raises
    ------
    InputError
        When there is no example, or the settings are unsuitable for the files.
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
        self.volumes, self._locations = self._find(volumes, subjects)
        # In shared memory, so that persistent workers get the new epoch.
        self._epoch = shared_zeros((), torch.int64)
        grids = self._grids()
        self._masks = None if settings.masks is None else MaskMixture(settings.masks, grids, RandomStreams(seed, part))
        self._check_maps()

    def _find(self, volumes: Sequence[Volume], subjects: frozenset[str]) -> tuple[tuple[Volume, ...], Tensor]:
        """Return the files with slices of these subjects, and each example's file and slice, int64 (example, 2)."""
        used = tuple(
            volume for volume in volumes if any(volume.subject(index) in subjects for index in range(len(volume)))
        )
        locations = [
            (number, index)
            for number, volume in enumerate(used)
            for index in range(len(volume))
            if volume.subject(index) in subjects
        ]
        if not locations:
            raise InputError(f"There is no data for {self.part}; name sources or subjects for it.")
        limit = self.settings.limit(self.part)
        if limit is None:
            return used, torch.tensor(locations)
        count = len(locations)
        if limit > count:
            raise InputError(f"{limit} images are to be used for {self.part} but there are {count}; use fewer.")
        order = RandomStreams(self.settings.split.seed, self.part).numpy_generator("images").permutation(count)
        return used, torch.tensor(locations)[torch.from_numpy(order[:limit])]

    def __len__(self) -> int:
        return len(self._locations)

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, in this process and its workers; only training examples depend on it."""
        if self.part == "training":
            self._epoch.fill_(epoch)

    def at_epoch(self, epoch: int) -> Examples:
        """Return the same data set at a fixed epoch, which other processes do not change."""
        examples = copy.copy(self)
        examples._epoch = torch.tensor(epoch if self.part == "training" else 0)
        return examples

    def subject(self, index: int) -> str:
        """Return the subject of an example."""
        volume, slice_index = self._volume(index)
        return volume.subject(slice_index)

    def name(self, index: int) -> str:
        """Return file and slice of an example."""
        volume, slice_index = self._volume(index)
        return volume.name(slice_index)

    def shape(self, index: int) -> tuple[int, int, int]:
        """Return (coils, ny, nx) of an example in this epoch, without making it."""
        volume, slice_index = self._volume(index)
        streams = self._streams(index)
        return self._coils(volume, streams), *self._size(volume, slice_index, streams)

    def summary(self) -> dict[str, Any]:
        """Return part, subjects, files and settings as JSON types."""
        numbers = sorted(set(self._locations[:, 0].tolist()))
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
            raise IndexError(f"there are {len(self)} examples for {self.part}; there is no {index}")
        index %= len(self)
        try:
            return self._example(self._acquisition(index), index)
        except InputError as error:
            name = self.name(index)
            if error.source == name:
                raise
            raise InputError(f"'{name}': {error}", source=name) from error

    def _acquisition(self, index: int) -> Acquisition:
        streams = self._streams(index)
        volume, slice_index = self._volume(index)
        if isinstance(volume, RawVolume):
            return self._raw(volume, slice_index, streams)
        assert isinstance(volume, ImageVolume)
        return self._simulated(volume, slice_index, streams)

    def _volume(self, index: int) -> tuple[Volume, int]:
        number, slice_index = self._locations[index].tolist()
        return self.volumes[number], slice_index

    def _streams(self, index: int) -> RandomStreams:
        return RandomStreams(self.seed, self.part, self.epoch, index)

    def _coils(self, volume: Volume, streams: RandomStreams) -> int:
        if isinstance(volume, RawVolume):
            return volume.coils
        coils = self.settings.simulation.coils
        return coils if isinstance(coils, int) else int(streams.numpy_generator("number of coils").choice(coils))

    def _size(self, volume: Volume, slice_index: int, streams: RandomStreams) -> tuple[int, int]:
        sizes = self.augmentation.sizes
        if sizes:
            return sizes[int(streams.numpy_generator("size").integers(len(sizes)))]
        return volume.settings.crop or volume.size(slice_index)

    def _simulated(self, volume: ImageVolume, slice_index: int, streams: RandomStreams) -> Acquisition:
        image, name = volume.image(slice_index), volume.name(slice_index)
        if not bool(torch.isfinite(image).all()):
            raise InputError(f"The image '{name}' holds NaN or Inf; correct it or leave it out.", source=name)
        image = augment_image(image, self.augmentation, streams)
        shift_rng = streams.numpy_generator("shift") if self.augmentation.shift else None
        image = crop_or_pad(image, self._size(volume, slice_index, streams), shift_rng)
        image = flip(image, streams) if self.augmentation.flip else image
        if not bool(image.any()):
            raise InputError(f"The image '{name}' is zero where it is cropped; choose a larger crop.", source=name)
        simulated = simulate_acquisition(image, self._coils(volume, streams), self.settings.simulation, streams)
        assert self._masks is not None
        mask = self._masks((*image.shape, "ky"), streams)
        measured = Scan(torch.where(mask, simulated.kspace, 0)[None], Sampling(mask[None]))
        return Acquisition(measured, full=simulated.kspace, image=simulated.image, true_maps=simulated.maps)

    def _raw(self, volume: RawVolume, slice_index: int, streams: RandomStreams) -> Acquisition:
        shift_rng = streams.numpy_generator("shift") if self.augmentation.shift else None
        scan = volume.scan(slice_index, self._size(volume, slice_index, streams), shift_rng)
        if self._masks is None:
            return Acquisition(scan)
        if not scan.fully_sampled:
            name = volume.name(slice_index)
            raise InputError(
                f"'{name}' is undersampled already ({scan.acceleration:.2f}×) and no mask can be "
                "applied to it; leave it out, or set masks: null to train on such data without references.",
                source=name,
            )
        scan = mirrored(scan, streams) if self.augmentation.flip else scan
        mask = self._masks((*scan.shape, volume.line_axis), streams)
        return Acquisition(scan.with_sampling(Sampling(mask[None])), full=scan.kspace[0])

    def _example(self, acquisition: Acquisition, index: int) -> Example:
        measured = acquisition.measured
        scale = intensity_scale(measured)
        if not scale > 0:
            name = self.name(index)
            raise InputError(f"The samples of '{name}' that the mask keeps are zero; leave it out.", source=name)
        maps = acquisition.maps(self.settings)
        reference = acquisition.reference(self.settings, maps)
        calibration = central_calibration(measured, minimum=0, size=self.settings.calibration_size)[0]
        return Example(
            kspace=measured.kspace[0] / scale,
            mask=measured.mask[0],
            maps=maps,
            calibration=calibration / scale if calibration.numel() else None,
            reference=None if reference is None else reference / scale,
            scale=scale,
            subject=self.subject(index),
            name=self.name(index),
            index=index,
        )

    def _grids(self) -> set[Grid]:
        """Return the grids of all examples; raises InputError for crops larger than an image that is not padded."""
        grids: set[Grid] = set()
        sizes = {(number, self.volumes[number].size(slice_index)) for number, slice_index in self._locations.tolist()}
        for number, size in sorted(sizes):
            volume = self.volumes[number]
            for wanted in self.augmentation.sizes or (volume.settings.crop or size,):
                _check_crop(volume, size, wanted)
                grids.add((*wanted, volume.line_axis if isinstance(volume, RawVolume) else "ky"))
        return grids

    def _check_maps(self) -> None:
        """Raise InputError for settings with which coil maps or a complex reference cannot be computed."""
        settings = self.settings
        raw = any(isinstance(volume, RawVolume) and volume.coils > 1 for volume in self.volumes)
        coils = settings.simulation.coils
        simulated = max(coils) if isinstance(coils, tuple) else coils
        images = simulated > 1 and any(isinstance(volume, ImageVolume) for volume in self.volumes)
        if self._masks is None or (not raw and not images):
            return
        if settings.maps == "none" and settings.reference == "image":
            raise InputError(
                "A complex reference of several coils needs coil maps; choose reference 'rss', or maps 'espirit'."
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
