"""Every trained network by its name, built from settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from fourfold.errors import InputError, explain_settings, nearest
from fourfold.networks.cascade import Cascade
from fourfold.networks.image_network import resnet, unet
from fourfold.networks.kspace_cnn import KspaceCnn
from fourfold.networks.reconstructor import Reconstructor
from fourfold.networks.varnet import VarNet

__all__ = ["NETWORKS", "Reconstructor", "build", "complete_settings"]

NETWORKS: Mapping[str, Callable[..., Reconstructor]] = {
    "unet": unet,
    "resnet": resnet,
    "cascade": Cascade,
    "varnet": VarNet,
    "kspace-cnn": KspaceCnn,
}
"""What makes each network; its parameters are the network's settings."""


def complete_settings(network: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a network, checked, with defaults for those that are not given; JSON can hold them.

    Raises
    ------
    InputError
        For a network that does not exist, a setting that it does not have, or a value that does not suit.
    """
    if network not in NETWORKS:
        raise InputError(
            f"There is no network '{network}'; known are {', '.join(NETWORKS)}.{nearest(network, NETWORKS)}"
        )
    kind = _settings_type(network)
    try:
        return kind.model_validate(dict(settings)).model_dump()
    except ValidationError as error:
        raise InputError(explain_settings(error, "network", network, kind.model_fields)) from None


def build(network: str, settings: Mapping[str, Any]) -> Reconstructor:
    """Return a network with its initial weights.

    Parameters
    ----------
    network
        A name in `NETWORKS`.
    settings
        Of the network; those that are left out have their defaults.

    Raises
    ------
    InputError
        As `complete_settings`.
    """
    complete = complete_settings(network, settings)
    return NETWORKS[network](**complete)


@cache
def _settings_type(network: str) -> type[BaseModel]:
    """Return the parameters of what makes a network as a type that checks them."""
    parameters = inspect.signature(NETWORKS[network], eval_str=True).parameters.values()
    fields: dict[str, Any] = {each.name: (each.annotation, each.default) for each in parameters}
    return create_model(network, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
