"""Copies of files without the patient's identity."""

from fourfold.formats.anonymise.copying import anonymise

__all__ = ["anonymise"]
