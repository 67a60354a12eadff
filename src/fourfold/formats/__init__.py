"""Files: raw data in, images out. Each format is one module or package: content tells readers, suffix writers."""

from fourfold.formats.coil_maps import read_maps
from fourfold.formats.images import load_image
from fourfold.formats.mrd.convert import write_mrd
from fourfold.formats.reading import load, open_scan
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.writing import check_writable, save, save_scan, writer

__all__ = [
    "ScanFile",
    "check_writable",
    "load",
    "load_image",
    "open_scan",
    "read_maps",
    "save",
    "save_scan",
    "write_mrd",
    "writer",
]
