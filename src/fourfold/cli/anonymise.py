"""`fourfold anonymise`: a copy of a file without the patient's identity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.console import print_json, print_line, print_note
from fourfold.cli.files import check_output
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.formats.anonymise import anonymise as anonymise_file
from fourfold.formats.anonymise.copying import suffixes_for

__all__ = ["anonymise"]


def anonymise(
    file: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)],
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Copy a file without the patient's identity, and say what was removed.

    MRD, NIfTI with its sidecar, DICOM and folders of DICOM files. The samples and pixels stay the same. Pictures of a
    head can still show the face. Other raw formats are refused: convert them to MRD first.

    For example:

        fourfold anonymise scan.h5 -o anonymous.h5

    Parameters
    ----------
    file
        The file, or a folder of DICOM files.
    output
        The copy: a file of the same kind, or a folder.
    json
        Print what was removed on stdout as JSON.
    force
        Replace files that exist.
    """
    check_output(output, suffixes_for(file), (file,), force)
    removed = anonymise_file(file, output, replace=force)
    if json:
        print_json({"output": str(output), "removed": removed})
        return
    print_line(f"{output}: removed or replaced {', '.join(removed) or 'nothing, since nothing was there'}")
    print_note("Pictures of a head can show the face, and names of files are yours to choose.")
