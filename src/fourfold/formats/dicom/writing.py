"""Writes an image as DICOM, classic or enhanced: magnitude, phase and standard deviation are series of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fourfold.errors import InputError
from fourfold.files.output import FOLDER, suffix_of
from fourfold.formats.dicom.attributes import Study
from fourfold.formats.dicom.classic import classic_image
from fourfold.formats.dicom.enhanced import enhanced_image
from fourfold.formats.dicom.frames import check_place, frame_places
from fourfold.formats.dicom.library import load_pydicom
from fourfold.formats.dicom.series import Series, series_of
from fourfold.formats.image_series import check_series, chosen_series
from fourfold.scan import Geometry, Reconstruction

__all__ = ["SUFFIXES", "DicomKind", "check_image", "write_image"]

DicomKind: TypeAlias = Literal["classic", "enhanced"]
SUFFIXES = (".dcm", FOLDER)
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


@dataclass(frozen=True)
class Output:
    """One series on its way to a file or a folder."""

    reconstruction: Reconstruction
    series: Series
    study: Study
    uid: str


def check_image(
    path: Path, geometry: Geometry, frames: int, dicom: DicomKind = "classic", series: Sequence[str] | None = None
) -> None:
    """Refuse what cannot be written, before long work.

    Parameters
    ----------
    path
        The output.
    geometry, frames
        Of the image to come.
    dicom, series
        As in `write_image`.
    """
    load_pydicom(f"'{path}' is to be in")
    check_place(geometry, f"'{path}'")
    if dicom not in ("classic", "enhanced"):
        raise InputError(f"The kind of DICOM is '{dicom}'; choose classic or enhanced.")
    if series is not None:
        check_series(series)
    if suffix_of(path, SUFFIXES) == FOLDER:
        return
    if series is not None and len(series) > 1:
        raise InputError(f"'{path}' is one file and can hold one series; name a folder for {' and '.join(series)}.")
    if frames > 1 and dicom == "classic":
        raise InputError(
            f"'{path}' is one file, but {frames} frames are as many files of classic DICOM: name a folder (without a "
            "suffix), or write all into one file with --dicom enhanced (in Python dicom='enhanced')."
        )


def write_image(
    path: Path,
    reconstruction: Reconstruction,
    dicom: DicomKind = "classic",
    series: Sequence[str] | None = None,
) -> None:
    """Write an image as DICOM.

    Parameters
    ----------
    path
        A folder that exists: it gets the folders ``magnitude``, ``phase`` and ``std``, with a file for each frame, or
        one file of enhanced images. Or a file for one series, the magnitude unless another one is chosen.
    reconstruction
        The image.
    dicom
        ``classic``: MR Image Storage, one file a frame. ``enhanced``: Enhanced MR Image Storage, one file a series.
    series
        Which of ``magnitude``, ``phase`` and ``std`` are written; None for all that the image has.

    Raises
    ------
    InputError
        Where the frames' place is not known, or a series is not there.
    """
    study = Study(reconstruction)
    uid = load_pydicom().uid
    in_folder = path.is_dir()
    names = chosen_series(series, reconstruction)
    for name in names if in_folder else names[:1]:
        output = Output(reconstruction, series_of(reconstruction, name), study, uid.generate_uid(None))
        if in_folder:
            folder = path / name
            folder.mkdir()
            _write_folder(folder, output, dicom)
        else:
            _write_file(path, output, dicom)


def _write_folder(folder: Path, output: Output, dicom: DicomKind) -> None:
    if dicom == "enhanced":
        _write_file(folder / f"{folder.name}.dcm", output, dicom)
        return
    places = frame_places(output.reconstruction)
    for number, place in enumerate(places, start=1):
        image = classic_image(output.reconstruction, output.series, output.study, output.uid, place, number)
        _save(image, folder / f"{number:05}.dcm")


def _write_file(path: Path, output: Output, dicom: DicomKind) -> None:
    places = frame_places(output.reconstruction)
    if dicom == "enhanced":
        image = enhanced_image(output.reconstruction, output.series, output.study, output.uid, places)
    else:
        image = classic_image(output.reconstruction, output.series, output.study, output.uid, places[0], 1)
    _save(image, path)


def _save(image: Any, path: Path) -> None:
    pydicom = load_pydicom()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE_ENDIAN
    image.save_as(path, enforce_file_format=True)
