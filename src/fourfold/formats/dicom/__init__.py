"""DICOM images: classic and enhanced MR."""

from fourfold.formats.dicom.writing import SUFFIXES, check_image, write_image
from fourfold.formats.registry import FileFormat

__all__ = ["FORMAT"]

FORMAT = FileFormat(
    "DICOM",
    suffixes=SUFFIXES,
    write_image=write_image,
    image_options=("dicom", "series"),
    check_image=check_image,
    order=65,
)
