"""Loads a trained network: builds it from the manifest and fills in its weights."""

from __future__ import annotations

import torch

from fourfold.errors import InputError
from fourfold.networks.build import build
from fourfold.networks.network import Network
from fourfold.networks.network_denoiser import NetworkDenoiser
from fourfold.networks.reconstructor import Reconstructor
from fourfold.weights.find import find_weights
from fourfold.weights.manifest import Manifest
from fourfold.weights.state_dict import load_state, read_weights

__all__ = ["load_denoiser", "load_network", "load_reconstructor"]


def load_network(
    weights: str, network: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Network, Manifest]:
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


def load_reconstructor(
    weights: str, network: str | None = None, device: torch.device | str = "cpu"
) -> tuple[Reconstructor, Manifest]:
    """Return a network from k-space to images as `load_network` does; InputError for weights of another kind."""
    loaded, manifest = load_network(weights, network, device)
    if not isinstance(loaded, Reconstructor):
        raise InputError(
            f"The weights '{weights}' belong to the network '{manifest.network}', which does not reconstruct k-space; "
            "use them as the denoiser of a method such as 'pnp', or choose others."
        )
    return loaded, manifest


def load_denoiser(weights: str, device: torch.device | str = "cpu") -> NetworkDenoiser:
    """Return the denoiser of a network with its weights.

    Parameters
    ----------
    weights, device
        As in `load_network`: weights of the network ``denoiser``, or of a VarNet of the denoising form.

    Raises
    ------
    InputError
        As `load_network`, and where the network has no denoiser.
    """
    loaded, manifest = load_network(weights, device=device)
    if loaded.denoiser is None:
        raise InputError(
            f"The weights '{weights}' belong to the network '{manifest.network}', which has no denoiser; choose those "
            "of a 'denoiser', or of a 'varnet' of the form 'denoising'."
        )
    return NetworkDenoiser(loaded.denoiser, manifest.summary())
