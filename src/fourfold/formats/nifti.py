# mypy: allow-untyped-calls
# nibabel is annotated in part alone.
"""NIfTI-1 images, written with nibabel: one series of an image, placed in the patient, with a sidecar.

Cox et al., "A (sort of) new image data format standard: NIfTI-1" (2004), https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fourfold.files.output import suffix_of, write_text
from fourfold.formats.image_series import check_series, chosen_series, series_values
from fourfold.formats.metadata import image_record
from fourfold.formats.registry import FileFormat
from fourfold.formats.sidecar import sidecar
from fourfold.formats.stacks import split_stacks
from fourfold.scan import Geometry, Reconstruction

__all__ = ["FORMAT", "image_paths", "series_path", "write_image"]

UNKNOWN, SCANNER = 0, 1
SUFFIXES = (".nii", ".nii.gz")
ENTITIES = {
    "magnitude": "part-mag",
    "phase": "part-phase",
    "std": "desc-std",
    "lower": "desc-lower",
    "upper": "desc-upper",
}
"""Parts of file names in BIDS (https://bids-specification.readthedocs.io)."""


def stack_paths(path: Path, stacks: int) -> list[Path]:
    """Return the names of the images of so many stacks: `path` of a single one."""
    if stacks == 1:
        return [path]
    suffix = suffix_of(path, SUFFIXES)
    stem, suffix = path.name[: -len(suffix)], path.name[-len(suffix) :]
    return [path.with_name(f"{stem}.stack{number}{suffix}") for number in range(1, stacks + 1)]


def image_paths(path: Path, stacks: int) -> list[Path]:
    """Return the names of the files of so many stacks: the images, then their sidecars."""
    images = stack_paths(path, stacks)
    return [*images, *map(sidecar_path, images)]


def sidecar_path(path: Path) -> Path:
    """Return the name of the JSON file beside an image."""
    return path.with_name(f"{path.name[: -len(suffix_of(path, SUFFIXES))]}.json")


def series_path(path: Path, series: str) -> Path:
    """Return the name of one of several series, as BIDS names it: ``sub-1_T1w.nii`` gives ``sub-1_part-phase_T1w.nii``.

    A name without an underscore gets the part at its end.
    """
    suffix = suffix_of(path, SUFFIXES)
    stem, suffix = path.name[: -len(suffix)], path.name[-len(suffix) :]
    head, _, last = stem.rpartition("_")
    parts = [head, ENTITIES[series], last] if head else [last, ENTITIES[series]]
    return path.with_name(f"{'_'.join(parts)}{suffix}")


def check_image(path: Path, geometry: Geometry, frames: int, series: Sequence[str] | None = None) -> None:  # noqa: ARG001
    """Refuse series that do not exist."""
    if series is not None:
        check_series(series)


def write_image(path: Path, reconstruction: Reconstruction, series: Sequence[str] | None = None) -> None:
    """Write one series, float32, as (x, y, slice), or (x, y, slice, rest) where slices were imaged repeatedly.

    Frames of several stacks are written to the files that `stack_paths` names, each with a JSON sidecar. The affine
    follows `Geometry` and is marked as the scanner's. Where voxel size, position or orientation is not known, there is
    no affine and its code is 0; unknown voxel sizes are 1 in an unknown unit. A comment extension holds the image's
    record as JSON.

    Parameters
    ----------
    path
        ``.nii`` or ``.nii.gz``.
    reconstruction
        The image.
    series
        The name of the series alone; None for the magnitude.
    """
    (name,) = chosen_series(series or ("magnitude",), reconstruction)
    stacks = split_stacks(reconstruction)
    for target, (stack, slices) in zip(stack_paths(path, len(stacks)), stacks, strict=True):
        _write_stack(target, stack, slices, name)
        facts = sidecar(stack, slices, name)
        write_text(sidecar_path(target), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _write_stack(path: Path, reconstruction: Reconstruction, slices: int, series: str) -> None:
    # Loaded here, since most commands do not need it.
    import nibabel

    values = series_values(reconstruction, series)
    _, ny, nx = values.shape
    geometry = reconstruction.geometry
    array = values.reshape(-1, slices, ny, nx).transpose(3, 2, 1, 0)
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


FORMAT = FileFormat(
    "NIfTI",
    suffixes=SUFFIXES,
    write_image=write_image,
    image_options=("series",),
    check_image=check_image,
    image_paths=image_paths,
    series_path=series_path,
    order=30,
)
