"""Builds trained networks by name from their settings."""

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
"""The function or class that makes each network; its parameters are the network's settings."""


def complete_settings(network: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a network, validated and with defaults filled in, as JSON types.

    Raises
    ------
    InputError
        For an unknown network, an unknown setting, or an invalid value.
    """
    if network not in NETWORKS:
        raise InputError(
            f"There is no network '{network}'; choose one of {', '.join(NETWORKS)}.{nearest(network, NETWORKS)}"
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
        Settings of the network; those left out have their defaults.

    Raises
    ------
    InputError
        As `complete_settings`.
    """
    complete = complete_settings(network, settings)
    return NETWORKS[network](**complete)


@cache
def _settings_type(network: str) -> type[BaseModel]:
    """Return a pydantic model of the parameters of a network."""
    parameters = inspect.signature(NETWORKS[network], eval_str=True).parameters.values()
    fields: dict[str, Any] = {each.name: (each.annotation, each.default) for each in parameters}
    return create_model(network, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
