# mypy: allow-untyped-calls
# nibabel is annotated in part alone.
"""NIfTI-1 images, written with nibabel: magnitude, placed in the patient.

Cox et al., "A (sort of) new image data format standard: NIfTI-1" (2004), https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel

from fourfold.formats.metadata import image_record
from fourfold.formats.orientation import affine
from fourfold.scan import Reconstruction

__all__ = ["write_image"]

UNKNOWN, SCANNER = 0, 1


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write the magnitude, float32, as (x, y, slice), or (x, y, slice, rest) where slices were imaged repeatedly.

    The affine follows `Geometry` and is marked as the scanner's. Where voxel size, position or orientation are not
    known, there is none and its code is 0; voxel sizes that are not known stand as 1 of an unknown unit. How the image
    was made goes into a comment extension as JSON.
    """
    magnitude = reconstruction.magnitude.cpu().numpy()
    _, ny, nx = magnitude.shape
    geometry = reconstruction.geometry
    details = reconstruction.record.source.get("details", {})
    slices = slices_per_volume(details.get("frames"), len(magnitude))
    array = magnitude.reshape(-1, slices, ny, nx).transpose(3, 2, 1, 0)
    place = affine(geometry, (ny, nx))
    image = nibabel.Nifti1Image(array if array.shape[3] > 1 else array[..., 0], place)
    header = image.header
    zooms = [size or 1.0 for size in reversed(geometry.voxel_size)]
    header.set_zooms((*zooms, *header.get_zooms()[3:]))
    code = UNKNOWN if place is None else SCANNER
    header.set_sform(place, code)
    header.set_qform(place, code)
    header.set_xyzt_units("unknown" if None in geometry.voxel_size else "mm")
    header["descrip"] = f"fourfold {reconstruction.record.method}".encode()[:79]
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", image_record(reconstruction).encode()))
    nibabel.save(image, path)


def slices_per_volume(labels: Sequence[Mapping[str, Any]] | None, frames: int) -> int:
    """Return how many of the `frames` are slices of one volume, by their labels; all where these do not tell."""
    if not labels or len(labels) != frames:
        return frames
    places = [tuple(label.get(name) for name in ("slice", "partition", "readout")) for label in labels]
    count = len(set(places))
    cycles = frames % count == 0 and places == places[:count] * (frames // count)
    return count if cycles else frames
