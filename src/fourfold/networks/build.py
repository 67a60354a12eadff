"""Builds trained networks by name from their settings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from fourfold.discovery import named_classes
from fourfold.errors import InputError, explain_settings, nearest
from fourfold.networks.network import Network

__all__ = ["build", "complete_settings", "find_network", "networks"]


@cache
def networks() -> dict[str, type[Network]]:
    """Return all networks by name: every class in a module of this folder that declares a `name` is one."""
    return dict(sorted(named_classes("fourfold.networks").items()))


def find_network(name: str) -> type[Network]:
    """Return the class of a network; raises InputError for an unknown name."""
    if name not in networks():
        raise InputError(
            f"There is no network '{name}'; choose one of {', '.join(networks())}.{nearest(name, networks())}"
        )
    return networks()[name]


def complete_settings(network: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a network, validated and with defaults filled in, as JSON types.

    Raises
    ------
    InputError
        For an unknown network, an unknown setting, or an invalid value.
    """
    kind = _settings_type(find_network(network))
    try:
        return kind.model_validate(dict(settings)).model_dump()
    except ValidationError as error:
        raise InputError(explain_settings(error, "network", network, kind.model_fields)) from None


def build(network: str, settings: Mapping[str, Any]) -> Network:
    """Return a network with its initial weights.

    Parameters
    ----------
    network
        A name in `networks`.
    settings
        Settings of the network; those left out have their defaults.

    Raises
    ------
    InputError
        As `complete_settings`.
    """
    complete = complete_settings(network, settings)
    return find_network(network)(**complete)


@cache
def _settings_type(network: type[Network]) -> type[BaseModel]:
    """Return a pydantic model of the parameters of a network."""
    parameters = inspect.signature(network, eval_str=True).parameters.values()
    fields: dict[str, Any] = {each.name: (each.annotation, each.default) for each in parameters}
    return create_model(network.name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
