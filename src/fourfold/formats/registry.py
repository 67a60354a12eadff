"""The file formats: each is declared in one module of this folder and is found there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fourfold.files.output import suffix_of
from fourfold.formats.scan_file import ScanFile
from fourfold.scan import Scan

__all__ = [
    "FileFormat",
    "file_formats",
    "format_of_suffix",
    "image_options",
    "image_suffixes",
    "image_writers",
    "readers",
    "scan_suffixes",
    "scan_writers",
]


@dataclass(frozen=True)
class FileFormat:
    """One file format: what reads it and what writes it.

    A module or package of `fourfold.formats` declares its format as ``FORMAT = FileFormat(…)``.
    """

    name: str
    """The format's name, as messages give it."""
    reader: type[ScanFile] | None = None
    """Opens files with k-space, recognised by their content; None where the format is only written."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of the files that `write_image` and `write_scan` write."""
    write_image: Callable[..., None] | None = None
    """Writes an image to a path, ``write_image(path, reconstruction, **options)``; None where the format holds no
    images."""
    write_scan: Callable[[Path, Scan], None] | None = None
    """Writes k-space to a path; None where the format holds no k-space."""
    holds_trajectories: bool = False
    """Whether `write_scan` writes the trajectory of a non-Cartesian scan."""
    image_paths: Callable[[Path, int], list[Path]] | None = None
    """Returns the files of an image of so many stacks, where each stack of parallel slices becomes a file of its own.
    None where one file holds all frames."""
    series_path: Callable[[Path, str], Path] | None = None
    """Returns the file of one of several series (``magnitude``, ``phase``, ``std``), where each becomes a file of its
    own. None where one file or folder holds all."""
    image_options: tuple[str, ...] = ()
    """Names of the options that `write_image` takes."""
    check_image: Callable[..., None] | None = None
    """Refuses an image before it is made, ``check_image(path, geometry, frames, **options)``; None where every image
    can be written."""
    order: int = 100
    """Formats of a lower number are tried first in reading and named first in messages."""


@cache
def file_formats() -> tuple[FileFormat, ...]:
    """Return all file formats, by their order."""
    package = importlib.import_module("fourfold.formats")
    names = [entry.name for entry in pkgutil.iter_modules(package.__path__)]
    declared = (getattr(importlib.import_module(f"fourfold.formats.{name}"), "FORMAT", None) for name in names)
    return tuple(sorted((each for each in declared if isinstance(each, FileFormat)), key=lambda each: each.order))


def readers() -> dict[str, type[ScanFile]]:
    """Return what opens files with k-space, by the format's name, in the order in which they are tried."""
    return {each.name: each.reader for each in file_formats() if each.reader is not None}


@cache
def image_writers() -> dict[str, Callable[..., None]]:
    """Return what writes images, by suffix."""
    return {suffix: each.write_image for each in file_formats() if each.write_image for suffix in each.suffixes}


@cache
def scan_writers() -> dict[str, Callable[[Path, Scan], None]]:
    """Return what writes k-space, by suffix."""
    return {suffix: each.write_scan for each in file_formats() if each.write_scan for suffix in each.suffixes}


def image_suffixes() -> tuple[str, ...]:
    """Return the suffixes that an image can be written with."""
    return tuple(image_writers())


def scan_suffixes() -> tuple[str, ...]:
    """Return the suffixes that k-space can be written with."""
    return tuple(scan_writers())


def image_options(path: Path) -> tuple[str, ...]:
    """Return the names of the options that the format of an image file has."""
    return format_of_suffix(suffix_of(path, image_suffixes())).image_options


def format_of_suffix(suffix: str) -> FileFormat:
    """Return the format that is written with a suffix."""
    return next(each for each in file_formats() if suffix in each.suffixes)
