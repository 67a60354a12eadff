"""Loads a trained network: builds it from the manifest and fills in its weights."""

from __future__ import annotations

import torch

from fourfold.errors import InputError
from fourfold.networks.build import Reconstructor, build
from fourfold.weights.find import find_weights
from fourfold.weights.manifest import Manifest
from fourfold.weights.state_dict import load_state, read_weights

__all__ = ["load_network"]


def load_network(
    weights: str, network: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Reconstructor, Manifest]:
    """Return a network in evaluation mode with its weights, and their manifest.

    Parameters
    ----------
    weights
        As in `fourfold.weights.find.find_weights`.
    network
        Name of the network that is expected; None accepts any.
    device
        Device of the network.

    Raises
    ------
    InputError
        When the weights do not exist, their hash is not the manifest's, or they belong to another network.
    """
    state, manifest = read_weights(find_weights(weights))
    if network is not None and manifest.network != network:
        raise InputError(
            f"The weights '{weights}' belong to the network '{manifest.network}', not to '{network}'; choose others, "
            f"or the method '{manifest.network}'."
        )
    loaded = build(manifest.network, manifest.settings)
    load_state(loaded, state, manifest.name)
    return loaded.eval().requires_grad_(False).to(device), manifest
