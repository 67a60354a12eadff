"""pydicom, which reads and writes DICOM files and is loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fourfold.errors import InputError

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


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn the errors that pydicom raises for a damaged file, of many types, into an InputError that names the file.

    It decodes values when they are asked for, so whatever reads them belongs into the block.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    # The message of pydicom names a missing decoder.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"'{path}' is damaged or cannot be decoded ({reason}): copy it again, or convert it to NIfTI."
        ) from error
