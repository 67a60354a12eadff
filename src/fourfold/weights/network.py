"""A network with its weights, ready to use."""

from __future__ import annotations

import torch

from fourfold.errors import InputError
from fourfold.networks.build import Reconstructor, build
from fourfold.weights.find import find_weights
from fourfold.weights.folder import fill, read_weights
from fourfold.weights.manifest import Manifest

__all__ = ["load_network"]


def load_network(
    weights: str, network: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Reconstructor, Manifest]:
    """Return a network for inference, and what is known of its weights.

    Parameters
    ----------
    weights
        As in `fourfold.weights.find.find_weights`.
    network
        The network that is wanted; None takes what the weights belong to.
    device
        Where it is to compute.

    Raises
    ------
    InputError
        When there are no such weights, their hash is not the manifest's, or they belong to another network.
    """
    state, manifest = read_weights(find_weights(weights))
    if network is not None and manifest.network != network:
        raise InputError(
            f"The weights '{weights}' belong to the network '{manifest.network}', not to '{network}'; choose others, "
            f"or the method '{manifest.network}'."
        )
    found = build(manifest.network, manifest.settings)
    fill(found, state, manifest.name)
    return found.eval().requires_grad_(False).to(device), manifest
