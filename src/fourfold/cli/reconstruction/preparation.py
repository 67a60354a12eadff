"""What is done to a scan between reading and reconstruction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fourfold.errors import InputError
from fourfold.formats import read_maps
from fourfold.scan import Scan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Preparation"]


@dataclass(frozen=True)
class Preparation:
    """What is done to a scan between reading and reconstruction."""

    mask: Path | None = None
    """Keep these of the acquired samples only: a file written by `fourfold mask`, or another mask."""
    maps: Path | None = None
    """Coil maps to use instead of estimating them: npz or npy (frame, set, coil, y, x), cfl."""
    prewhiten: bool | None = None
    """Make the coils' noise white with the noise scan, or with the corners of k-space where there is none; the default
    where there is a noise scan."""
    coils: int | None = None
    """Compress to this many virtual coils."""
    compression: Literal["svd", "geometric"] | None = None
    """With `--coils`: one mixture of coils for all positions (svd, unless given), or one for every position along a
    fully sampled readout (geometric), where fewer virtual coils keep the same energy."""

    @property
    def files(self) -> tuple[Path | None, ...]:
        """The files that are read."""
        return self.mask, self.maps

    def __call__(self, scan: Scan) -> Scan:
        """Return `scan` (of one frame) with the options applied."""
        # Loads torch, which the help does not need.
        from fourfold.coils.compression import compress_coils
        from fourfold.coils.geometric_compression import compress_coils_geometrically
        from fourfold.noise.covariance import prewhiten
        from fourfold.sampling import read_sampling

        if self.mask is not None:
            size = scan.mask.shape[1], scan.mask.shape[2]
            scan = scan.with_sampling(read_sampling(self.mask, size, scan.line_axis))
        if self.maps is not None:
            scan = scan.replace(coil_maps=_maps_for(scan, self.maps))
        if self.prewhiten or (self.prewhiten is None and scan.noise is not None):
            scan = prewhiten(scan)
        if self.coils is not None:
            compress = compress_coils_geometrically if self.compression == "geometric" else compress_coils
            scan = compress(scan, self.coils)
        elif self.compression is not None:
            raise InputError(f"--compression {self.compression} needs the number of virtual coils: give --coils too.")
        return scan

    def notes(self, scan: Scan) -> tuple[str, ...]:
        """Return notes on how scans like `scan` are prepared."""
        if self.prewhiten is None and scan.noise is not None:
            return ("The coils' noise was made white with the file's noise scan (--no-prewhiten leaves it).",)
        if self.prewhiten and scan.noise is None:
            return ("The coils' noise was made white with the corners of k-space, as there is no noise scan.",)
        return ()


def _maps_for(scan: Scan, file: Path) -> Tensor:
    """Return the maps in a file, without those of coils that the scan had to leave out."""
    maps = read_maps(file)
    left_out = scan.source.details.get("coils_left_out", [])
    if maps.shape[2] != scan.coils + len(left_out):
        return maps
    return maps[:, :, [coil for coil in range(maps.shape[2]) if coil not in left_out]]
