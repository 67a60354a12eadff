"""A network's weights as a state dict: written to a folder, read from it, and loaded into the network."""

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
from fourfold.weights.manifest import Manifest
from fourfold.weights.weight_files import MANIFEST, WEIGHTS, manifest_from, read_bytes

__all__ = ["load_state", "read_weights", "write_weights"]


def write_weights(folder: str | PathLike[str], state: Mapping[str, Tensor], content: Mapping[str, Any]) -> Manifest:
    """Write the weights of a network and, after them, their manifest.

    Parameters
    ----------
    folder
        Created where it does not exist.
    state
        ``state_dict()`` of the network.
    content
        All fields of `Manifest` except the hash.

    Raises
    ------
    InputError
        When the manifest is incomplete or a file cannot be written.
    """
    folder = Path(folder)
    data = save({name: value.detach().cpu().contiguous() for name, value in state.items()})
    manifest = manifest_from({**content, "sha256": hashlib.sha256(data).hexdigest()}, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomically(folder / WEIGHTS, ".safetensors") as path:
        path.write_bytes(data)
    with atomically(folder / MANIFEST, ".json") as path:
        write_text(path, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def read_weights(folder: str | PathLike[str]) -> tuple[dict[str, Tensor], Manifest]:
    """Return the state dict in a folder, on the CPU, and its manifest.

    Raises
    ------
    InputError
        When a file is missing or damaged, or the hash of the weights is not the manifest's.
    """
    data, manifest = read_bytes(folder)
    try:
        return load(data), manifest
    except SafetensorError as error:
        raise InputError(f"'{Path(folder) / WEIGHTS}' is not a safetensors file ({error}).") from None


def load_state(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy the weights called `name` into a network; raises InputError where they belong to another network."""
    expected = network.state_dict()
    differing = [key for key in expected.keys() | state.keys() if key not in expected or key not in state]
    differing += [key for key in expected.keys() & state.keys() if expected[key].shape != state[key].shape]
    if differing:
        raise InputError(
            f"The weights '{name}' do not fit the network: {len(differing)} of {len(expected)} tensors differ, such as "
            f"'{min(differing)}'; choose weights of this network, or build it with the settings in their manifest."
        )
    network.load_state_dict(dict(state))
