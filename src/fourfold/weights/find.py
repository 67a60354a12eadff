"""Finds weights by the name of shipped ones, a folder, or a repository on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from fourfold.errors import InputError, nearest
from fourfold.weights.hub import HUB, download
from fourfold.weights.weight_files import MANIFEST, read_manifest

__all__ = ["choose_weights", "find_weights", "shipped"]

_SHIPPED = Path(__file__).parents[1] / "data" / "weights"


def shipped() -> dict[str, Path]:
    """Return the folders of the weights that ship with fourfold, by name, in alphabetical order."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob(f"*/{MANIFEST}"))}


def find_weights(weights: str) -> Path:
    """Return the folder of the weights called `weights`.

    Parameters
    ----------
    weights
        The name of shipped weights, a folder, or ``hf://owner/name``, optionally with ``@revision``. Write ``./name``
        for a folder that has the name of shipped weights.

    Raises
    ------
    InputError
        When no weights have this name.
    """
    if weights.startswith(HUB):
        return download(weights)
    available = shipped()
    if weights in available:
        return available[weights]
    if Path(weights).is_dir():
        return Path(weights)
    names = ", ".join(available) or "none"
    raise InputError(
        f"There are no weights '{weights}'; fourfold ships: {names}.{nearest(weights, available)} "
        f"Otherwise give a folder of weights, or {HUB}owner/name."
    )


def choose_weights(network: str) -> str | None:
    """Return the name of the first shipped weights of a network; None where there are none."""
    return next((name for name, folder in shipped().items() if read_manifest(folder).network == network), None)
