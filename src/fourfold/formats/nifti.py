# mypy: allow-untyped-calls
# nibabel is annotated in part alone.
"""NIfTI-1 images, written with nibabel: magnitude, placed in the patient.

Cox et al., "A (sort of) new image data format standard: NIfTI-1" (2004), https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

from pathlib import Path

from fourfold.files.output import suffix_of
from fourfold.formats.metadata import image_record
from fourfold.formats.registry import FileFormat
from fourfold.formats.stacks import split_stacks
from fourfold.scan import Reconstruction

__all__ = ["FORMAT", "stack_paths", "write_image"]

UNKNOWN, SCANNER = 0, 1
SUFFIXES = (".nii", ".nii.gz")


def stack_paths(path: Path, stacks: int) -> list[Path]:
    """Return the names of the files of so many stacks: `path` of a single one."""
    if stacks == 1:
        return [path]
    suffix = suffix_of(path, SUFFIXES)
    stem, suffix = path.name[: -len(suffix)], path.name[-len(suffix) :]
    return [path.with_name(f"{stem}.stack{number}{suffix}") for number in range(1, stacks + 1)]


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write the magnitude, float32, as (x, y, slice), or (x, y, slice, rest) where slices were imaged repeatedly.

    Frames of several stacks are written to the files that `stack_paths` names. The affine follows `Geometry` and is
    marked as the scanner's. Where voxel size, position or orientation is not known, there is no affine and its code is
    0; unknown voxel sizes are 1 in an unknown unit. A comment extension holds the image's record as JSON.
    """
    stacks = split_stacks(reconstruction)
    for target, (stack, slices) in zip(stack_paths(path, len(stacks)), stacks, strict=True):
        _write_stack(target, stack, slices)


def _write_stack(path: Path, reconstruction: Reconstruction, slices: int) -> None:
    # Loaded here, since most commands do not need it.
    import nibabel

    magnitude = reconstruction.magnitude.cpu().numpy()
    _, ny, nx = magnitude.shape
    geometry = reconstruction.geometry
    array = magnitude.reshape(-1, slices, ny, nx).transpose(3, 2, 1, 0)
    place = geometry.part(0, slices).ras_affine((ny, nx))
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


FORMAT = FileFormat("NIfTI", suffixes=SUFFIXES, write_image=write_image, stack_paths=stack_paths, order=30)
