"""Philips' exported raw data, ``name.list`` and ``name.data``: Cartesian scans are read."""

from fourfold.formats.philips.file import PhilipsFile
from fourfold.formats.registry import FileFormat

__all__ = ["FORMAT", "PhilipsFile"]

FORMAT = FileFormat("Philips list/data", PhilipsFile, order=50)
