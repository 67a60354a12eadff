"""Provenance and geometry as JSON, in the files that fourfold writes and reads back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from fourfold.scan import Geometry, Placement, Reconstruction, Sampling, Scan

__all__ = ["geometry_from", "image_record", "plain", "sampling_from", "scan_record"]


def plain(value: Any) -> Any:
    """Return `value` as JSON types: NumPy numbers and arrays unpacked, bytes decoded, NaN as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str | None) else str(value)


def scan_record(scan: Scan) -> str:
    """Return all of a scan but its arrays as JSON: geometry, sampling, source, line axis, kind of trajectory."""
    sampling = {name: getattr(scan.sampling, name) for name in ("kind", "seed", "asked", "details")}
    source = {name: getattr(scan.source, name) for name in ("label", "simulated", "details", "notes")}
    geometry = dataclasses.asdict(scan.geometry)
    record: dict[str, Any] = {"geometry": geometry, "sampling": sampling, "source": source, "line_axis": scan.line_axis}
    if scan.trajectory is not None:
        record["trajectory"] = scan.trajectory.kind
    return json.dumps(plain(record))


def image_record(reconstruction: Reconstruction) -> str:
    """Return how and of what an image was made, and its geometry, as JSON."""
    record = {**reconstruction.record.summary(), "geometry": dataclasses.asdict(reconstruction.geometry)}
    return json.dumps(plain(record))


def geometry_from(record: Mapping[str, Any]) -> Geometry:
    """Return the geometry that `scan_record` wrote."""
    placements = tuple(Placement(**_tuples(placement)) for placement in record["placements"])
    return Geometry(**{**_tuples(record), "placements": placements})


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def sampling_from(record: Mapping[str, Any], mask: Tensor, details: Mapping[str, Any]) -> Sampling:
    """Return the sampling with the provenance that `scan_record` wrote, or as acquired where there is none."""
    known = dict(record.get("sampling", {}))
    return Sampling(mask, **{**known, "details": {**known.get("details", {}), **details}})
