"""The files behind a source, and each file opened as what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fourfold.datasets.images import NumpyImages
from fourfold.datasets.raw import RawVolume
from fourfold.datasets.settings import Images, Source
from fourfold.datasets.volume import Volume
from fourfold.errors import InputError, nearest
from fourfold.formats.reading import FORMATS

__all__ = ["open_source"]

IMAGES: dict[str, Callable[[Path, Images], Volume]] = {".npz": NumpyImages, ".npy": NumpyImages}
"""What opens files of images, by their suffix."""


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
    return [_open(file, source) for file in found]


def _open(path: Path, source: Source) -> Volume:
    if source.kind == "raw":
        return RawVolume(path, source)
    if not _is_image(path):
        raise InputError(f"'{path}' is no file of images that fourfold knows: {_what(source)}.")
    return IMAGES[_suffix(path)](path, source)


def _matching(pattern: Path) -> Iterator[Path]:
    """Yield the files that match a pattern."""
    literal = next((number for number, part in enumerate(pattern.parts) if set(part) & set("*?[")), None)
    if literal is not None:
        yield from Path(*pattern.parts[:literal]).glob(str(Path(*pattern.parts[literal:])))


def _what(source: Source) -> str:
    if source.kind == "raw":
        return "raw data (fastMRI or MRD HDF5, BART cfl, NumPy with 'kspace')"
    return f"images ({', '.join(sorted(IMAGES))})"


def _suffix(path: Path) -> str:
    """Return the longest suffix that is known, such as ``.nii.gz``; else the last one."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(IMAGES, key=len, reverse=True) if name.endswith(suffix)), path.suffix)


def _is_image(path: Path) -> bool:
    return _suffix(path) in IMAGES


def _is_raw(path: Path) -> bool:
    # Of BART's pair the header stands for both.
    suits: Sequence[bool] = [kind.recognises(path) for kind in FORMATS if path.suffix != ".cfl" and path.stat().st_size]
    return any(suits)
