"""Explains in one sentence what libraries raise for damaged files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fourfold.errors import InputError

__all__ = ["damage_explained"]

_LONGEST = 300


@contextmanager
def damage_explained(found: str, advice: str) -> Iterator[None]:
    """Turn whatever a library raises in the block, for a damaged file, into an InputError.

    Damage raises almost anything: OSError, ValueError, KeyError, TokenError, zlib.error and errors of the library's
    own. An InputError and a MemoryError stay what they are.

    Parameters
    ----------
    found
        What was found, as the first part of the sentence: ``'a.nii' is damaged or not a NIfTI file``.
    advice
        What to do: ``copy it again``.

    Raises
    ------
    InputError
        With what was found, the library's reason, and the advice.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise InputError(f"{found} ({reason}): {advice}.") from error
