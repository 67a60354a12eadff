"""Images in DICOM files."""

from __future__ import annotations

from pathlib import Path

from fourfold.datasets.images import Stack, compact
from fourfold.datasets.settings import Images
from fourfold.datasets.volume import subject_in
from fourfold.formats.dicom.decoding import decoded_dicom

__all__ = ["DicomImages"]


class DicomImages(Stack):
    """The image or the frames of a DICOM file. The subject is the patient's ID unless the settings give a pattern.

    Raises
    ------
    InputError
        When pydicom is not installed, or the file is damaged or not a greyscale image.
    """

    def __init__(self, path: Path, settings: Images) -> None:
        images, file = decoded_dicom(path)
        patient = str(getattr(file, "PatientID", "") or path.stem)
        subject = subject_in(path.name, settings.subject, patient)
        names = [str(index) for index in range(len(images))]
        super().__init__(path, settings, compact(images), [subject] * len(names), names)
