"""Adds to a manifest what was measured after training."""

from __future__ import annotations

from os import PathLike
from typing import Any

from fourfold.weights.load_network import load_network
from fourfold.weights.manifest import Manifest
from fourfold.weights.reference_output import reference_output
from fourfold.weights.state_dict import read_weights, write_weights

__all__ = ["annotate"]


def annotate(folder: str | PathLike[str], **fields: Any) -> Manifest:
    """Write fields into the manifest of a folder of weights, and the network's reference output.

    Parameters
    ----------
    folder
        The folder of weights.
    fields
        Fields of `fourfold.weights.manifest.Manifest`, such as ``scan_statistics`` and ``scores``. They replace those
        in the manifest.

    Raises
    ------
    InputError
        When the weights cannot be loaded, or a field is invalid.
    """
    state, manifest = read_weights(folder)
    network, _ = load_network(str(folder))
    content = manifest.model_dump(exclude={"sha256"}) | {"reference_output": reference_output(network)} | fields
    return write_weights(folder, state, content)
