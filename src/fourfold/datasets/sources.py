"""The files behind a source, and each file opened as what it is."""

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
from fourfold.formats.reading import FORMATS

__all__ = ["open_source"]

ARRAYS: dict[str, Callable[[Path, Images], Volume]] = {
    ".npz": NumpyImages,
    ".npy": NumpyImages,
    ".nii": NiftiImages,
    ".nii.gz": NiftiImages,
    ".dcm": DicomImages,
    ".ima": DicomImages,
}
"""What opens files that hold images as arrays, by their suffix; DICOM files without one are told by their content."""
PICTURES = (".png", ".jpg", ".jpeg")


def open_source(source: Source) -> list[Volume]:
    """Return the files of a source, opened, in the order of their paths.

    Of a folder those files are taken that can be of the source's kind: images by their suffix, raw data by their
    content. A file that is named itself must be.

    Raises
    ------
    InputError
        When there is nothing at the path, nothing of that kind, or a file cannot be read.
    """
    path = Path(source.path).expanduser()
    if path.is_dir():
        suits = _is_image if source.kind == "images" else _is_raw
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and suits(file)]
        if not found:
            raise InputError(f"The folder '{path}' holds no {_what(source)}; give one that does.")
    else:
        found = [path] if path.exists() else sorted(_matching(path))
        if not found:
            siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(f"There is no file '{path}': check the spelling.{nearest(path.name, siblings)}")
    return _open_raw(found, source) if source.kind == "raw" else _open_images(found, source)


def _open_raw(paths: Sequence[Path], source: RawData) -> list[Volume]:
    return [RawVolume(path, source) for path in paths]


def _open_images(paths: Sequence[Path], source: Images) -> list[Volume]:
    for path in paths:
        check_file(path)
        if not _is_image(path):
            raise InputError(f"'{path}' is no file of {_what(source)}; convert it to one.")
    pictures = [path for path in paths if _suffix(path) in PICTURES]
    volumes = [ARRAYS[_suffix(path)](path, source) for path in paths if path not in pictures]
    return [*volumes, Photographs(pictures, source)] if pictures else volumes


def _matching(pattern: Path) -> Iterator[Path]:
    """Yield the files that match a pattern."""
    literal = next((number for number, part in enumerate(pattern.parts) if set(part) & set("*?[")), None)
    if literal is not None:
        yield from Path(*pattern.parts[:literal]).glob(str(Path(*pattern.parts[literal:])))


def _what(source: Source) -> str:
    if source.kind == "raw":
        return "raw data (fastMRI or MRD HDF5, BART cfl, NumPy with 'kspace')"
    return f"images ({', '.join((*ARRAYS, *PICTURES))})"


def _suffix(path: Path) -> str:
    """Return the suffix that tells how to open an image; empty for other files."""
    name = path.name.lower()
    known = next((suffix for suffix in (".nii.gz", *ARRAYS, *PICTURES) if name.endswith(suffix)), "")
    return ".dcm" if not known and first_bytes(path, 132)[128:] == b"DICM" else known


def _is_image(path: Path) -> bool:
    return bool(_suffix(path))


def _is_raw(path: Path) -> bool:
    # Of BART's pair the header stands for both.
    if path.suffix == ".cfl" or not path.stat().st_size:
        return False
    kind = next((kind for kind in FORMATS if kind.recognises(path)), None)
    # An archive of arrays may as well hold images.
    return kind is not None and (kind is not NumpyFile or is_single_array(path) or "kspace" in array_names(path))
