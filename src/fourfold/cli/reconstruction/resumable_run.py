"""Finished frames of a volume that is not finished, in a hidden folder beside its output."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fourfold.files.documents import plain
from fourfold.files.output import atomically
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.scan import Reconstruction, Scan

__all__ = ["ResumableRun"]

WORTH_KEEPING = 0.5
"""Seconds; a frame that took less is reconstructed again as fast as it is read."""


class ResumableRun:
    """The finished frames of a command that was interrupted, from which the same command goes on.

    Parameters
    ----------
    output
        Image file of the whole volume.
    inputs
        All that decides on the images but the samples: file, method, settings, frames. Other inputs have another
        folder.
    """

    def __init__(self, output: Path, inputs: Mapping[str, Any]) -> None:
        self.inputs = plain({"fourfold": version("fourfold"), **inputs})
        text = json.dumps(self.inputs, sort_keys=True)
        self._stem = f".{output.name}.unfinished-"
        self._folder = output.with_name(self._stem + hashlib.sha256(text.encode()).hexdigest()[:16])
        self._written = self._folder / "written.json"
        self._cache = ResultCache(self._folder)

    def wrote(self, path: Path) -> bool:
        """Return whether a file was written by the same command when it was interrupted, and is unchanged since."""
        known = self._known()
        return path.name in known and path.exists() and known[path.name] == _hash(path)

    def left_over(self, outputs: Sequence[Path | None]) -> list[Path]:
        """Return the files of the unfinished volume that are none of the whole one's `outputs`."""
        known = (self._folder.with_name(name) for name in self._known())
        return [path for path in known if path not in outputs and self.wrote(path)]

    def _known(self) -> dict[str, str]:
        """Return the names and hashes of the files that `mark` remembers."""
        if not self._written.exists():
            return {}
        known: dict[str, str] = json.loads(self._written.read_text(encoding="utf-8"))
        return known

    @property
    def frames(self) -> int:
        """How many frames are there."""
        return len([*self._folder.glob("[!.]*.npz")])

    def frame(self, name: str, scan: Scan) -> Reconstruction | None:
        """Return the reconstruction of a frame, None where none was kept or the samples have changed."""
        if not self.frames:
            return None
        key = self._key(name, scan)
        return self._cache.reconstruction(key) if self._cache.holds(key) else None

    def keep(self, name: str, scan: Scan, made: Reconstruction) -> None:
        """Keep the reconstruction of a frame, where it took longer than reading and writing what is kept."""
        if made.record.seconds > WORTH_KEEPING:
            self._cache.keep(self._key(name, scan), {}, made)

    def mark(self, *outputs: Path | None) -> None:
        """Remember files of an unfinished volume, which the next command may replace, even without finished frames."""
        self._folder.mkdir(exist_ok=True)
        hashes = {path.name: _hash(path) for path in outputs if path is not None}
        with atomically(self._written, ".json") as file:
            file.write_text(json.dumps(hashes), encoding="utf-8")

    def remove(self) -> None:
        """Remove what this command and others for the same output have left."""
        for folder in self._folder.parent.iterdir():
            if folder.name.startswith(self._stem):
                shutil.rmtree(folder)

    def _key(self, name: str, scan: Scan) -> CacheKey:
        inputs = {**self.inputs, "sampling": scan.sampling_summary(), "data": fingerprint(scan)}
        return CacheKey(name, str(self.inputs["method"]), inputs)


def _hash(path: Path) -> str:
    """Return a hash of a file, or of the files in a folder and their names."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        text = json.dumps([(file.relative_to(path).as_posix(), _hash(file)) for file in files])
        return hashlib.sha256(text.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
