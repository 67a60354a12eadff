"""`load_image`: images in, NIfTI or DICOM, with their place in the patient."""

from __future__ import annotations

from os import PathLike

from fourfold.errors import InputError, as_path
from fourfold.files.input import check_file, first_bytes
from fourfold.formats.dicom.reading import is_dicom, read_dicom
from fourfold.formats.nifti_reading import is_nifti, read_nifti
from fourfold.scan import Reconstruction

__all__ = ["load_image"]


def load_image(path: str | PathLike[str]) -> Reconstruction:
    """Read an image with its geometry, to simulate scans of it (`simulate`) or as a reference (`compare`).

    Parameters
    ----------
    path
        A NIfTI file (``.nii``, ``.nii.gz``), a DICOM file, or a folder with the DICOM files of one series: classic or
        enhanced. The content says which.

    Returns
    -------
    Reconstruction
        ``image`` complex64 (frame, y, x), of slices that were imaged repeatedly volume by volume. The values are the
        file's, rescaled as it says. The record's method is ``file``. Geometry, labels, protocol and identity are known
        as far as the file says them.

    Raises
    ------
    InputError
        For files that are damaged or no greyscale images, for mosaics, for folders with several series, and where an
        image would fill more than half of the free memory.
    """
    path = as_path(path)
    if path.is_dir():
        return read_dicom(path)
    check_file(path)
    if is_dicom(path):
        return read_dicom(path)
    if is_nifti(path):
        return read_nifti(path)
    start = first_bytes(path, 4)
    raise InputError(
        f"'{path}' is neither a NIfTI nor a DICOM image (it begins with {start!r}): name one, or a folder of DICOM "
        "files."
    )
