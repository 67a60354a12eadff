"""Finished frames of a volume that is not finished itself, in a hidden folder beside its output."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fourfold.formats.metadata import plain
from fourfold.scan import Reconstruction, Scan
from fourfold.studies.finished import Finished, Piece, fingerprint

__all__ = ["Unfinished"]


class Unfinished:
    """What a call that was ended, in whatever way, leaves for the same call to go on with.

    Parameters
    ----------
    output
        Image that the volume is to be written to.
    call
        All that decides on the images but the samples themselves: file, method, settings, frames. Another call has
        another folder.
    """

    def __init__(self, output: Path, call: Mapping[str, Any]) -> None:
        self.agreed = plain({"fourfold": version("fourfold"), **call})
        text = json.dumps(self.agreed, sort_keys=True)
        self._stem = f".{output.name}.unfinished-"
        self._folder = output.with_name(self._stem + hashlib.sha256(text.encode()).hexdigest()[:16])
        self._finished = Finished(self._folder)

    @property
    def exists(self) -> bool:
        """Whether the same call was ended before; an output that is there is then what it had reached."""
        return self._folder.is_dir()

    @property
    def frames(self) -> int:
        """How many frames are there."""
        return len([*self._folder.glob("[!.]*.npz")])

    def frame(self, name: str, scan: Scan) -> Reconstruction | None:
        """Return the reconstruction of a frame, None where none was kept or the samples have changed."""
        piece = self._piece(name, scan)
        return self._finished.reconstruction(piece) if self._finished.holds(piece) else None

    def keep(self, name: str, scan: Scan, made: Reconstruction) -> None:
        """Keep the reconstruction of a frame."""
        self._finished.keep(self._piece(name, scan), made, {})

    def mark(self) -> None:
        """Leave the folder for the next call to find, also where no frame is finished."""
        self._folder.mkdir(exist_ok=True)

    def remove(self) -> None:
        """Remove what this call, and other calls for the same output, have left."""
        for folder in self._folder.parent.iterdir():
            if folder.name.startswith(self._stem):
                shutil.rmtree(folder)

    def _piece(self, name: str, scan: Scan) -> Piece:
        agreed = {**self.agreed, "sampling": scan.sampling_summary(), "data": fingerprint(scan)}
        return Piece(name, str(self.agreed["method"]), agreed)
