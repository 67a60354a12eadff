"""Known formats that fourfold cannot read: each is rejected with conversion instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fourfold.errors import InputError
from fourfold.files.hdf5 import is_hdf5, open_hdf5
from fourfold.files.input import first_bytes
from fourfold.formats.dicom.reading import is_dicom
from fourfold.formats.nifti_reading import is_nifti

__all__ = ["is_named", "refuse"]

NO_KSPACE = (
    "it holds images and no k-space, which fourfold cannot start from: take the scanner's raw data (or make k-space "
    "of it in Python: fourfold.simulate(fourfold.load_image(path)))"
)


def _scan_archive(path: Path) -> bool:
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "H5ArchiveVersion" in file.attrs or "OriginalHeader.xml" in file


def _bruker(path: Path) -> bool:
    parameters = (path.with_name(name) for name in ("acqp", "reco"))
    return any(file.exists() and first_bytes(file, 8) == b"##TITLE=" for file in parameters)


def _philips_raw(path: Path) -> bool:
    """Whether the file has the name of one of Philips' raw files and another of them beside it."""
    suffixes = (".raw", ".lab", ".sin")
    others = (path.with_suffix(suffix) for suffix in suffixes if suffix != path.suffix.lower())
    return path.suffix.lower() in suffixes and any(other.is_file() for other in others)


def _our_image(path: Path) -> bool:
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return "reconstruction" in file


FORMATS: tuple[tuple[str, Callable[[Path], bool], str], ...] = (
    ("a GE ScanArchive", _scan_archive, "convert it with ge_to_ismrmrd and open the result"),
    (
        "part of a Bruker experiment",
        _bruker,
        "open the experiment's file 'fid', or convert it with bruker_to_ismrmrd where it has none",
    ),
    (
        "part of a Philips raw scan (.raw, .lab, .sin), whose layout is not public",
        _philips_raw,
        "export the scan as .list and .data on the scanner and open either of these",
    ),
    ("a NIfTI image", is_nifti, NO_KSPACE),
    ("a DICOM image", is_dicom, NO_KSPACE),
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
