"""Siemens twix files (``.dat``) of VB, VD, VE and XA: Cartesian scans and EPI are read."""

from fourfold.formats.registry import FileFormat
from fourfold.formats.twix.file import TwixFile

__all__ = ["FORMAT", "TwixFile"]

FORMAT = FileFormat("Siemens twix", TwixFile, order=30)
