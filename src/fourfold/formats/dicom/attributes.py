"""Attributes that classic and enhanced DICOM images share: patient, study, series, equipment, and how they were made.

Names and meanings are those of DICOM PS3.3 (https://dicom.nema.org/medical/dicom/current/output/html/part03.html).
"""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import version
from typing import Any

from fourfold.files.documents import plain
from fourfold.formats.dicom.facts import ACQUISITION_EQUIPMENT
from fourfold.formats.dicom.frames import number_text
from fourfold.formats.dicom.library import load_pydicom
from fourfold.formats.dicom.series import Series
from fourfold.formats.image_series import SERIES
from fourfold.scan import Protocol, Reconstruction

__all__ = ["NOTE", "PRIVATE_CREATOR", "PRIVATE_GROUP", "Study", "code", "describe_image", "describe_series", "item"]

NOTE = "Derived, for research; not for diagnosis."
PRIVATE_GROUP = 0x0021
PRIVATE_CREATOR = "FOURFOLD"
FIRST_SERIES = 1001
"""Number of the magnitude's series, behind those of the scanner."""


class Study:
    """What all series of one image share: identifiers of study and coordinate system, the time, fourfold's version.

    They are the raw file's where it has them, else new ones.
    """

    def __init__(self, reconstruction: Reconstruction) -> None:
        uid = load_pydicom().uid
        identity = reconstruction.identity
        self.study_uid = identity.study_uid or uid.generate_uid(prefix=None)
        self.frame_of_reference_uid = identity.frame_of_reference_uid or uid.generate_uid(prefix=None)
        self.now = datetime.now()
        self.version = version("fourfold")


def item(**attributes: Any) -> Any:
    """Return a data set of these attributes: an item of a sequence."""
    dataset = load_pydicom().Dataset()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> Any:
    """Return an item of a sequence of codes."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def describe_series(dataset: Any, reconstruction: Reconstruction, series: Series, study: Study, uid: str) -> None:
    """Set the attributes of patient, study, series, coordinate system and equipment."""
    identity, protocol = reconstruction.identity, reconstruction.protocol
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = identity.patient_name or ""
    dataset.PatientID = identity.patient_id or ""
    dataset.PatientBirthDate = identity.birth_date or ""
    dataset.PatientSex = identity.sex or ""
    if identity.weight is not None:
        dataset.PatientWeight = number_text(identity.weight)
    dataset.StudyInstanceUID = study.study_uid
    dataset.StudyDate = identity.study_date or ""
    dataset.StudyTime = identity.study_time or ""
    dataset.StudyID = identity.study_id or ""
    dataset.AccessionNumber = identity.accession_number or ""
    dataset.ReferringPhysicianName = identity.referring_physician or ""
    if identity.study_description:
        dataset.StudyDescription = identity.study_description
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = uid
    dataset.SeriesNumber = FIRST_SERIES + SERIES.index(series.name)
    name = identity.series_description or protocol.protocol or "image"
    dataset.SeriesDescription = f"{name} {reconstruction.record.method} {series.name}"[-64:]
    dataset.SeriesDate = dataset.ContentDate = dataset.InstanceCreationDate = study.now.strftime("%Y%m%d")
    dataset.SeriesTime = dataset.ContentTime = dataset.InstanceCreationTime = study.now.strftime("%H%M%S")
    dataset.PatientPosition = protocol.patient_position or ""
    if protocol.protocol:
        dataset.ProtocolName = protocol.protocol[:64]
    if protocol.body_part:
        dataset.BodyPartExamined = protocol.body_part[:16].upper()
    dataset.FrameOfReferenceUID = study.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    # The equipment that made these images is fourfold; the scanner contributed to them.
    dataset.Manufacturer = dataset.ManufacturerModelName = "fourfold"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = f"fourfold {study.version}"
    if protocol.vendor:
        dataset.ContributingEquipmentSequence = [_scanner(protocol)]


def _scanner(protocol: Protocol) -> Any:
    scanner = item(
        PurposeOfReferenceCodeSequence=[code(ACQUISITION_EQUIPMENT, "DCM", "Acquisition Equipment")],
        Manufacturer=(protocol.vendor or "")[:64],
    )
    names = {
        "ManufacturerModelName": protocol.model,
        "SoftwareVersions": protocol.software,
        "InstitutionName": protocol.institution,
        "StationName": protocol.station and protocol.station[:16],
    }
    for name, value in names.items():
        if value:
            setattr(scanner, name, value[:64])
    return scanner


def describe_image(
    dataset: Any, reconstruction: Reconstruction, series: Series, study: Study, frame: int | None
) -> None:
    """Set the attributes that say what the pixels are and how they were made.

    Parameters
    ----------
    dataset
        The image.
    reconstruction, series, study
        Where it comes from.
    frame
        The frame that it shows; None for all frames.
    """
    dataset.ImageComments = f"fourfold, method '{reconstruction.record.method}'. {NOTE}"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    _, dataset.Rows, dataset.Columns = reconstruction.image.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "LT", NOTE)
    block.add_new(
        0x02, "UT", json.dumps({"fourfold": study.version, **_how_it_was_made(reconstruction, series, frame)})
    )


def _how_it_was_made(reconstruction: Reconstruction, series: Series, frame: int | None) -> dict[str, Any]:
    """Return method, settings and notes as JSON types, without the raw file's name, which may name the patient."""
    record = reconstruction.record
    path = str(record.source.get("path") or "")
    notes = record.notes if frame is None or not record.by_frame else (*record.notes, *record.by_frame[frame].notes)
    facts = {
        "method": record.method,
        "settings": record.settings,
        "iterations": record.iterations,
        "sampling": record.sampling,
        "details": record.details if frame is None else record.details_of(frame),
        "notes": [note.replace(path, "the raw file") if path else note for note in dict.fromkeys(notes)],
        "series": series.name,
        "value_of_stored_number": {"slope": series.slope, "intercept": series.intercept, "unit": series.unit[0]},
    }
    return dict(plain(facts))
