"""`anonymise`: copies an MRD, DICOM or NIfTI file without identity."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from fourfold.errors import InputError, as_path
from fourfold.files.input import check_file
from fourfold.files.output import FOLDER, atomically, check_target, folder_atomically, suffix_of
from fourfold.formats.anonymise.dicom import anonymise_dicom
from fourfold.formats.anonymise.mrd import anonymise_mrd
from fourfold.formats.anonymise.nifti import anonymise_nifti
from fourfold.formats.dicom.reading import is_dicom
from fourfold.formats.mrd import MRDFile
from fourfold.formats.nifti_reading import is_nifti
from fourfold.formats.reading import find_reader

__all__ = ["anonymise", "suffixes_for"]

MRD, DICOM, NIFTI = (".h5", ".mrd"), (".dcm",), (".nii", ".nii.gz")


def suffixes_for(path: Path) -> tuple[str, ...]:
    """Return the suffixes that a copy of `path` without identity may have.

    Raises
    ------
    InputError
        For formats that cannot be anonymised.
    """
    if path.is_dir():
        return (FOLDER,)
    check_file(path)
    if is_dicom(path):
        return DICOM
    if is_nifti(path):
        return NIFTI
    if MRDFile.recognises(path):
        return MRD
    reader = find_reader(path)
    name = "a file of unknown format" if reader is None else f"of the format {reader.format}"
    raise InputError(
        f"'{path}' is {name}, whose identity fourfold cannot remove: convert raw data to MRD first (fourfold convert), "
        "which holds it in its header alone, and give that file."
    )


def anonymise(path: str | PathLike[str], output: str | PathLike[str], *, replace: bool = False) -> list[str]:
    """Write a copy of a file without the patient's identity; the samples are the same to the bit.

    Parameters
    ----------
    path
        An MRD file, a NIfTI file (with its sidecar, if there is one), a DICOM file, or a folder of DICOM files.
    output
        The copy: a file, or a folder for a folder.
    replace
        Whether a file that exists is replaced.

    Returns
    -------
    list of str
        Names of what was removed or replaced, without their values.

    Raises
    ------
    InputError
        For other formats, and as `fourfold.formats.check_writable`.
    """
    path = as_path(path)
    suffixes = suffixes_for(path)
    output = check_target(output, suffixes)
    if output.exists() and output.samefile(path):
        raise InputError(f"The output '{output}' is the input itself: choose another name.")
    if path.is_dir():
        with folder_atomically(output, replace) as folder:
            return anonymise_dicom(path, folder / "images")
    with atomically(output, suffix_of(output, suffixes), replace) as file:
        if suffixes == MRD:
            return anonymise_mrd(path, file)
        return anonymise_nifti(path, file) if suffixes == NIFTI else anonymise_dicom(path, file)
