"""MRD (ISMRMRD) files: Cartesian scans are read."""

from fourfold.formats.mrd.file import MRDFile
from fourfold.formats.registry import FileFormat

__all__ = ["FORMAT", "MRDFile"]

FORMAT = FileFormat("MRD (ISMRMRD) HDF5", MRDFile, order=20)
