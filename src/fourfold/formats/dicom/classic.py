"""Classic DICOM MR images: one file for each frame (MR Image Storage, DICOM PS3.3 A.4)."""

from __future__ import annotations

from typing import Any

from fourfold.formats.dicom.attributes import Study, code, describe_image, describe_series, item
from fourfold.formats.dicom.frames import FramePlace, number_text, vector_text
from fourfold.formats.dicom.library import load_pydicom
from fourfold.formats.dicom.series import LARGEST, Series
from fourfold.scan import Protocol, Reconstruction

__all__ = ["classic_image"]

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
IMAGE_TYPES = {"phase": "PHASE MAP"}
"""Of series of another kind than OTHER."""
"""Third value of Image Type."""
UNPAIRED = frozenset(
    {"HEAD", "BRAIN", "NECK", "CHEST", "HEART", "ABDOMEN", "LIVER", "PELVIS", "PROSTATE", "UTERUS"}
    | {"SPINE", "CSPINE", "TSPINE", "LSPINE"}
)
"""Parts of the body that have no side, by DICOM's names."""


def classic_image(
    reconstruction: Reconstruction, series: Series, study: Study, series_uid: str, place: FramePlace, number: int
) -> Any:
    """Return the data set of one frame, with its pixels.

    Parameters
    ----------
    reconstruction, series, study, series_uid
        What the files of a series share.
    place
        The frame.
    number
        Its number in the series, counted from 1.
    """
    image = item(SOPClassUID=MR_IMAGE_STORAGE, SOPInstanceUID=load_pydicom().uid.generate_uid(None))
    describe_series(image, reconstruction, series, study, series_uid)
    describe_image(image, reconstruction, series, study, place.frame)
    image.ImageType = ["DERIVED", "PRIMARY", IMAGE_TYPES.get(series.name, "OTHER"), series.image_type]
    image.DerivationDescription = image.ImageComments
    _describe_sequence(image, reconstruction.protocol)
    _describe_place(image, reconstruction, place)
    image.InstanceNumber = number
    image.AcquisitionNumber = place.volume
    if place.echo is not None:
        image.EchoNumbers = place.echo
    image.EchoTime = "" if place.echo_time is None else number_text(place.echo_time)
    if place.volumes > 1:
        image.TemporalPositionIdentifier = place.volume
        image.NumberOfTemporalPositions = place.volumes
    low, high = series.stored_window
    image.WindowCenter, image.WindowWidth = number_text((low + high) / 2), number_text(high - low)
    # Classic MR images have no rescale slope: programs show the stored numbers. This says what they stand for.
    image.RealWorldValueMappingSequence = [
        item(
            RealWorldValueFirstValueMapped=0,
            RealWorldValueLastValueMapped=LARGEST,
            RealWorldValueIntercept=series.intercept,
            RealWorldValueSlope=series.slope,
            LUTLabel=series.name.upper(),
            LUTExplanation=f"{series.name} of the reconstructed image",
            MeasurementUnitsCodeSequence=[code(series.unit[0], "UCUM", series.unit[1])],
        )
    ]
    image.PixelData = series.stored(place.frame).astype("<u2").tobytes()
    return image


def _describe_sequence(image: Any, protocol: Protocol) -> None:
    # Research Mode: the kind of sequence is not known. DICOM wants an inversion time of inversion recovery alone, and
    # headers of raw data have one for any sequence.
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "RM", "NONE", ""
    image.MRAcquisitionType = protocol.acquisition or ""
    image.EchoTrainLength = "" if protocol.echo_train_length is None else protocol.echo_train_length
    numbers = {
        "RepetitionTime": _only(protocol.repetition_times),
        "FlipAngle": _only(protocol.flip_angles),
        "MagneticFieldStrength": protocol.field_strength,
        "ImagingFrequency": protocol.frequency,
        "PixelBandwidth": protocol.bandwidth,
        "NumberOfAverages": protocol.averages,
    }
    image.RepetitionTime = ""
    for name, value in numbers.items():
        if value is not None:
            setattr(image, name, number_text(value))
    texts = {
        "SequenceName": protocol.sequence and protocol.sequence[:16],
        "ImagedNucleus": protocol.nucleus and protocol.nucleus[:16],
        "ReceiveCoilName": protocol.coil and protocol.coil[:16],
    }
    for name, text in texts.items():
        if text:
            setattr(image, name, text)


def _only(values: tuple[float, ...]) -> float | None:
    """Return the value of a list of one."""
    return values[0] if len(values) == 1 else None


def _describe_place(image: Any, reconstruction: Reconstruction, place: FramePlace) -> None:
    geometry = reconstruction.geometry
    image.ImagePositionPatient = vector_text(place.corner)
    image.ImageOrientationPatient = vector_text((*place.placement.x_axis, *place.placement.y_axis))
    # The distance of rows comes first, then that of columns.
    image.PixelSpacing = vector_text(size or 0.0 for size in geometry.voxel_size[1:])
    image.SliceThickness = "" if geometry.slice_thickness is None else number_text(geometry.slice_thickness)
    image.SliceLocation = number_text(place.height + 0.0)
    if place.spacing is not None:
        image.SpacingBetweenSlices = number_text(place.spacing)
    if (reconstruction.protocol.body_part or "").upper() not in UNPAIRED:
        # One of a pair, or it is not known whether it is: the side is not known then, which DICOM wants to be said.
        image.Laterality = ""
    if geometry.phase_axis is not None:
        image.InPlanePhaseEncodingDirection = "COL" if geometry.phase_axis == "y" else "ROW"
