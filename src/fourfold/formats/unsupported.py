"""Known formats that fourfold cannot read: each is rejected with conversion instructions."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from fourfold.errors import InputError
from fourfold.files.hdf5 import is_hdf5, open_hdf5
from fourfold.files.input import first_bytes

__all__ = ["is_named", "refuse"]

NO_KSPACE = (
    "it holds images and no k-space, which fourfold cannot start from: take the scanner's raw data (or make k-space "
    "from the images, and save it as 'kspace' in an .npz file)"
)


def _nifti(path: Path) -> bool:
    start = first_bytes(path, 348)
    if start[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                start = file.read(348)
        except (OSError, EOFError):
            return False
    return start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2")


def _dicom(path: Path) -> bool:
    return first_bytes(path, 132)[128:] == b"DICM"


def _scan_archive(path: Path) -> bool:
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "H5ArchiveVersion" in file.attrs or "OriginalHeader.xml" in file


def _bruker(path: Path) -> bool:
    parameters = (path.with_name(name) for name in ("acqp", "reco"))
    return any(file.exists() and first_bytes(file, 8) == b"##TITLE=" for file in parameters)


def _our_image(path: Path) -> bool:
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "reconstruction" in file


FORMATS: tuple[tuple[str, Callable[[Path], bool], str], ...] = (
    ("a GE ScanArchive", _scan_archive, "convert it with ge_to_ismrmrd and open the result"),
    ("part of a Bruker experiment", _bruker, "convert the experiment with bruker_to_ismrmrd and open the result"),
    ("a NIfTI image", _nifti, NO_KSPACE),
    ("a DICOM image", _dicom, NO_KSPACE),
    ("an HDF5 file with a reconstruction", _our_image, NO_KSPACE),
)


def is_named(path: Path) -> bool:
    """Whether the file is of a known kind that cannot be read."""
    return any(recognises(path) for _, recognises, _ in FORMATS)


def refuse(path: Path, readable: Sequence[str]) -> InputError:
    """Return the error that names what `path` is, as far as its content tells, and what to do.

    Parameters
    ----------
    path
        A file that no reader recognises.
    readable
        Names of the formats that can be read.
    """
    for name, recognises, advice in FORMATS:
        if recognises(path):
            return InputError(f"'{path}' is {name}: {advice}.")
    content = "an HDF5 file of unknown content" if is_hdf5(path) else "in no format that fourfold knows"
    return InputError(
        f"'{path}' is {content}; it reads {', '.join(readable[:-1])} and {readable[-1]}: convert it to one of these."
    )
