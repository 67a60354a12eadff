"""The JSON file beside a NIfTI image: how it was acquired and made, by the names of BIDS.

Gorgolewski et al., "The brain imaging data structure", Scientific Data 3:160044 (2016); names and units are those of
https://bids-specification.readthedocs.io (magnetic resonance imaging data). Times are in seconds.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fourfold.files.documents import plain
from fourfold.scan import Protocol, Reconstruction

__all__ = ["IDENTIFYING", "sidecar"]

IDENTIFYING = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "PatientAge",
    "PatientSize",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyID",
    "StudyDescription",
    "ReferringPhysicianName",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "ProcedureStepDescription",
    "ImageComments",
)
"""Names in sidecars, of fourfold or dcm2niix, that can tell who was examined, where and when."""
TEXTS = {
    "Manufacturer": "vendor",
    "ManufacturersModelName": "model",
    "SoftwareVersions": "software",
    "ReceiveCoilName": "coil",
    "ProtocolName": "protocol",
    "PulseSequenceDetails": "sequence",
    "BodyPartExamined": "body_part",
    "PatientPosition": "patient_position",
    "MRAcquisitionType": "acquisition",
    "MagneticFieldStrength": "field_strength",
    "ImagingFrequency": "frequency",
    "PixelBandwidth": "bandwidth",
    "NumberOfAverages": "averages",
    "EchoTrainLength": "echo_train_length",
}
MILLISECONDS = {
    "RepetitionTime": "repetition_times",
    "EchoTime": "echo_times",
    "InversionTime": "inversion_times",
}
UNITS = {"phase": "rad"}
"""Of series in other units than arbitrary ones."""


def sidecar(reconstruction: Reconstruction, slices: int, series: str) -> dict[str, Any]:
    """Return the facts about an image of one stack as JSON types. What is not known is left out; no identity is held.

    Parameters
    ----------
    reconstruction
        The frames of one stack, slices fastest.
    slices
        Their number in each volume.
    series
        A name in `fourfold.formats.image_series.SERIES`.
    """
    geometry, labels, record = reconstruction.geometry, reconstruction.labels, reconstruction.record
    facts: dict[str, Any] = {"Modality": "MR", **_acquisition(reconstruction.protocol)}
    facts["ImageType"] = ["DERIVED", "PRIMARY", series.upper()]
    facts["Units"] = UNITS.get(series, "arbitrary")
    facts["SliceThickness"] = geometry.slice_thickness
    facts["SpacingBetweenSlices"] = geometry.voxel_size[0] if slices > 1 else None
    # The axes of the NIfTI array: i is x and j is y. The sign is not known.
    facts["PhaseEncodingAxis"] = {"x": "i", "y": "j", None: None}[geometry.phase_axis]
    facts["ConversionSoftware"] = facts["ReconstructionSoftware"] = "fourfold"
    facts["GeneratedBy"] = [{"Name": "fourfold", "Version": version("fourfold")}]
    facts["ReconstructionMethod"] = record.method
    facts["ReconstructionSettings"] = record.settings
    facts["ReconstructionUse"] = "Derived, for research; not for diagnosis."
    volumes = [labels.of(frame) for frame in range(0, len(reconstruction.image), slices)]
    if len(volumes) > 1 and labels.known:
        facts["VolumeLabels"] = volumes
    return dict(plain({name: value for name, value in facts.items() if value is not None}))


def _acquisition(protocol: Protocol) -> dict[str, Any]:
    facts = {name: getattr(protocol, attribute) for name, attribute in TEXTS.items()}
    for name, attribute in MILLISECONDS.items():
        seconds = [value / 1000 for value in getattr(protocol, attribute)]
        facts[name] = (seconds[0] if len(seconds) == 1 else seconds) if seconds else None
    angles = protocol.flip_angles
    facts["FlipAngle"] = (angles[0] if len(angles) == 1 else angles) if angles else None
    factors = protocol.parallel_acceleration
    facts["ParallelReductionFactorInPlane"] = factors[0] if factors else None
    return facts
