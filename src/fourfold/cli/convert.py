"""`fourfold convert`: any raw file as MRD."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict

from cyclopts import Parameter

from fourfold.cli.console import print_facts, print_json
from fourfold.cli.files import check_output
from fourfold.cli.flags import DATA, OUTPUT, Flag
from fourfold.formats import open_scan
from fourfold.formats.mrd.convert import SUFFIXES, write_mrd
from fourfold.formats.reading import find_reader

__all__ = ["convert"]


class ConvertOptions(TypedDict, total=False):
    """Options of reading that say what is in the file."""

    dataset: str
    """Group to convert of an MRD file that holds several; array with k-space of a MATLAB or HDF5 file, or two, the real
    and the imaginary part: kspace, or re,im."""
    axes: str
    """Axes of that array in their order, such as coil,ky,kx or slice,coil,ky,kx,complex."""
    measurement: int
    """Measurement to convert of a Siemens twix file that holds several, counted from 0; the last one unless given."""
    frames_are: str
    """Labels of the frames of an npz, cfl or fastMRI file, the slowest first: slice, time, or slice=8,time."""
    trajectory: Path
    """File with the trajectory of non-Cartesian k-space that has none beside it: npz or npy."""
    matrix: tuple[int, int]
    """Rows and columns of the image that a trajectory encodes, for example --matrix 256 256."""


def convert(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)],
    options: Annotated[ConvertOptions | None, Parameter(name="*", group=DATA)] = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Write a raw file of any format as MRD (ISMRMRD).

    Of twix, Philips and MRD files every line is written as it was acquired, with its counters and flags: noise,
    calibration and navigators too. Of other files the lines of each frame are written. Nothing is corrected, averaged
    or left out, and no patient is named. A file may be larger than the memory.

    For example:

        fourfold convert meas.dat -o scan.mrd.h5

        fourfold convert knee.mat --dataset kspace --axes ky,kx,coil,slice -o knee.mrd

    Parameters
    ----------
    file
        Raw k-space.
    output
        File to write: .mrd.h5 or .mrd.
    json
        Print what was written on stdout as JSON.
    force
        Replace an existing file.
    """
    given: dict[str, Any] = dict(options or {})
    reader = find_reader(file, given) if file.is_file() else None
    # Lines that share their counters are no question here: all of them are written.
    repeats = {"repeats": "frames"} if reader is not None and "repeats" in reader.options else {}
    volume = open_scan(file, check_content=False, **given, **repeats)
    check_output(output, SUFFIXES, [volume.path, given.get("trajectory")], force)
    facts = {"output": str(output), **write_mrd(volume, output, replace=force)}
    if json:
        print_json(facts)
    else:
        print_facts({name: value for name, value in facts.items() if value})
