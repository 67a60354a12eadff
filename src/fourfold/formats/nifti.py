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

SCANNER, ALIGNED = 1, 2


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write the magnitude, float32, as (x, y, slice), or (x, y, slice, rest) where slices were imaged repeatedly.

    The affine follows `Geometry`. It is marked as the scanner's where the file gave an orientation, else as aligned to
    nothing in particular. How the image was made goes into a comment extension as JSON.
    """
    magnitude = reconstruction.magnitude.cpu().numpy()
    _, ny, nx = magnitude.shape
    details = reconstruction.record.source.get("details", {})
    slices = slices_per_volume(details.get("frames"), len(magnitude))
    array = magnitude.reshape(-1, slices, ny, nx).transpose(3, 2, 1, 0)
    image = nibabel.Nifti1Image(
        array if array.shape[3] > 1 else array[..., 0], affine(reconstruction.geometry, (ny, nx))
    )
    code = SCANNER if details.get("orientation") == "scanner" else ALIGNED
    image.set_sform(image.affine, code)
    image.set_qform(image.affine, code)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = f"fourfold {reconstruction.record.method}".encode()[:79]
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", image_record(reconstruction).encode()))
    nibabel.save(image, path)


def slices_per_volume(labels: Sequence[Mapping[str, Any]] | None, frames: int) -> int:
    """Return how many of the `frames` are slices of one volume, by their labels; all where these do not tell."""
    if not labels or len(labels) != frames:
        return frames
    places = [tuple(label.get(name) for name in ("slice", "partition", "readout")) for label in labels]
    count = len(set(places))
    cycles = frames % count == 0 and places == places[:count] * (frames // count)
    return count if cycles else frames
