"""Raw files as sources of examples: frames are read on demand, and nothing stays open."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fourfold.datasets.settings import RawData
from fourfold.datasets.volume import Volume, in_share, subject_in
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.physics.compression import compress_coils
from fourfold.physics.fourier import fft, ifft
from fourfold.physics.noise import prewhiten
from fourfold.scan import Axis, Sampling, Scan, crop_centre

__all__ = ["RawVolume"]


class RawVolume(Volume):
    """A raw file in any format that fourfold reads."""

    def __init__(self, path: Path, settings: RawData) -> None:
        self.path, self.settings = path, settings
        self.file = open_scan(path)
        if self.file.shots is not None:
            raise InputError(f"'{path}' has a trajectory; networks are trained on Cartesian data: leave the file out.")
        self.frames = in_share(len(self.file), settings.share)
        known = self.file.details.get("patient_id")
        self._subject = subject_in(path.stem, settings.subject, str(known or path.stem))
        self.matrix = settings.crop or self.file.matrix
        if any(wanted > full for wanted, full in zip(self.matrix, self.file.matrix, strict=True)):
            (ny, nx), (rows, columns) = self.file.matrix, self.matrix
            raise InputError(
                f"'{path}' has a matrix of {ny}×{nx} and cannot be cropped to {rows}×{columns}; choose a smaller crop."
            )
        if settings.coils is not None and settings.coils > self.file.coils:
            raise InputError(f"'{path}' has {self.file.coils} coils and cannot have {settings.coils}; ask for fewer.")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def coils(self) -> int:
        """Number of coils, after compression."""
        return self.settings.coils or self.file.coils

    @property
    def line_axis(self) -> Axis:
        """The axis along which the format leaves out lines."""
        return self.file.line_axis

    def subject(self, index: int) -> str:  # noqa: ARG002  # a raw file is of one subject
        """Return whom the file shows."""
        return self._subject

    def size(self, index: int) -> tuple[int, int]:  # noqa: ARG002  # all frames have one size
        """Return the cropped frame's size (ny, nx)."""
        return self.matrix

    def name(self, index: int) -> str:
        """Return file and frame."""
        return f"{self.path.name}:{self.frames[index]}" if len(self.file) > 1 else self.path.name

    def scan(self, index: int) -> Scan:
        """Return a frame, prewhitened, compressed and cropped as the settings say."""
        scan = self.file[self.frames[index]]
        if self.settings.prewhiten and scan.noise is not None:
            scan = prewhiten(scan)
        if self.settings.coils is not None:
            scan = compress_coils(scan, self.settings.coils)
        return self._cropped(scan)

    def _cropped(self, scan: Scan) -> Scan:
        """Return the scan with a smaller field of view, which leaves k-space as dense as it was acquired."""
        if scan.shape == self.matrix:
            return scan
        if scan.calibration is not None:
            raise InputError(f"'{self.path}' has calibration data apart, which cannot be cropped; leave crop out.")
        kspace, mask = scan.kspace, scan.mask
        for axis, size in zip((-2, -1), self.matrix, strict=True):
            if size == kspace.shape[axis]:
                continue
            if bool((mask != mask.narrow(axis, 0, 1)).any()):
                raise InputError(
                    f"'{self.path}' leaves out samples along {'ky' if axis == -2 else 'kx'}, so that its field of view "
                    "cannot be cropped there; leave crop out, or crop the readout alone."
                )
            image = ifft(kspace, (axis,))
            kspace = fft(_narrowed(image, axis, size), (axis,))
            mask = mask.narrow(axis, 0, size)
        maps = None if scan.coil_maps is None else crop_centre(scan.coil_maps, self.matrix)
        return scan.replace(kspace=kspace, sampling=Sampling(mask.clone()), coil_maps=maps)


def _narrowed(image: Tensor, axis: int, size: int) -> Tensor:
    full = image.shape[axis]
    cut: Tensor = torch.narrow(image, axis, full // 2 - size // 2, size)
    return cut
