"""A folder of weights: ``weights.safetensors`` and ``manifest.json``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from fourfold.documents import read_json
from fourfold.errors import InputError
from fourfold.input import check_file
from fourfold.memory import require_memory
from fourfold.output import atomically, write_text
from fourfold.weights.manifest import Manifest

__all__ = ["MANIFEST", "WEIGHTS", "fill", "read_manifest", "read_weights", "write_weights"]

WEIGHTS, MANIFEST = "weights.safetensors", "manifest.json"


def write_weights(folder: str | PathLike[str], state: Mapping[str, Tensor], known: Mapping[str, Any]) -> Manifest:
    """Write the state of a network and its manifest, the manifest last.

    Parameters
    ----------
    folder
        Is made where it does not exist.
    state
        ``state_dict()`` of the network.
    known
        Everything of `Manifest` but the hash.

    Raises
    ------
    InputError
        When the manifest is incomplete or a file cannot be written.
    """
    folder = Path(folder)
    data = save({name: value.detach().cpu().contiguous() for name, value in state.items()})
    manifest = _manifest({**known, "sha256": hashlib.sha256(data).hexdigest()}, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomically(folder / WEIGHTS, ".safetensors") as path:
        path.write_bytes(data)
    with atomically(folder / MANIFEST, ".json") as path:
        write_text(path, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def read_manifest(folder: str | PathLike[str]) -> Manifest:
    """Return the manifest of a folder of weights; raises InputError where there is none or it is not one."""
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise InputError(f"'{folder}' has no {MANIFEST}; a folder of weights holds {WEIGHTS} and {MANIFEST}.")
    content = read_json(folder / MANIFEST)
    if not isinstance(content, dict):
        raise InputError(f"'{folder / MANIFEST}' holds no manifest; copy the folder of weights anew.")
    return _manifest(content, folder)


def read_weights(folder: str | PathLike[str]) -> tuple[dict[str, Tensor], Manifest]:
    """Return the weights of a folder, on the CPU, and their manifest.

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
            f"'{folder / WEIGHTS}' has the SHA-256 {found[:12]}… but its manifest says {manifest.sha256[:12]}…; the "
            "file was changed or damaged: copy the folder of weights anew."
        )
    try:
        return load(data), manifest
    except SafetensorError as error:
        raise InputError(f"'{folder / WEIGHTS}' is no safetensors file ({error}).") from None


def fill(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy weights called `name` into a network; raises InputError where they belong to another network."""
    own = network.state_dict()
    wrong = [key for key in own.keys() | state.keys() if key not in own or key not in state]
    wrong += [key for key in own.keys() & state.keys() if own[key].shape != state[key].shape]
    if wrong:
        raise InputError(
            f"The weights '{name}' do not fit the network: {len(wrong)} of {len(own)} tensors differ, such as "
            f"'{min(wrong)}'; choose weights of this network, or build it with the settings in their manifest."
        )
    network.load_state_dict(dict(state))


def _manifest(content: Mapping[str, Any], folder: Path) -> Manifest:
    try:
        return Manifest.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The manifest of '{folder}' is not complete: '{where}': {first['msg'].lower()}.") from None
