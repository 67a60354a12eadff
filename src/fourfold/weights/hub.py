"""Weights from the Hugging Face hub, through `huggingface_hub`."""

from __future__ import annotations

from pathlib import Path

from fourfold.errors import InputError
from fourfold.weights.weight_files import MANIFEST, WEIGHTS

__all__ = ["HUB", "download"]

HUB = "hf://"
"""Prefix of a repository on the hub."""


def download(place: str) -> Path:
    """Return a local folder with the weights of a repository; files in the local cache are not downloaded again.

    Parameters
    ----------
    place
        ``hf://owner/name`` or ``hf://owner/name@revision``, where the revision is a branch, tag or commit.

    Raises
    ------
    InputError
        When huggingface_hub is not installed, `place` is not a repository, or the hub cannot be reached.
    """
    repository, _, revision = place.removeprefix(HUB).partition("@")
    if len(repository.split("/")) != 2 or not all(repository.split("/")):
        raise InputError(f"'{place}' is no repository on the hub; write {HUB}owner/name or {HUB}owner/name@revision.")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise InputError(f"'{place}' needs huggingface_hub; install it with: pip install 'fourfold[hub]'") from None
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=[MANIFEST, WEIGHTS]))
    except LocalEntryNotFoundError:
        raise InputError(f"The hub cannot be reached, and '{place}' is not in its cache; go online once.") from None
    except (HfHubHTTPError, HFValidationError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"'{place}' could not be downloaded ({reason}); check the name and the revision.") from None
