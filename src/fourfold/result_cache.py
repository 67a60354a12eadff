"""A cache of results on disk: scores and reconstructions, found by what they were made from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.files.output import atomically
from fourfold.formats.metadata import geometry_from, image_record
from fourfold.scan import FrameLabels, FrameRecord, Reconstruction, Record, Scan

__all__ = ["CacheKey", "ResultCache", "fingerprint"]

_ARRAYS = ("image", "std", "members", "before_data_consistency", "interval")


@dataclass(frozen=True)
class CacheKey:
    """What identifies one result: another one has another file.

    Attributes
    ----------
    scan, method
        Names, for the file's.
    inputs
        All that decides on the result but fourfold's version, JSON types: settings, sampling, a hash of the data.
    """

    scan: str
    method: str
    inputs: Mapping[str, Any]

    @property
    def file_name(self) -> str:
        """Name of the result's file, which changes with the `inputs` and with fourfold's version."""
        text = json.dumps(plain({"fourfold": version("fourfold"), **self.inputs}), sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.scan}-{self.method}").strip("-")
        return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


class ResultCache:
    """A folder of results, one npz file each.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, key: CacheKey) -> bool:
        """Return whether there is a result."""
        return (self.folder / key.file_name).is_file()

    def scores(self, key: CacheKey) -> Any:
        """Return the scores that were kept, JSON types, or None where there is no result."""
        if not self.holds(key):
            return None
        facts = _arrays(self.folder / key.file_name, ("facts",))["facts"]
        return json.loads(facts.item())["scores"]

    def reconstruction(self, key: CacheKey) -> Reconstruction:
        """Return the reconstruction that was kept."""
        arrays = _arrays(self.folder / key.file_name, ("facts", *_ARRAYS))
        record = json.loads(arrays.pop("facts").item())["record"]
        geometry, labels = geometry_from(record.pop("geometry")), FrameLabels(record.pop("labels"))
        record["notes"] = tuple(record["notes"])
        record["by_frame"] = tuple(
            FrameRecord(**{**frame, "notes": tuple(frame["notes"])}) for frame in record.get("by_frame", ())
        )
        known = {field.name: record[field.name] for field in fields(Record)}
        tensors: dict[str, Any] = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return Reconstruction(**tensors, record=Record(**known), geometry=geometry, labels=labels)

    def keep(self, key: CacheKey, scores: Any, made: Reconstruction | None = None) -> None:
        """Write scores of JSON types, and the reconstruction where there is one; the file appears when it is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = None if made is None else json.loads(image_record(made))
        facts = {"scan": key.scan, "inputs": plain(key.inputs), "record": record, "scores": scores}
        arrays = {name: getattr(made, name, None) for name in _ARRAYS}
        present = {name: array.cpu().numpy() for name, array in arrays.items() if array is not None}
        with atomically(self.folder / key.file_name, ".npz") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **present)


def fingerprint(scan: Scan) -> str:
    """Return a hash of all that a scan holds."""
    digest = hashlib.sha256()
    points = None if scan.trajectory is None else scan.trajectory.points
    for array in (scan.kspace, scan.mask, scan.coil_maps, scan.calibration_kspace, scan.noise, points):
        if array is not None:
            digest.update(array.cpu().resolve_conj().numpy().tobytes())
    facts = {
        "geometry": dataclasses.asdict(scan.geometry),
        "labels": scan.labels.numbers,
        "line_axis": scan.line_axis,
    }
    digest.update(json.dumps(plain(facts)).encode())
    return digest.hexdigest()


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in names if name in archive}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        raise InputError(f"'{path}' is damaged: delete it, and its part of the work is done again.") from None
