"""Raw data files: frames are read on demand, and no file stays open."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fourfold.coils.compression import compress_coils
from fourfold.datasets.augmentation import flip
from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.settings import RawData
from fourfold.datasets.volume import Volume, index_range, subject_in
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.noise.covariance import prewhiten
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Axis, Sampling, Scan, centre_slice

__all__ = ["RawVolume", "mirrored"]


class RawVolume(Volume):
    """A raw data file in any format that fourfold reads."""

    settings: RawData

    def __init__(self, path: Path, settings: RawData) -> None:
        self.path, self.settings = path, settings
        self.file = open_scan(path)
        if self.file.shots is not None:
            raise InputError(f"'{path}' has a trajectory; networks are trained on Cartesian data: leave the file out.")
        self.frames = index_range(len(self.file), settings.frame_range)
        patient = self.file.details.get("patient_id")
        self._subject = subject_in(path.stem, settings.subject, str(patient or path.stem))
        if settings.coils is not None and settings.coils > self.file.coils:
            raise InputError(
                f"'{path}' has {self.file.coils} coils and cannot be compressed to {settings.coils}; set fewer."
            )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def coils(self) -> int:
        """Number of coils, after compression."""
        return self.settings.coils or self.file.coils

    @property
    def line_axis(self) -> Axis:
        """The undersampled axis of the format."""
        return self.file.line_axis

    def subject(self, index: int) -> str:  # noqa: ARG002  # a raw file is of one subject
        """Return the subject of the file."""
        return self._subject

    def size(self, index: int) -> tuple[int, int]:  # noqa: ARG002  # all frames have one size
        """Return the matrix (ny, nx)."""
        return self.file.matrix

    def name(self, index: int) -> str:
        """Return file and frame."""
        return f"{self.path.name}:{self.frames[index]}" if len(self.file) > 1 else self.path.name

    def scan(self, index: int, size: tuple[int, int], rng: np.random.Generator | None = None) -> Scan:
        """Return a frame, prewhitened and compressed as the settings say, cropped to a field of view of `size`.

        The k-space of a smaller field of view has its sampling density, as if it had been acquired so.

        Parameters
        ----------
        index
            Index of the frame.
        size
            (ny, nx), at most the matrix.
        rng
            Generator of the position of the field of view; None takes the centre.

        Raises
        ------
        InputError
            When the file is damaged, or undersampled along an axis that is cropped.
        """
        scan = self.file[self.frames[index]]
        if self.settings.prewhiten and scan.noise is not None:
            scan = prewhiten(scan)
        if self.settings.coils is not None:
            scan = compress_coils(scan, self.settings.coils)
        return scan if scan.shape == size else self._cropped(scan, size, rng)

    def _cropped(self, scan: Scan, size: tuple[int, int], rng: np.random.Generator | None) -> Scan:
        if scan.calibration_kspace is not None:
            raise InputError(
                f"'{self.path}' has separate calibration data, which cannot be cropped; leave crop out.",
                source=self.path.name,
            )
        kspace, mask, maps = scan.kspace, scan.mask, scan.coil_maps
        for axis, length in zip((-2, -1), size, strict=True):
            full = kspace.shape[axis]
            if length == full:
                continue
            if bool((mask != mask.narrow(axis, 0, 1)).any()):
                raise InputError(
                    f"'{self.path}' is undersampled along {'ky' if axis == -2 else 'kx'}, so that its field of view "
                    "cannot be cropped there; leave crop out, or crop the readout only.",
                    source=self.path.name,
                )
            start = centre_slice(full, length).start if rng is None else int(rng.integers(full - length + 1))
            kspace = fft(ifft(kspace, (axis,)).narrow(axis, start, length), (axis,))
            mask = mask.narrow(axis, 0, length)
            maps = None if maps is None else maps.narrow(axis, start, length)
        return scan.replace(kspace=kspace, sampling=Sampling(mask.clone()), coil_maps=maps)


def mirrored(scan: Scan, streams: RandomStreams) -> Scan:
    """Return a fully sampled scan with its image mirrored along either axis, each with probability 0.5."""
    maps = None if scan.coil_maps is None else flip(scan.coil_maps, streams)
    return scan.replace(kspace=fft(flip(ifft(scan.kspace), streams)), coil_maps=maps)
