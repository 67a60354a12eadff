"""`fourfold reader`: names the steps of a reader study; each step is a command of two words."""

from __future__ import annotations

from fourfold.errors import InputError, nearest

__all__ = ["STEPS", "reader"]

STEPS = ("create", "serve", "close", "analyse")


def reader(step: str, /) -> None:
    """Do a blinded reader study: readers rate images of several methods in a browser, and do not know which is which.

    `create` draws cases and orders and writes a folder with a token for each reader; `serve` shows the page to readers;
    `close` ends the study; `analyse` writes tests, agreement and a page. See `fourfold reader create --help` and its
    like.

    For example:

        fourfold reader create comparison -o reading -s reading.yaml

        fourfold reader serve reading

        fourfold reader close reading

        fourfold reader analyse reading -o results

    Parameters
    ----------
    step
        create, serve, close or analyse.
    """
    raise InputError(
        f"There is no step '{step}' of a reader study; there are {', '.join(STEPS)}.{nearest(step, STEPS)}"
    )
