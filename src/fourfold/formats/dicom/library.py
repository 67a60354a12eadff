"""pydicom, which reads and writes DICOM files and is loaded on first use."""

from __future__ import annotations

import importlib
from typing import Any

from fourfold.errors import InputError

__all__ = ["load_pydicom"]


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
