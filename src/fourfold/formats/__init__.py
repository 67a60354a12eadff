"""Files: raw data in, images out; each format in one module, found by content to read and by suffix to write."""

from fourfold.formats.coil_maps import read_maps
from fourfold.formats.reading import load, open_scan
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.writing import check_writable, save, save_scan, writer

__all__ = ["ScanFile", "check_writable", "load", "open_scan", "read_maps", "save", "save_scan", "writer"]
