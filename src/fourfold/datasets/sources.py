"""Finds the files of a source and opens each by its type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fourfold.datasets.dicom_images import DicomImages
from fourfold.datasets.images import NumpyImages
from fourfold.datasets.nifti_images import NiftiImages
from fourfold.datasets.photographs import Photographs
from fourfold.datasets.raw_data import RawVolume
from fourfold.datasets.settings import Images, RawData, Source
from fourfold.datasets.volume import Volume
from fourfold.errors import InputError, nearest
from fourfold.files.input import check_file, first_bytes
from fourfold.files.numpy_arrays import array_names, is_single_array
from fourfold.formats.npz import NumpyFile
from fourfold.formats.reading import find_reader

__all__ = ["is_raw", "open_source"]

IMAGE_READERS: dict[str, Callable[[Path, Images], Volume]] = {
    ".npz": NumpyImages,
    ".npy": NumpyImages,
    ".nii": NiftiImages,
    ".nii.gz": NiftiImages,
    ".dcm": DicomImages,
    ".ima": DicomImages,
}
"""Readers of image arrays by suffix; DICOM files without a suffix are recognised by content."""
PICTURES = (".png", ".jpg", ".jpeg")


def open_source(source: Source) -> list[Volume]:
    """Open the files of a source, in the order of their paths.

    In a folder, images are recognised by suffix and raw data by content; other files are ignored. A single file must be
    of the source's kind.

    Raises
    ------
    InputError
        When the path does not exist, holds nothing of that kind, or a file cannot be read.
    """
    path = Path(source.path).expanduser()
    if path.is_dir():
        is_suitable = _is_image if source.kind == "images" else is_raw
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and is_suitable(file)]
        if not files:
            raise InputError(f"The folder '{path}' holds no {_contents(source)}; give another folder.")
    else:
        files = [path] if path.exists() else sorted(_matching(path))
        if not files:
            siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(f"There is no file '{path}': check the spelling.{nearest(path.name, siblings)}")
    return _open_raw(files, source) if source.kind == "raw" else _open_images(files, source)


def _open_raw(paths: Sequence[Path], source: RawData) -> list[Volume]:
    return [RawVolume(path, source) for path in paths]


def _open_images(paths: Sequence[Path], source: Images) -> list[Volume]:
    for path in paths:
        check_file(path)
        if not _is_image(path):
            raise InputError(f"'{path}' does not hold {_contents(source)}; convert it.")
    pictures = [path for path in paths if _suffix(path) in PICTURES]
    volumes = [IMAGE_READERS[_suffix(path)](path, source) for path in paths if path not in pictures]
    return [*volumes, Photographs(pictures, source)] if pictures else volumes


def _matching(pattern: Path) -> Iterator[Path]:
    """Yield the files that match a pattern."""
    first_wildcard = next((number for number, part in enumerate(pattern.parts) if set(part) & set("*?[")), None)
    if first_wildcard is not None:
        yield from Path(*pattern.parts[:first_wildcard]).glob(str(Path(*pattern.parts[first_wildcard:])))


def _contents(source: Source) -> str:
    if source.kind == "raw":
        return "raw data (fastMRI or MRD HDF5, BART cfl, NumPy with 'kspace')"
    return f"images ({', '.join((*IMAGE_READERS, *PICTURES))})"


def _suffix(path: Path) -> str:
    """Return the suffix by which an image is opened; empty for other files."""
    name = path.name.lower()
    suffix_found = next((suffix for suffix in (".nii.gz", *IMAGE_READERS, *PICTURES) if name.endswith(suffix)), "")
    return ".dcm" if not suffix_found and first_bytes(path, 132)[128:] == b"DICM" else suffix_found


def _is_image(path: Path) -> bool:
    return bool(_suffix(path))


def is_raw(path: Path) -> bool:
    """Return whether a file holds k-space rather than images."""
    # BART's pair of files is opened by its header.
    if path.suffix == ".cfl" or not path.stat().st_size:
        return False
    reader = find_reader(path)
    # A NumPy archive may also hold images.
    return reader is not None and (reader is not NumpyFile or is_single_array(path) or "kspace" in array_names(path))
