"""Enhanced DICOM MR images: all frames in one file (Enhanced MR Image Storage, DICOM PS3.3 A.36)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fourfold.formats.dicom.attributes import Study, code, describe_image, describe_series, item
from fourfold.formats.dicom.frames import FramePlace, number_text, vector_text
from fourfold.formats.dicom.library import load_pydicom
from fourfold.formats.dicom.series import Series
from fourfold.scan import Reconstruction

__all__ = ["enhanced_image"]

ENHANCED_MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4.1"
IMAGE_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
# Tags of the attributes that the dimensions are named by, and of the functional group that holds them.
FRAME_CONTENT, STACK, IN_STACK, TEMPORAL = 0x00209111, 0x00209056, 0x00209057, 0x00209128


def enhanced_image(
    reconstruction: Reconstruction, series: Series, study: Study, series_uid: str, places: Sequence[FramePlace]
) -> Any:
    """Return the data set of all frames, with their pixels.

    Parameters
    ----------
    reconstruction, series, study, series_uid
        As in `fourfold.formats.dicom.classic.classic_image`.
    places
        The frames, in the order in which they are stored.
    """
    uid = load_pydicom().uid
    image = item(SOPClassUID=ENHANCED_MR_IMAGE_STORAGE, SOPInstanceUID=uid.generate_uid(None))
    describe_series(image, reconstruction, series, study, series_uid)
    describe_image(image, reconstruction, series, study, None)
    image.ImageType = IMAGE_TYPE
    if reconstruction.protocol.field_strength is not None:
        image.MagneticFieldStrength = reconstruction.protocol.field_strength
    image.InstanceNumber = 1
    image.NumberOfFrames = len(places)
    image.ContentQualification = "RESEARCH"
    image.PresentationLUTShape = "IDENTITY"
    image.AcquisitionContextSequence = []
    # Enhanced images must name the standard by which the absorbed power was limited, which no raw file says.
    image.ApplicableSafetyStandardAgency = "UNKNOWN"
    _describe_frame_type(image, series)
    _describe_dimensions(image, uid.generate_uid(None))
    image.SharedFunctionalGroupsSequence = [_shared_groups(reconstruction, series, places)]
    image.PerFrameFunctionalGroupsSequence = [_frame_groups(place, places) for place in places]
    image.PixelData = np.stack([series.stored(place.frame) for place in places]).astype("<u2").tobytes()
    return image


def _describe_frame_type(dataset: Any, series: Series) -> None:
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.ComplexImageComponent = "PHASE" if series.name == "phase" else "MAGNITUDE"
    dataset.AcquisitionContrast = "UNKNOWN"


def _describe_dimensions(image: Any, uid: str) -> None:
    image.DimensionOrganizationSequence = [item(DimensionOrganizationUID=uid)]
    image.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=uid,
            DimensionIndexPointer=tag,
            FunctionalGroupPointer=FRAME_CONTENT,
            DimensionDescriptionLabel=label,
        )
        for tag, label in ((STACK, "stack"), (IN_STACK, "slice"), (TEMPORAL, "volume"))
    ]


def _shared_groups(reconstruction: Reconstruction, series: Series, places: Sequence[FramePlace]) -> Any:
    """Return what is true of all frames."""
    geometry = reconstruction.geometry
    measures = item(PixelSpacing=vector_text(size or 0.0 for size in geometry.voxel_size[1:]))
    spacings = {place.spacing for place in places}
    if geometry.slice_thickness is not None or len(spacings) == 1:
        thickness = geometry.slice_thickness or places[0].spacing
        if thickness is not None:
            measures.SliceThickness = number_text(thickness)
    if len(spacings) == 1 and places[0].spacing is not None:
        measures.SpacingBetweenSlices = number_text(places[0].spacing)
    frame_type = item(FrameType=IMAGE_TYPE)
    _describe_frame_type(frame_type, series)
    low, high = series.window
    return item(
        PixelMeasuresSequence=[measures],
        MRImageFrameTypeSequence=[frame_type],
        FrameAnatomySequence=[
            item(
                AnatomicRegionSequence=[code("123037004", "SCT", "Body structure")],
                FrameLaterality="U",
            )
        ],
        PixelValueTransformationSequence=[
            item(
                RescaleIntercept=number_text(series.intercept),
                RescaleSlope=number_text(series.slope),
                RescaleType="US",
            )
        ],
        FrameVOILUTSequence=[item(WindowCenter=number_text((low + high) / 2), WindowWidth=number_text(high - low))],
    )


def _frame_groups(place: FramePlace, places: Sequence[FramePlace]) -> Any:
    """Return what is true of one frame."""
    groups = item(
        FrameContentSequence=[
            item(
                StackID=str(place.stack),
                InStackPositionNumber=place.slice,
                TemporalPositionIndex=place.volume,
                DimensionIndexValues=[place.stack, place.slice, place.volume],
            )
        ],
        PlanePositionSequence=[item(ImagePositionPatient=vector_text(place.corner))],
        PlaneOrientationSequence=[
            item(ImageOrientationPatient=vector_text((*place.placement.x_axis, *place.placement.y_axis)))
        ],
    )
    if all(each.echo_time is not None for each in places):
        groups.MREchoSequence = [item(EffectiveEchoTime=place.echo_time)]
    return groups
