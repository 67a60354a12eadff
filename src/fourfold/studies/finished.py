"""Finished work: a reconstruction and its scores in one file, taken over where everything agrees."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.files.output import atomically
from fourfold.formats.metadata import geometry_from, image_record
from fourfold.scan import FrameRecord, Reconstruction, Record, Scan

__all__ = ["Finished", "Piece", "fingerprint"]

_ARRAYS = ("image", "std", "members", "before_data_consistency")


@dataclass(frozen=True)
class Piece:
    """What identifies one reconstruction: another one has another file.

    Attributes
    ----------
    scan, method
        Names, for the file's.
    agreed
        All that decides on the result, JSON types: settings, sampling, a fingerprint of the data.
    """

    scan: str
    method: str
    agreed: Mapping[str, Any]

    @property
    def file_name(self) -> str:
        """Name of its file, which changes with what was `agreed`."""
        text = json.dumps(plain(self.agreed), sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.scan}-{self.method}").strip("-")
        return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


class Finished:
    """The folder of finished pieces.

    Parameters
    ----------
    folder
        Made when the first piece is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, piece: Piece) -> bool:
        """Return whether a piece is finished."""
        return (self.folder / piece.file_name).is_file()

    def scores(self, piece: Piece) -> dict[str, Any] | None:
        """Return the scores that were kept with a piece, or None where it is not finished."""
        if not self.holds(piece):
            return None
        facts = _arrays(self.folder / piece.file_name, ("facts",))["facts"]
        found: dict[str, Any] = json.loads(facts.item())["scores"]
        return found

    def reconstruction(self, piece: Piece) -> Reconstruction:
        """Return a finished piece's reconstruction."""
        arrays = _arrays(self.folder / piece.file_name, ("facts", *_ARRAYS))
        record = json.loads(arrays.pop("facts").item())["record"]
        geometry = geometry_from(record.pop("geometry"))
        record["notes"] = tuple(record["notes"])
        record["by_frame"] = tuple(FrameRecord(**frame) for frame in record.get("by_frame", ()))
        known = {field.name: record[field.name] for field in fields(Record)}
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return Reconstruction(**tensors, record=Record(**known), geometry=geometry)

    def keep(self, piece: Piece, made: Reconstruction, scores: Mapping[str, Any]) -> None:
        """Write a piece; its file appears when it is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {"agreed": plain(piece.agreed), "record": json.loads(image_record(made)), "scores": scores}
        arrays = {name: getattr(made, name) for name in _ARRAYS}
        present = {name: array.cpu().numpy() for name, array in arrays.items() if array is not None}
        with atomically(self.folder / piece.file_name, ".npz") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **present)


def fingerprint(scan: Scan) -> str:
    """Return a hash of all that a scan holds."""
    digest = hashlib.sha256()
    points = None if scan.trajectory is None else scan.trajectory.points
    for array in (scan.kspace, scan.mask, scan.coil_maps, scan.calibration_kspace, scan.noise, points):
        if array is not None:
            digest.update(array.cpu().resolve_conj().numpy().tobytes())
    facts = {"geometry": dataclasses.asdict(scan.geometry), "line_axis": scan.line_axis}
    digest.update(json.dumps(plain(facts)).encode())
    return digest.hexdigest()


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in names if name in archive}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        raise InputError(f"'{path}' is damaged: delete it, and its part of the work is done again.") from None
