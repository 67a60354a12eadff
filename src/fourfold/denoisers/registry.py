"""Denoisers by name: every class in a module of this folder that declares a `name` is one."""

from __future__ import annotations

from functools import cache

from fourfold.discovery import named_classes

__all__ = ["denoisers"]


@cache
def denoisers() -> dict[str, type]:
    """Return all denoisers by name; each is made without arguments and then called as a `Denoiser`."""
    return dict(sorted(named_classes("fourfold.denoisers").items()))
