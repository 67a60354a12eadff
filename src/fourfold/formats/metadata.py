"""Provenance and geometry as JSON, in the files that fourfold writes and reads back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.scan import FrameLabels, Geometry, Placement, Protocol, RawSampling, Reconstruction, Scan

__all__ = ["geometry_from", "image_record", "protocol_from", "read_record", "sampling_from", "scan_record"]

SAMPLING = ("kind", "seed", "target_acceleration", "details")


def scan_record(scan: Scan) -> str:
    """Return a scan without its arrays as JSON: geometry, labels, sampling, source, protocol and so on; no identity."""
    sampling = {name: getattr(scan.sampling, name) for name in SAMPLING}
    source = {name: getattr(scan.source, name) for name in ("label", "simulated", "details", "notes")}
    geometry = dataclasses.asdict(scan.geometry)
    protocol = {name: value for name, value in dataclasses.asdict(scan.protocol).items() if value not in (None, ())}
    record: dict[str, Any] = {
        "geometry": geometry,
        "labels": scan.labels.numbers,
        "sampling": sampling,
        "source": source,
        "line_axis": scan.line_axis,
        "protocol": protocol,
    }
    if scan.trajectory is not None:
        record["trajectory"] = scan.trajectory.kind
    return json.dumps(plain(record))


def read_record(text: str | bytes, path: Path) -> dict[str, Any]:
    """Return what `scan_record` wrote into the file `path`; raises InputError where it is damaged."""
    try:
        record: dict[str, Any] = json.loads(text, parse_constant=_finite, parse_float=_finite)
        sampling, source = record["sampling"], record["source"]
        intact = (
            _is_geometry(record["geometry"])
            and record["line_axis"] in ("ky", "kx")
            and set(sampling) <= set(SAMPLING)
            and isinstance(sampling.get("details", {}), dict)
            and isinstance(source["label"], str)
            and isinstance(source["simulated"], bool)
            and isinstance(source["details"], dict)
            and all(isinstance(note, str) for note in source.get("notes", ()))
            and isinstance(FrameLabels(record["labels"]), FrameLabels)
            and isinstance(protocol_from(record), Protocol)
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        intact = False
    if not intact:
        raise InputError(
            f"The record 'fourfold' in '{path}' is damaged, or of an older version: leave it out, so that the file's "
            "arrays are read as any others."
        )
    return record


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _is_geometry(record: Mapping[str, Any]) -> bool:
    size, voxel = record.get("image_size"), record["voxel_size"]
    return (
        (size is None or (_is_vector(size, 2) and all(isinstance(number, int) and number > 0 for number in size)))
        and isinstance(voxel, list)
        and _is_vector([1.0 if length is None else length for length in voxel], 3)
        and isinstance(record.get("slice_thickness"), int | float | None)
        and all(_is_placement(placement) for placement in record["placements"])
        and isinstance(geometry_from(record), Geometry)
    )


def _is_placement(record: Mapping[str, Any]) -> bool:
    centre = record["centre"] is None or _is_vector(record["centre"], 3)
    return centre and all(_is_vector(value, 3) for name, value in record.items() if name != "centre")


def _is_vector(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(isinstance(entry, int | float) for entry in value)


def image_record(reconstruction: Reconstruction) -> str:
    """Return how and of what an image was made, its geometry and its frames' labels, as JSON."""
    geometry, labels = dataclasses.asdict(reconstruction.geometry), reconstruction.labels.numbers
    return json.dumps(plain({**reconstruction.record.summary(), "geometry": geometry, "labels": labels}))


def geometry_from(record: Mapping[str, Any]) -> Geometry:
    """Return the geometry that `scan_record` wrote."""
    placements = tuple(Placement(**_tuples(placement)) for placement in record["placements"])
    return Geometry(**{**_tuples(record), "placements": placements})


def protocol_from(record: Mapping[str, Any]) -> Protocol:
    """Return the protocol that `scan_record` wrote; nothing is known where there is none."""
    return Protocol(**_tuples(record.get("protocol", {})))


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def sampling_from(record: Mapping[str, Any], mask: npt.NDArray[np.bool_], details: Mapping[str, Any]) -> RawSampling:
    """Return the sampling with the provenance that `scan_record` wrote, or as acquired where there is none."""
    known = dict(record.get("sampling", {}))
    return RawSampling(mask, **{**known, "details": {**known.get("details", {}), **details}})
