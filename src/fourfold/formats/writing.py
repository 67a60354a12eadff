"""`save`, `save_scan` and `writer`: the suffix says the format."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fourfold.errors import InputError, as_path, check_type, nearest
from fourfold.files.output import (
    FOLDER,
    atomically,
    check_target,
    folder_atomically,
    refusals_explained,
    suffix_of,
    write_buffer,
)
from fourfold.formats.registry import file_formats, format_of_suffix, image_suffixes, image_writers, scan_writers
from fourfold.formats.stacks import find_stacks
from fourfold.scan import (
    FrameLabels,
    FrameRecord,
    Geometry,
    Reconstruction,
    Record,
    Scan,
    check_scan,
    common_details,
    mean_scale,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_image", "check_writable", "image_paths", "join", "paths_of", "save", "save_scan", "writer"]


def check_writable(path: str | PathLike[str], suffixes: Sequence[str] | None = None) -> Path:
    """Return `path` when an output can be written there; to be called before long work.

    Parameters
    ----------
    path
        The output.
    suffixes
        Suffixes that it may have; those of images for None.

    Raises
    ------
    InputError
        For an unknown suffix (with the nearest one), a missing or unwritable folder, a protected file.
    """
    return check_target(path, image_suffixes() if suffixes is None else suffixes)


def image_paths(path: Path, geometry: Geometry, labels: FrameLabels, frames: int, **options: Any) -> list[Path]:
    """Return the files that `save` writes for frames of such a geometry: of NIfTI one for each of their stacks.

    Parameters
    ----------
    path
        As in `save`.
    geometry, labels, frames
        As in `find_stacks`.
    options
        As in `save`.
    """
    kind = format_of_suffix(suffix_of(path, image_suffixes()))
    if kind.image_paths is None:
        return [path]
    stacks = len(find_stacks(geometry, labels, frames))
    return [file for target in _targets(path, options) for file in kind.image_paths(target, stacks)]


def _targets(path: Path, options: Mapping[str, Any]) -> dict[Path, dict[str, Any]]:
    """Return the outputs for a path, and each one's options: of NIfTI one for each of several series."""
    names, kind = options.get("series"), format_of_suffix(suffix_of(path, image_suffixes()))
    if kind.series_path is None or names is None or len(names) < 2:
        return {path: dict(options)}
    return {kind.series_path(path, name): {**options, "series": (name,)} for name in names}


def check_image(path: Path, geometry: Geometry, frames: int, **options: Any) -> None:
    """Refuse an image that `save` could not write, before it is made.

    Parameters
    ----------
    path, options
        As in `save`.
    geometry, frames
        Of the image.

    Raises
    ------
    InputError
        For options that the format does not have, and for what the format cannot hold.
    """
    kind = format_of_suffix(suffix_of(path, image_suffixes()))
    for name in options:
        if name not in kind.image_options:
            known = ", ".join(kind.image_options) or "none"
            raise InputError(
                f"{kind.name}, the format of '{path}', has no option '{name}'; it has: {known}: leave it out, or "
                f"choose another format.{nearest(name, kind.image_options)}"
            )
    if kind.check_image is not None:
        kind.check_image(path, geometry, frames, **options)


def save(
    reconstruction: Reconstruction, path: str | PathLike[str], *, replace: bool = True, **options: Any
) -> list[Path]:
    """Write an image in the format of the suffix; the file appears when it is whole.

    Parameters
    ----------
    reconstruction
        The image.
    path
        ``.h5`` (fastMRI's ``reconstruction``, and the complex image), ``.nii`` or ``.nii.gz`` (magnitude, with a JSON
        sidecar), ``.npz`` (complex image, standard deviation, ends of the interval, record), ``.cfl`` (complex image),
        ``.png`` (8-bit magnitude), or DICOM: a name without a suffix for a folder of files, or ``.dcm`` for a single
        one. NIfTI holds one stack. Of several stacks, as in a localiser of three planes, each is written to a separate
        file:
        ``a.stack1.nii.gz``, ``a.stack2.nii.gz``, …
    replace
        Whether a file that exists is replaced; else it is kept and an InputError raised, also where another process
        has written it since the call.
    options
        Of DICOM: `dicom`, ``"classic"`` (one file a frame, the default) or ``"enhanced"`` (one file a series). Of DICOM
        and NIfTI: `series`, which of ``magnitude``, ``phase`` and ``std`` are written; of DICOM all that the image has
        unless given, of NIfTI the magnitude.

    Returns
    -------
    list of Path
        The files that were written, or the folder.

    Raises
    ------
    InputError
        As `check_writable`; when the image would overwrite its own raw data; when the system refuses to write; for
        options that the format does not have; of DICOM where the place of some frame is not known.
    """
    check_type("The image", reconstruction, Reconstruction, "reconstruct a scan with a method, or save_scan the scan")
    path = check_target(path, image_suffixes())
    check_image(path, reconstruction.geometry, len(reconstruction.image), **options)
    source = reconstruction.record.source
    for target, own in _targets(path, options).items():
        _write(reconstruction, image_writers(), target, source.get("path"), replace, own)
    return paths_of(reconstruction, path, **options)


def paths_of(reconstruction: Reconstruction, path: Path, **options: Any) -> list[Path]:
    """Return the files that `save` writes for this reconstruction."""
    geometry, labels = reconstruction.geometry, reconstruction.labels
    return image_paths(path, geometry, labels, len(reconstruction.image), **options)


def save_scan(scan: Scan, path: str | PathLike[str]) -> Path:
    """Write k-space in the format of the suffix, to be read again with `load`; the file appears when it is whole.

    Parameters
    ----------
    scan
        The scan.
    path
        ``.npz``, ``.h5`` (fastMRI's layout) or ``.cfl`` (k-space alone, without coil maps, calibration and noise).
        Only ``.npz`` holds trajectories.

    Raises
    ------
    InputError
        As `save`.
    """
    check_scan(scan)
    if scan.trajectory is not None:
        _check_holds_trajectories(as_path(path))
    return _write(scan, scan_writers(), path, scan.source.path)


def _check_holds_trajectories(path: Path) -> None:
    if not format_of_suffix(suffix_of(path, scan_writers())).holds_trajectories:
        suffixes = [suffix for each in file_formats() if each.holds_trajectories for suffix in each.suffixes]
        raise InputError(
            f"'{path}' cannot hold the scan's trajectory: choose a name that ends in {' or '.join(suffixes)}."
        )


def _write(
    value: Any,
    writers: Mapping[str, Callable[..., None]],
    path: str | PathLike[str],
    raw: str | None,
    replace: bool = True,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    path = check_target(path, writers)
    if raw is not None and path.exists() and Path(raw).exists() and path.samefile(raw):
        raise InputError(f"The output '{path}' is the raw file itself: choose another name.")
    suffix = suffix_of(path, writers)
    output = folder_atomically(path, replace) if suffix == FOLDER else atomically(path, suffix, replace)
    with output as temporary:
        writers[suffix](temporary, value, **options)
    return path


class writer:  # noqa: N801  # used like a function, as open() is
    """Collects a volume that comes frame by frame and writes it in one file when all is there.

    Until then the images are kept in temporary files beside it. An error or an interruption in the block leaves no
    output.

    Parameters
    ----------
    path, replace, options
        As in `save`.

    Attributes
    ----------
    written
        The files that were written, once the block is left.

    Examples
    --------
    >>> with writer("volume.nii.gz") as volume:  # doctest: +SKIP
    ...     for scan in open_scan("knee.h5"):
    ...         volume.add(method(scan))
    """

    def __init__(self, path: str | PathLike[str], *, replace: bool = True, **options: Any) -> None:
        self.path, self.replace, self.options = check_writable(path), replace, options
        self.parts: list[Reconstruction] = []
        self.written: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def add(self, reconstruction: Reconstruction) -> None:
        """Append frames; raises InputError when their size differs from that of the first ones."""
        check_type("The image", reconstruction, Reconstruction, "reconstruct a scan with a method")
        if self.parts and reconstruction.image.shape[1:] != self.parts[0].image.shape[1:]:
            size, first = reconstruction.image.shape[1:], self.parts[0].image.shape[1:]
            raise InputError(
                f"A frame of {size[0]}×{size[1]} cannot follow frames of {first[0]}×{first[1]} in '{self.path}': "
                "write it to a file of its own."
            )
        with refusals_explained(self.path):
            std = None if reconstruction.std is None else _on_disk(reconstruction.std, self.path.parent)
            interval = None if reconstruction.interval is None else _on_disk(reconstruction.interval, self.path.parent)
            image = _on_disk(reconstruction.image, self.path.parent)
        self.parts.append(
            dataclasses.replace(
                reconstruction, image=image, std=std, interval=interval, members=None, before_data_consistency=None
            )
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.parts:
            self.written = save(join(self.parts), self.path, replace=self.replace, **self.options)


def _on_disk(array: Tensor, folder: Path) -> Tensor:
    """Return `array` as a map of a file that is gone as soon as the array is.

    Small arrays in memory would keep the C library from releasing the large blocks between them, so a volume of images
    would take as much memory as its k-space.
    """
    import torch

    with tempfile.TemporaryFile(dir=folder) as file:
        values = array.cpu().contiguous().numpy()
        write_buffer(file, values)
        mapped = np.memmap(file, values.dtype, "c", shape=values.shape)
    return torch.from_numpy(mapped)


def join(parts: Sequence[Reconstruction]) -> Reconstruction:
    """Return the frames of all `parts`, made by one method from one scan, as one reconstruction.

    Seconds and iterations are summed. Notes are united. Each frame's record is kept. Settings and sampling are those of
    the first part. Members and estimates are left out.
    """
    import torch

    first = dataclasses.replace(parts[0], members=None, before_data_consistency=None)
    records = [part.record for part in parts]
    stds = [part.std for part in parts if part.std is not None]
    intervals = [part.interval for part in parts if part.interval is not None]
    by_frame = [frame for part in parts for frame in _by_frame(part)]
    return dataclasses.replace(
        first,
        image=torch.cat([part.image for part in parts]),
        geometry=Geometry.join([part.geometry for part in parts]),
        labels=FrameLabels.join([part.labels for part in parts]),
        std=torch.cat(stds) if len(stds) == len(parts) else None,
        interval=torch.cat(intervals, dim=1) if len(intervals) == len(parts) else None,
        record=dataclasses.replace(
            first.record,
            seconds=sum(record.seconds for record in records),
            iterations=sum(record.iterations for record in records),
            notes=tuple(dict.fromkeys(note for record in records for note in record.notes)),
            source=_join_sources(records),
            interrupted=records[-1].interrupted,
            scale=mean_scale(by_frame),
            details=common_details(by_frame),
            by_frame=tuple(by_frame) if len(parts) > 1 else first.record.by_frame,
        ),
    )


def _by_frame(part: Reconstruction) -> tuple[FrameRecord, ...]:
    record = part.record
    whole = FrameRecord(record.iterations, record.scale, record.details, record.notes)
    return record.by_frame or (whole,) * len(part.image)


def _join_sources(records: Sequence[Record]) -> dict[str, Any]:
    source = dict(records[0].source)
    each = [record.source.get("details", {}) for record in records]
    details = {name: fact for name, fact in each[0].items() if all(other.get(name) == fact for other in each)}
    return {**source, "details": details} if details else source
