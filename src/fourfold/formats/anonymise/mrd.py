"""MRD files without identity: the header is written anew, and nothing but lines and waveforms is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np

from fourfold.errors import InputError
from fourfold.files.hdf5 import open_hdf5, read_dataset
from fourfold.files.output import late_refusal

__all__ = ["anonymise_mrd"]

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
SECTIONS = {
    "subjectInformation": None,
    "studyInformation": ("bodyPartExamined",),
    "measurementInformation": ("patientPosition", "relativeTablePosition", "protocolName", "sequenceName"),
    "acquisitionSystemInformation": (
        "systemVendor",
        "systemModel",
        "systemFieldStrength_T",
        "relativeReceiverNoiseBandwidth",
        "receiverChannels",
        "coilLabel",
    ),
    "userParameters": ("userParameterLong", "userParameterDouble"),
}
"""Sections of the header in which identity stands, and the elements of each that are kept; None removes the section."""
COPIED = ("data", "waveforms")
"""What is copied beside the header, ``xml``."""


def anonymise_mrd(path: Path, output: Path) -> list[str]:
    """Write an MRD file without identity; return the names of what was removed.

    The file is written anew, since HDF5 keeps the bytes of what is deleted.
    """
    removed: list[str] = []
    with open_hdf5(path) as file, late_refusal(output) as target, h5py.File(target, "w") as copy:
        for name, group in file.items():
            if not isinstance(group, h5py.Group) or "xml" not in group:
                removed.append(f"'{name}' of the file")
                continue
            made = copy.create_group(name)
            header, gone = _without_identity(np.asarray(read_dataset(group["xml"], path)).item(), path)
            made.create_dataset("xml", data=[header], dtype=h5py.string_dtype())
            for part in group:
                if part in COPIED:
                    file.copy(group[part], made, name=part, without_attrs=True)
            others = [part for part in group if part not in ("xml", *COPIED)]
            removed += gone + [f"'{name}/{part}' of the file" for part in others]
    return list(dict.fromkeys(removed))


def _without_identity(xml: Any, path: Path) -> tuple[str, list[str]]:
    ElementTree.register_namespace("", NAMESPACE)
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise InputError(
            f"The ISMRMRD header of '{path}' is damaged ({error}): convert the scanner's file again."
        ) from None
    removed = []
    for section in list(root):
        name = _name(section)
        if name not in SECTIONS:
            continue
        kept = SECTIONS[name]
        for element in list(section):
            if kept is None or _name(element) not in kept:
                section.remove(element)
                removed.append(f"{name}/{_name(element)}")
        if not len(section):
            root.remove(section)
    return ElementTree.tostring(root, encoding="unicode"), removed


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
