"""Finds weights by what a user calls them: a name of those that ship, a folder, or a place on the hub."""

from __future__ import annotations

from pathlib import Path

from fourfold.errors import InputError, nearest
from fourfold.weights.files import MANIFEST, read_manifest
from fourfold.weights.hub import HUB, download

__all__ = ["choose_weights", "find_weights", "shipped"]

_SHIPPED = Path(__file__).parents[1] / "data" / "weights"


def shipped() -> dict[str, Path]:
    """Return the folders of the weights that ship with fourfold, by name, in alphabetical order."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob(f"*/{MANIFEST}"))}


def find_weights(weights: str) -> Path:
    """Return the folder of weights called `weights`.

    Parameters
    ----------
    weights
        The name of weights that ship, a folder, or ``hf://owner/name`` with ``@revision`` where one is wanted. A folder
        that has the name of shipped ones is meant by ``./name``.

    Raises
    ------
    InputError
        When there are none of this name.
    """
    if weights.startswith(HUB):
        return download(weights)
    known = shipped()
    if weights in known:
        return known[weights]
    if Path(weights).is_dir():
        return Path(weights)
    names = ", ".join(known) or "none"
    raise InputError(
        f"There are no weights '{weights}'; with fourfold ship: {names}.{nearest(weights, known)} "
        f"Otherwise give a folder of weights, or {HUB}owner/name."
    )


def choose_weights(network: str) -> str | None:
    """Return the name of the first weights that ship for a network, None where there are none."""
    return next((name for name, folder in shipped().items() if read_manifest(folder).network == network), None)
