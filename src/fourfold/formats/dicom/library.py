"""pydicom, which reads and writes DICOM files and is loaded on first use."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.damage import damage_explained

__all__ = ["decoding", "load_pydicom"]


def load_pydicom(what: str = "The output is to be in") -> Any:
    """Return the module pydicom; raises InputError where it is missing.

    Parameters
    ----------
    what
        What needs it, as the subject of a sentence that goes on with "DICOM".
    """
    try:
        importlib.import_module("pydicom.uid")
        return importlib.import_module("pydicom")
    except ImportError:
        raise InputError(
            f"{what} DICOM, for which pydicom is missing: pip install 'fourfold[dicom]', or take NIfTI (.nii.gz)."
        ) from None


def decoding(path: Path) -> AbstractContextManager[None]:
    """Return the context in which what pydicom raises for a damaged file becomes an InputError that names the file.

    It decodes values when they are asked for, so whatever reads them belongs into the block. The reason names a missing
    decoder.
    """
    return damage_explained(f"'{path}' is damaged or cannot be decoded", "copy it again, or convert it to NIfTI")
