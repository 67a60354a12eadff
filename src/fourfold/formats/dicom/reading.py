"""Reads DICOM images, classic or enhanced, with their place in the patient."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.input import first_bytes
from fourfold.formats.dicom.decoding import decoded_dicom, value_of
from fourfold.formats.dicom.facts import identity_of, protocol_of
from fourfold.formats.dicom.library import decoding, load_pydicom
from fourfold.formats.stacks import find_stacks
from fourfold.memory import require_memory
from fourfold.scan import FrameLabels, Geometry, Placement, Reconstruction, Record, Source

__all__ = ["is_dicom", "read_dicom"]

PREAMBLE = 128
MOSAIC_IMAGES = 0x0019100A
"""Siemens' number of images in a mosaic."""
LONGEST_NAMES = 3
"""Series that a message names."""


@dataclass(frozen=True)
class Frame:
    """One frame of a file."""

    values: npt.NDArray[np.float32]
    placement: Placement | None
    pixel_size: tuple[float, float] | None
    """(y, x) in mm."""
    thickness: float | None
    spacing: float | None
    echo: int | None
    number: int
    """By which frames are sorted."""


def is_dicom(path: Path) -> bool:
    """Whether a file has the mark of DICOM."""
    return first_bytes(path, PREAMBLE + 4)[PREAMBLE:] == b"DICM"


def read_dicom(path: Path) -> Reconstruction:
    """Return the image in a DICOM file or in a folder of one series, as `load_image` describes it."""
    import torch

    pydicom = load_pydicom(f"'{path}' is in")
    paths = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file() and is_dicom(each))
    if not paths:
        raise InputError(f"The folder '{path}' holds no DICOM file: name another one.")
    _check_one_series(paths, path, pydicom)
    # Samples take 8 bytes as complex numbers, and at most as many in a file.
    require_memory(8 * sum(each.stat().st_size for each in paths), f"The image in '{path}'", "give fewer files")
    frames = sorted((frame for each in paths for frame in _frames(each)), key=lambda frame: frame.number)
    shapes = {frame.values.shape for frame in frames}
    if len(shapes) > 1:
        raise InputError(f"The images in '{path}' have several sizes {sorted(shapes)}: keep those of one size.")
    order, geometry, labels = _sorted(frames)
    with decoding(paths[0]):
        header = pydicom.dcmread(paths[0], stop_before_pixels=True)
        protocol, identity, notes = protocol_of(header), *identity_of(header)
    source = Source(str(path), "DICOM", path.stem)
    return Reconstruction(
        torch.from_numpy(np.stack([frames[index].values for index in order]).astype(np.complex64)),
        Record("file", {}, source=source.summary(), notes=notes),
        geometry=geometry,
        labels=labels,
        protocol=protocol,
        identity=identity,
    )


def _check_one_series(paths: Sequence[Path], where: Path, pydicom: Any) -> None:
    names: dict[str, str] = {}
    for path in paths:
        with decoding(path):
            header = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "SeriesDescription"]
            )
            description = str(header.get("SeriesDescription", "") or path.parent.name)
            names[str(header.get("SeriesInstanceUID", ""))] = description
    if len(names) > 1:
        listed = ", ".join(f"'{name}'" for name in list(names.values())[:LONGEST_NAMES])
        raise InputError(
            f"The folder '{where}' holds {len(names)} series ({listed}, …): name a folder that holds the files of one."
        )


def _frames(path: Path) -> list[Frame]:
    """Return the frames of a file; refuses what is no greyscale image, and mosaics."""
    images, file = decoded_dicom(path)
    with decoding(path):
        if MOSAIC_IMAGES in file or "MOSAIC" in [str(word).upper() for word in file.get("ImageType", None) or ()]:
            raise InputError(
                f"'{path}' is a Siemens mosaic, in which all slices of a volume are tiles of one picture: convert it "
                "with dcm2niix and open the NIfTI file."
            )
        return [_frame(image, file, index, len(images)) for index, image in enumerate(images)]


def _frame(image: npt.NDArray[Any], file: Any, index: int, count: int) -> Frame:
    sizes = value_of(file, index, "PixelMeasuresSequence", "PixelSpacing")
    pixel_size = (float(sizes[0]), float(sizes[1])) if sizes else None
    echo = file.get("EchoNumbers", None)
    return Frame(
        image.astype(np.float32),
        _placement(
            value_of(file, index, "PlaneOrientationSequence", "ImageOrientationPatient"),
            value_of(file, index, "PlanePositionSequence", "ImagePositionPatient"),
            pixel_size,
            (image.shape[0], image.shape[1]),
        ),
        pixel_size,
        _number(value_of(file, index, "PixelMeasuresSequence", "SliceThickness")),
        _number(value_of(file, index, "PixelMeasuresSequence", "SpacingBetweenSlices")),
        None if echo in (None, "") else int(echo),
        int(file.get("InstanceNumber", None) or 0) * count + index,
    )


def _number(value: Any) -> float | None:
    """Return a length, None where it is not known: some programs write 0."""
    return float(value) if value not in (None, "") and float(value) > 0 else None


def _placement(
    directions: Any, position: Any, pixel_size: tuple[float, float] | None, shape: tuple[int, int]
) -> Placement | None:
    if not directions:
        return None
    x_axis, y_axis = np.array(directions[:3], float), np.array(directions[3:], float)
    normal = np.cross(x_axis, y_axis)
    centre = None
    if position and pixel_size is not None:
        steps = shape[1] // 2 * pixel_size[1] * x_axis + shape[0] // 2 * pixel_size[0] * y_axis
        centre = np.array(position, float) + steps
    x, y, z = (tuple(float(value) for value in axis) for axis in (x_axis, y_axis, normal))
    at = None if centre is None else tuple(float(value) for value in centre)
    return Placement(x, y, z, at)  # type: ignore[arg-type]  # each has three numbers


def _sorted(frames: Sequence[Frame]) -> tuple[list[int], Geometry, FrameLabels]:
    """Return the order of the frames, volume by volume, with the geometry and the labels in this order."""
    placements = tuple(frame.placement for frame in frames if frame.placement is not None)
    sizes = {frame.pixel_size or (None, None) for frame in frames}
    thicknesses = {frame.thickness for frame in frames}
    dy, dx = sizes.pop() if len(sizes) == 1 else (None, None)
    thickness = thicknesses.pop() if len(thicknesses) == 1 else None
    geometry = Geometry(
        (frames[0].spacing or thickness, dy, dx),
        None,
        placements if len(placements) == len(frames) else (),
        slice_thickness=thickness,
    )
    stacks = find_stacks(geometry, FrameLabels(), len(frames))
    order = [frame for stack in stacks for frame in stack.frames]
    numbers: dict[str, list[int]] = {"slice": [], "repetition": []}
    first = 0
    for stack in stacks:
        for volume, row in enumerate(stack.rows):
            numbers["slice"] += range(first, first + len(row))
            numbers["repetition"] += [volume] * len(row)
        first += len(stack.rows[0])
    echoes = [frames[frame].echo for frame in order]
    if len(set(echoes)) > 1 and None not in echoes:
        numbers["contrast"] = [sorted(set(echoes)).index(echo) for echo in echoes]  # type: ignore[type-var]  # no None
        del numbers["repetition"]
    labels = FrameLabels({name: values for name, values in numbers.items() if len(set(values)) > 1 or name == "slice"})
    spacing = stacks[0].spacing if len(stacks) == 1 else None
    geometry = dataclasses.replace(geometry.select(order), voxel_size=(spacing or geometry.voxel_size[0], dy, dx))
    return order, geometry, labels
