"""The files in a folder of weights, ``weights.safetensors`` and ``manifest.json``, read without importing torch."""

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
# Buffers of batch norms, which are not parameters.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read_manifest(folder: str | PathLike[str]) -> Manifest:
    """Return the manifest of a folder of weights; raises InputError where it is missing or invalid."""
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise InputError(f"'{folder}' has no {MANIFEST}; a folder of weights holds {WEIGHTS} and {MANIFEST}.")
    content = read_json(folder / MANIFEST)
    if not isinstance(content, dict):
        raise InputError(f"'{folder / MANIFEST}' is not a manifest; copy the folder of weights again.")
    return manifest_from(content, folder)


def manifest_from(content: Mapping[str, Any], folder: Path) -> Manifest:
    """Return the manifest with this content; raises InputError, which names `folder`, where it is incomplete."""
    try:
        return Manifest.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The manifest of '{folder}' is incomplete: '{where}': {first['msg'].lower()}.") from None


def read_bytes(folder: str | PathLike[str]) -> tuple[bytes, Manifest]:
    """Return the content of a folder's safetensors file, and its manifest.

    Raises
    ------
    InputError
        When a file is missing or damaged, or the hash of the weights is not the manifest's.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    file = folder / WEIGHTS
    if not file.exists():
        raise InputError(f"'{folder}' has a manifest but no {WEIGHTS}; copy the folder of weights again.")
    check_file(file)
    require_memory(file.stat().st_size, f"The weights '{file}'", "choose smaller ones")
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != manifest.sha256:
        raise InputError(
            f"'{file}' has the SHA-256 {digest[:12]}… but its manifest says {manifest.sha256[:12]}…; the "
            "file was changed or damaged: copy the folder of weights again."
        )
    return data, manifest


def count_parameters(folder: str | PathLike[str]) -> int:
    """Return the number of parameters in a folder of weights, from the header of the safetensors file."""
    file = Path(folder) / WEIGHTS
    try:
        with safe_open(file, "numpy") as tensors:
            names = [name for name in tensors.keys() if not name.endswith(_STATISTICS)]  # noqa: SIM118  # no mapping
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    except SafetensorError as error:
        raise InputError(f"'{file}' is not a safetensors file ({error}).") from None
