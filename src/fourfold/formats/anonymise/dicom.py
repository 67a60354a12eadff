"""DICOM images without identity.

What is kept is listed, all else is removed: numbers and codes of the acquisition, of the place in the patient and of
the pixels. Unique identifiers are replaced, the same by the same, so that files keep belonging together. This goes
further than the basic profile of DICOM PS3.15 (table E.1-1), which lists what is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.formats.dicom.library import decoding, load_pydicom
from fourfold.formats.dicom.reading import is_dicom

__all__ = ["anonymise_dicom"]

KEPT_GROUPS = (0x0018, 0x0020, 0x0028, 0x2050, 0x5200, 0x7FE0)
"""Acquisition, place, pixels, presentation, functional groups and pixel data: numbers and codes in them are kept."""
TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR", "AE", "AS", "DA", "DT", "TM", "UN", "UI"})
"""Types of values that are free text, names, times and identifiers."""
KEPT = frozenset(
    {
        *("SpecificCharacterSet", "ImageType", "FrameType", "SOPClassUID", "Modality"),
        *("Manufacturer", "ManufacturerModelName", "SoftwareVersions"),
        *("ComplexImageComponent", "AcquisitionContrast", "PixelPresentation"),
        *("VolumetricProperties", "VolumeBasedCalculationTechnique", "AnatomicRegionSequence"),
        *("SequenceName", "PulseSequenceName", "ReceiveCoilName", "ImagedNucleus"),
        *("StackID", "DimensionDescriptionLabel", "PurposeOfReferenceCodeSequence"),
        *("CodeValue", "CodingSchemeDesignator", "CodeMeaning"),
        *("RealWorldValueMappingSequence", "RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"),
        *("RealWorldValueIntercept", "RealWorldValueSlope", "MeasurementUnitsCodeSequence"),
        *("LUTLabel", "LUTExplanation", "PresentationLUTShape", "RescaleType"),
    }
)
"""Further attributes that are kept."""
REPLACED = frozenset(
    {
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"),
        *("DimensionOrganizationUID", "ConcatenationUID"),
    }
)
"""Unique identifiers that are replaced."""
BLANK = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
    "PositionReferenceIndicator",
)
"""Attributes that must be there, and are empty."""
DUMMIES = {"DeviceSerialNumber": "0", "ContentDate": "19000101", "ContentTime": "000000"}
"""Attributes of enhanced images that must have a value."""


def anonymise_dicom(path: Path, output: Path) -> list[str]:
    """Write a DICOM file, or those of a folder, without identity; return the names of what was removed or replaced."""
    pydicom = load_pydicom(f"'{path}' is in")
    uids: dict[str, str] = {}

    def new_uid(old: str) -> str:
        return uids.setdefault(old, pydicom.uid.generate_uid(prefix=None))

    removed: set[str] = set()
    if path.is_file():
        _copy(path, output, pydicom, new_uid, removed)
        return sorted(removed)
    files = sorted(each for each in path.rglob("*") if each.is_file() and is_dicom(each))
    if not files:
        raise InputError(f"The folder '{path}' holds no DICOM file: name another one.")
    output.mkdir()
    for number, file in enumerate(files, start=1):
        # Names of files may hold the patient's.
        _copy(file, output / f"{number:05}.dcm", pydicom, new_uid, removed)
    return sorted({*removed, "names of files"})


def _copy(path: Path, output: Path, pydicom: Any, new_uid: Callable[[str], str], removed: set[str]) -> None:
    with decoding(path):
        image = pydicom.dcmread(path)
        burned = str(image.get("BurnedInAnnotation", "")) == "YES"
        if burned or "Rows" not in image:
            what = "has text burned into its pixels" if burned else "is no image"
            raise InputError(f"'{path}' {what}, from which fourfold cannot remove an identity: leave it out.")
        syntax = image.file_meta.TransferSyntaxUID
        _clean(image, new_uid, removed)
        for name in BLANK:
            setattr(image, name, "")
        if "NumberOfFrames" in image:
            for name, value in DUMMIES.items():
                setattr(image, name, value)
            image.AcquisitionContextSequence = []
        image.PatientIdentityRemoved = "YES"
        image.DeidentificationMethod = "fourfold anonymise"
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = syntax
        image.preamble = bytes(128)
        content = BytesIO()
        image.save_as(content, enforce_file_format=True)
    output.write_bytes(content.getvalue())


def _clean(dataset: Any, new_uid: Callable[[str], str], removed: set[str]) -> None:
    """Remove what is not kept from a data set and its sequences, and replace unique identifiers."""
    for element in list(dataset):
        name = element.keyword or f"private ({element.tag.group:04x})"
        if name in REPLACED:
            element.value = new_uid(str(element.value))
            removed.add(name)
        elif not _is_kept(element):
            if element.value not in ("", None):
                removed.add(name)
            del dataset[element.tag]
        elif element.VR == "SQ":
            for each in element.value:
                _clean(each, new_uid, removed)


def _is_kept(element: Any) -> bool:
    in_kept_group = element.tag.group in KEPT_GROUPS and element.VR not in TEXTS
    return not element.tag.is_private and (element.keyword in KEPT or in_kept_group)
