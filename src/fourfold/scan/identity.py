"""Whose scan it is: patient and study, so far as the raw file or the user says it."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any

from fourfold.errors import InputError

__all__ = ["Identity"]

DATE = re.compile(r"\d{8}")
TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
SEXES = ("M", "F", "O")
LONGEST = 64
"""Characters of a text or a unique identifier in DICOM."""


@dataclass(frozen=True)
class Identity:
    """Patient and study, as DICOM names and writes them. What is not known is None.

    It is kept beside the image and written to DICOM alone: no other output of fourfold holds it.

    Attributes
    ----------
    patient_name, patient_id
        The name as DICOM writes it (``family^given``), and the hospital's number.
    birth_date, sex
        ``YYYYMMDD``; ``M``, ``F`` or ``O``.
    weight
        In kg.
    study_uid, frame_of_reference_uid
        Unique identifiers of the study and of the coordinate system that its images share.
    study_id, accession_number, study_description, referring_physician
        As the hospital's systems name the study.
    study_date, study_time
        ``YYYYMMDD``, ``HHMMSS``.
    series_description
        Text for the series; without it the protocol's name.

    Raises
    ------
    InputError
        For texts that DICOM cannot hold.
    """

    patient_name: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    weight: float | None = None
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    study_id: str | None = None
    accession_number: str | None = None
    study_description: str | None = None
    referring_physician: str | None = None
    study_date: str | None = None
    study_time: str | None = None
    series_description: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.known.items():
            if name == "weight":
                fits = isinstance(value, int | float) and 0 < value < math.inf
            else:
                fits = isinstance(value, str) and _fits(name, value)
            if not fits:
                raise InputError(f"The {name.replace('_', ' ')} is {value!r}; {_expected(name)}.")

    @property
    def known(self) -> dict[str, Any]:
        """What is known, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def _fits(name: str, value: str) -> bool:
    if name in ("birth_date", "study_date"):
        return DATE.fullmatch(value) is not None
    if name == "study_time":
        return TIME.fullmatch(value) is not None
    if name == "sex":
        return value in SEXES
    if name.endswith("_uid"):
        return len(value) <= LONGEST and UID.fullmatch(value) is not None
    return len(value) <= _longest(name) and value.isprintable() and "\\" not in value


def _longest(name: str) -> int:
    return 16 if name in ("accession_number", "study_id") else LONGEST


def _expected(name: str) -> str:
    if name in ("birth_date", "study_date"):
        return "give the date as YYYYMMDD, or leave it out"
    if name == "study_time":
        return "give the time as HHMMSS, or leave it out"
    if name == "sex":
        return f"give one of {', '.join(SEXES)}, or leave it out"
    if name.endswith("_uid"):
        return f"give numbers separated by dots, at most {LONGEST} characters, or leave it out"
    if name == "weight":
        return "give kilograms, or leave it out"
    return f"give text of at most {_longest(name)} characters on one line, without a backslash, or leave it out"
