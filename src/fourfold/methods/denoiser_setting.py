"""The setting that names a denoiser: a built-in one, a regulariser, trained weights, or an object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import torch
from pydantic import AfterValidator, InstanceOf, PlainSerializer
from pydantic_core import PydanticCustomError
from torch import Tensor

from fourfold.denoisers.denoiser import Denoiser
from fourfold.denoisers.registry import denoisers
from fourfold.errors import InputError
from fourfold.methods.method_settings import name_in_record
from fourfold.networks.network_denoiser import NetworkDenoiser
from fourfold.regularisers.registry import new_regulariser, regularisers
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.warm import for_one_solve
from fourfold.weights.find import shipped
from fourfold.weights.hub import HUB
from fourfold.weights.load_network import load_denoiser

__all__ = ["DenoiserSetting", "denoiser_details", "new_denoiser"]


def _known(denoiser: str | Denoiser) -> str | Denoiser:
    names = (*denoisers(), *regularisers(), *shipped())
    if not isinstance(denoiser, str) or denoiser in names or denoiser.startswith(HUB) or Path(denoiser).is_dir():
        return denoiser
    sentence = "Input should be one of {names}, a folder of weights, or from Python a function"
    raise PydanticCustomError("denoiser", sentence, {"names": ", ".join(names)})


DenoiserSetting: TypeAlias = Annotated[
    str | InstanceOf[Denoiser], AfterValidator(_known), PlainSerializer(name_in_record, return_type=str)
]
"""A denoiser: the name of a built-in one, of a regulariser or of weights, a folder of weights, hf://owner/name, or an
object that is called with images and the standard deviation of their noise."""


def new_denoiser(denoiser: str | Denoiser, device: torch.device, support: Tensor) -> Denoiser:
    """Return a denoiser for one solve.

    Parameters
    ----------
    denoiser
        A value of a `DenoiserSetting`.
    device
        Device of the images.
    support
        bool, broadcast to the images: where a regulariser regularises.

    Raises
    ------
    InputError
        For a regulariser without proximal map, and for weights that cannot be loaded or have no denoiser.
    """
    if not isinstance(denoiser, str):
        return denoiser
    if denoiser in denoisers():
        made: Denoiser = denoisers()[denoiser]()
        return made
    if denoiser not in regularisers():
        return load_denoiser(denoiser, device)
    regulariser = new_regulariser(denoiser, support)
    if not isinstance(regulariser, Regulariser):
        raise InputError(
            f"The regulariser '{denoiser}' has a gradient but no proximal map, which a denoiser needs: choose the "
            "method 'custom' for it."
        )
    return for_one_solve(regulariser).prox


def denoiser_details(denoiser: Denoiser) -> dict[str, Any]:
    """Return what a record says of a denoiser: the weights of a trained one."""
    return {"weights": dict(denoiser.weights)} if isinstance(denoiser, NetworkDenoiser) and denoiser.weights else {}
