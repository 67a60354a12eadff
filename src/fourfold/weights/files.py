"""A folder of weights as files, ``weights.safetensors`` and ``manifest.json``: read without torch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from fourfold.errors import InputError
from fourfold.files.documents import read_json
from fourfold.files.input import check_file
from fourfold.memory import require_memory
from fourfold.weights.manifest import Manifest

__all__ = ["MANIFEST", "WEIGHTS", "count_parameters", "manifest_from", "read_bytes", "read_manifest"]

WEIGHTS, MANIFEST = "weights.safetensors", "manifest.json"
# What torch's batch norms keep beside their parameters.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read_manifest(folder: str | PathLike[str]) -> Manifest:
    """Return the manifest of a folder of weights; raises InputError where there is none or it is not one."""
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise InputError(f"'{folder}' has no {MANIFEST}; a folder of weights holds {WEIGHTS} and {MANIFEST}.")
    content = read_json(folder / MANIFEST)
    if not isinstance(content, dict):
        raise InputError(f"'{folder / MANIFEST}' holds no manifest; copy the folder of weights anew.")
    return manifest_from(content, folder)


def manifest_from(content: Mapping[str, Any], folder: Path) -> Manifest:
    """Return the manifest with this content, of a folder that an InputError names where it is not complete."""
    try:
        return Manifest.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The manifest of '{folder}' is not complete: '{where}': {first['msg'].lower()}.") from None


def read_bytes(folder: str | PathLike[str]) -> tuple[bytes, Manifest]:
    """Return the content of a folder's safetensors file, and the manifest.

    Raises
    ------
    InputError
        When a file is missing or broken, or the weights are not those that the manifest was written for.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    file = folder / WEIGHTS
    if not file.exists():
        raise InputError(f"'{folder}' has a manifest but no {WEIGHTS}; copy the folder of weights anew.")
    check_file(file)
    require_memory(file.stat().st_size, f"The weights '{file}'", "choose smaller ones")
    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.sha256:
        raise InputError(
            f"'{file}' has the SHA-256 {found[:12]}… but its manifest says {manifest.sha256[:12]}…; the "
            "file was changed or damaged: copy the folder of weights anew."
        )
    return data, manifest


def count_parameters(folder: str | PathLike[str]) -> int:
    """Return the number of parameters of a folder's network, as the header of the safetensors file has it."""
    file = Path(folder) / WEIGHTS
    try:
        with safe_open(file, "numpy") as tensors:
            names = [name for name in tensors.keys() if not name.endswith(_STATISTICS)]  # noqa: SIM118  # no mapping
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    except SafetensorError as error:
        raise InputError(f"'{file}' is no safetensors file ({error}).") from None
