"""Fully sampled frames of the user's files and folders, as studies take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from fourfold.cli.console import print_note
from fourfold.cli.files import FormatOptions, select_frames
from fourfold.datasets.volume import subject_in
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.formats.scan_file import ScanFile
from fourfold.studies.scan_set import Case

__all__ = ["cases_of"]


def cases_of(
    data: Sequence[Path], frames: str | None, options: FormatOptions, subject: str | None = None
) -> Iterator[Case]:
    """Yield the chosen frames of all files, each file once.

    Parameters
    ----------
    data
        Files, and folders of them; a note is printed for each file in a folder that holds no raw data.
    frames
        As for `select_frames`; the middle frame of each file when None.
    options
        Of reading.
    subject
        Regular expression that finds the subject in a file's name; each file is a subject of its own when None.
    """
    files = {file.path.resolve(): file for path in data for file in _files(path, options)}
    folders = {path.parent for path in files}
    names = [folder.name for folder in folders]
    for path, file in files.items():
        folder = path.parent
        dataset = str(folder) if names.count(folder.name) > 1 else folder.name
        middle = len(file) // 2
        for frame in range(middle, middle + 1) if frames is None else select_frames(frames, len(file)):
            name = path.name if len(file) == 1 else f"{path.name}, {file.frame_name(frame)}"
            load = partial(file.load, slice(frame, frame + 1))
            yield Case(dataset, name, load, subject_in(path.name, subject, path.name))


def _files(path: Path, options: FormatOptions) -> Iterator[ScanFile]:
    """Yield a file, or the files of a folder with raw data; print a note for each other file."""
    if not path.is_dir():
        yield open_scan(path, **options)
        return
    count = 0
    for inner in sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")):
        try:
            file = open_scan(inner, **options)
        except InputError as refusal:
            print_note(f"Left out: {refusal}")
        else:
            count += 1
            yield file
    if not count:
        raise InputError(f"The folder '{path}' holds no raw data that can be read: name one with fully sampled files.")
