"""Weights of a network as tensors: written to and read from a folder, and filled into the network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.files.output import atomically, write_text
from fourfold.weights.files import MANIFEST, WEIGHTS, manifest_from, read_bytes
from fourfold.weights.manifest import Manifest

__all__ = ["fill", "read_weights", "write_weights"]


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
    manifest = manifest_from({**known, "sha256": hashlib.sha256(data).hexdigest()}, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomically(folder / WEIGHTS, ".safetensors") as path:
        path.write_bytes(data)
    with atomically(folder / MANIFEST, ".json") as path:
        write_text(path, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def read_weights(folder: str | PathLike[str]) -> tuple[dict[str, Tensor], Manifest]:
    """Return the weights of a folder, on the CPU, and their manifest.

    Raises
    ------
    InputError
        When a file is missing or broken, or the weights are not those that the manifest was written for.
    """
    data, manifest = read_bytes(folder)
    try:
        return load(data), manifest
    except SafetensorError as error:
        raise InputError(f"'{Path(folder) / WEIGHTS}' is no safetensors file ({error}).") from None


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
