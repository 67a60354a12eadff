"""`open_scan` and `load`: the content says the format."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from fourfold.errors import InputError, as_path, nearest
from fourfold.files.input import check_file
from fourfold.formats.registry import readers
from fourfold.formats.scan_file import ScanFile
from fourfold.formats.unsupported import refuse
from fourfold.scan import Scan

__all__ = ["find_reader", "load", "open_scan"]


def open_scan(
    path: str | PathLike[str], *, check_content: bool = True, orientation: str | None = None, **options: Any
) -> ScanFile:
    """Open a raw file of any known format, recognised by its content; frames are read on demand.

    Parameters
    ----------
    path
        fastMRI HDF5, MRD (ISMRMRD) HDF5, Siemens twix, NumPy npz or npy, BART cfl (either file of the pair, or their
        common name), or another format of `fourfold.formats.registry.readers`.
    check_content
        Refuse frames that do not look like k-space: axes in another order, images, data that are transformed along one
        axis, the centre in another place. Noise passes; False takes everything.
    orientation
        The sides of the patient to which x, y and slices count, such as ``LPS``, where the file does not say it: one
        letter of each of L or R, A or P, S or I. The position stays unknown; the middle of the volume is put at 0.
    options
        Of MRD: `dataset`, the group to read; `encoding`, the index of the encoding space; `centre`, where the header's
        is wrong; `embedded`, whether calibration lines belong to the image too; `repeats`, what becomes of lines that
        were acquired more than once. Of twix: the last three, and `measurement`, which one to read. Of NumPy:
        `trajectory`, a file with the trajectory, and `matrix`, the size (ny, nx) of its image. Of NumPy, cfl and
        fastMRI: `frames_are`, the labels of the frames, such as ``slice``, ``time`` or ``slice=8,time``. Of MATLAB and
        other HDF5: `dataset`, the array with k-space, and `axes`, what its axes are, such as ``coil,ky,kx``.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged, in another format, or the format has no such option.
    """
    path = as_path(path)
    header = Path(f"{path}.hdr")
    path = header if header.is_file() and not path.is_file() else path
    check_file(path)
    reader = find_reader(path, options)
    if reader is None:
        raise refuse(path, list(readers()))
    for name in options:
        if name not in reader.options:
            known = ", ".join(reader.options) or "none"
            raise InputError(
                f"{reader.format} has no option '{name}'; it has: {known}: leave it out.{nearest(name, reader.options)}"
            )
    opened: ScanFile = reader(path, **options)  # type: ignore[call-arg]  # every format takes a path and its options
    opened.check_content = check_content
    if orientation is not None:
        opened.orient(orientation)
    return opened


def find_reader(path: Path, options: Iterable[str] = ()) -> type[ScanFile] | None:
    """Return the first format that recognises the content of a file and has these options; None where none does.

    Where no format that recognises it has them all, the first one is returned.
    """
    found = None
    for reader in readers().values():
        if reader.recognises(path):
            found = found or reader
            if set(options) <= set(reader.options):
                return reader
    return found


def load(path: str | PathLike[str], frames: int | slice | None = None, **options: Any) -> Scan:
    """Read a raw file, or some of its frames, into one scan.

    Parameters
    ----------
    path
        As in `open_scan`.
    frames
        One index, a slice of indices, or None for all.
    options
        As in `open_scan`.

    Raises
    ------
    InputError
        As `open_scan`; and when the frames do not exist, or would fill more than half of the memory at hand.
    """
    return open_scan(path, **options).load(frames)
