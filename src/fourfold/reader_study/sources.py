"""The images of a reader study: cases × methods, from folders of images or from a study of fourfold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.files.numpy_arrays import array_names, stored_array
from fourfold.formats.image_files import SUFFIXES, Pictures, is_image_file, read_image_file
from fourfold.formats.metadata import geometry_from
from fourfold.formats.orientation import orient_for_display, views
from fourfold.reader_study.settings import ReaderStudySettings
from fourfold.scan import Geometry

__all__ = ["Case", "Picture", "find_cases"]

_MOST_METHODS = 9
_FINISHED = "finished"
"""Folder of the reconstructions of a study or comparison."""


class Picture(NamedTuple):
    """One image as it is shown."""

    pixels: NDArray[np.float32]
    """(y, x)."""
    pixel_aspect: float
    """Height of a pixel over its width."""


@dataclass(frozen=True)
class Case:
    """Images of one object by every method."""

    name: str
    subject: str
    read: Mapping[str, Callable[[], Picture]]
    """By method: reads the image."""


def find_cases(sources: Sequence[Path], settings: ReaderStudySettings) -> tuple[list[Case], list[str]]:
    """Return the cases of which every method has an image, and the names of those that are left out.

    Parameters
    ----------
    sources
        One folder: that of a study or comparison of fourfold, or one with a folder for each method. Or several
        folders, one for each method, whose names are the methods'. Files of one name (without suffix) are one case.
    settings
        Of the study.

    Raises
    ------
    InputError
        For a folder without images, fewer than two methods or more than nine, and where no case has an image of every
        method.
    """
    folders = _method_folders(sources)
    if folders is None:
        images = _finished_images(sources[0])
    else:
        images = {method: dict(_images_of(folder, settings)) for method, folder in folders.items()}
    if len(images) < 2:
        raise InputError(
            f"There are images of {len(images)} method(s) in {_in_words(sources)}; a reader study compares two or "
            "more: give a folder with a folder for each method."
        )
    if len(images) > _MOST_METHODS:
        raise InputError(
            f"There are images of {len(images)} methods in {_in_words(sources)}; readers rate at most {_MOST_METHODS} "
            "side by side: name the folders of those that count."
        )
    every = dict.fromkeys(name for each in images.values() for name in each)
    complete = [name for name in every if all(name in each for each in images.values())]
    if not complete:
        raise InputError(
            f"No case has an image of every method ({', '.join(images)}); files of one case have the same name in each "
            "folder."
        )
    cases = [
        Case(name, _subject(name, settings.subject), {method: each[name] for method, each in images.items()})
        for name in complete
    ]
    return cases, [name for name in every if name not in complete]


def _in_words(sources: Sequence[Path]) -> str:
    return ", ".join(f"'{source}'" for source in sources)


def _method_folders(sources: Sequence[Path]) -> dict[str, Path] | None:
    """Return the folder of each method; None for the folder of a study."""
    for source in sources:
        if not source.is_dir():
            raise InputError(f"'{source}' is no folder; give a folder with a folder of images for each method.")
    if len(sources) == 1:
        if (sources[0] / _FINISHED).is_dir():
            return None
        folders = sorted(entry for entry in sources[0].iterdir() if entry.is_dir() and not entry.name.startswith("."))
    else:
        folders = list(sources)
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise InputError("Two folders have the same name, which is that of the method; rename one.")
    return dict(zip(names, folders, strict=True))


def _images_of(folder: Path, settings: ReaderStudySettings) -> Iterator[tuple[str, Callable[[], Picture]]]:
    """Yield name and reader of each case in a method's folder."""
    files = sorted(filter(is_image_file, folder.iterdir()))
    if not files:
        raise InputError(f"The folder '{folder}' holds no image; a reader study reads {', '.join(SUFFIXES)}.")
    stems = [_stem(file) for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise InputError(f"The folder '{folder}' has two files of the case '{twice}'; leave one out.")
    for stem, file in zip(stems, files, strict=True):
        if settings.frames == "middle":
            yield stem, partial(_frame, file, None)
        else:
            for frame in range(len(read_image_file(file).frames)):
                yield f"{stem}, frame {frame}", partial(_frame, file, frame)


def _frame(path: Path, frame: int | None) -> Picture:
    return _picture(read_image_file(path), frame)


def _picture(images: Pictures, frame: int | None) -> Picture:
    return Picture(images.frames[len(images.frames) // 2 if frame is None else frame], images.pixel_aspect)


def _turned(path: Path, geometry: Geometry) -> Picture:
    """Return the middle image of a result in the radiological view."""
    frames = orient_for_display(read_image_file(path).frames, geometry)
    pixel = geometry.pixel_size
    if pixel is None:
        return _picture(Pictures(frames), None)
    height, width = pixel[::-1] if any(view.exchanged for view in views(geometry)) else pixel
    return _picture(Pictures(frames, height / width), None)


def _stem(path: Path) -> str:
    suffix = next(each for each in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(each))
    return path.name[: -len(suffix)]


def _subject(name: str, pattern: str | None) -> str:
    """Return the subject of a case; frames of one file are of one subject."""
    if pattern is None:
        return re.sub(r", frame \d+$", "", name)
    try:
        match = re.search(pattern, name)
    except re.error as error:
        raise InputError(f"The setting 'subject', {pattern!r}, is not a regular expression: {error}.") from None
    if match is None:
        raise InputError(f"The setting 'subject', {pattern!r}, does not match the case '{name}'; correct the pattern.")
    return match.group(1) if match.re.groups else match.group()


def _finished_images(source: Path) -> dict[str, dict[str, Callable[[], Picture]]]:
    """Return the reconstructions of a study: readers by method and case."""
    results = list(_results(source / _FINISHED))
    settings: dict[str, dict[str, Mapping[str, Any]]] = {}
    for result in results:
        settings.setdefault(result.method, {})[result.key] = result.settings
    found: dict[str, dict[str, Callable[[], Picture]]] = {}
    for result in results:
        images = found.setdefault(_method_name(result, settings[result.method]), {})
        if result.case in images:
            raise InputError(
                f"'{source}' holds two images of '{result.case}' by '{result.method}', of different samplings or "
                "versions; do the study anew in an empty folder, or name folders of images."
            )
        images[result.case] = partial(_turned, result.path, result.geometry)
    return found


@dataclass(frozen=True)
class _Result:
    """A reconstruction that a study kept."""

    path: Path
    case: str
    method: str
    settings: Mapping[str, Any]
    geometry: Geometry

    @property
    def key(self) -> str:
        """Text that two results share if their settings agree."""
        return json.dumps(self.settings, sort_keys=True)


def _results(folder: Path) -> Iterator[_Result]:
    for path in sorted(folder.glob("*.npz")):
        if "image" in array_names(path):  # else scores alone
            facts = json.loads(str(stored_array(path, "facts").load()))
            inputs, geometry = facts["inputs"], geometry_from(facts["record"]["geometry"])
            yield _Result(path, facts["scan"], inputs["method"], inputs["settings"], geometry)


def _method_name(result: _Result, by_key: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the method's name; of several with different settings, with those that differ."""
    varied = [
        f"{name} {value}"
        for name, value in result.settings.items()
        if any(other.get(name) != value for other in by_key.values())
    ]
    return f"{result.method} ({', '.join(varied)})" if varied else result.method
