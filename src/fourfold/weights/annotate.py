"""Adds to a manifest what is found out after training."""

from __future__ import annotations

from os import PathLike
from typing import Any

from fourfold.weights.folder import read_weights, write_weights
from fourfold.weights.manifest import Manifest
from fourfold.weights.network import load_network
from fourfold.weights.reference_output import answer

__all__ = ["annotate"]


def annotate(folder: str | PathLike[str], **found: Any) -> Manifest:
    """Write further fields into the manifest of a folder, and the network's answer to the fixed question.

    Parameters
    ----------
    folder
        Of weights.
    found
        Fields of `fourfold.weights.manifest.Manifest`, such as ``domain`` and ``scores``; they replace what is there.

    Raises
    ------
    InputError
        When the weights cannot be loaded, or a field does not suit.
    """
    state, manifest = read_weights(folder)
    network, _ = load_network(str(folder))
    known = manifest.model_dump(exclude={"sha256"}) | {"answer": answer(network)} | found
    return write_weights(folder, state, known)
