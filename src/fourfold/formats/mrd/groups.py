"""The HDF5 groups of an MRD file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from fourfold.errors import InputError

__all__ = ["choose_group", "line_groups"]


def line_groups(file: h5py.File) -> list[str]:
    """Return the groups that hold a header and lines."""

    def has_lines(group: Any) -> bool:
        data = group.get("data") if isinstance(group, h5py.Group) and "xml" in group else None
        return isinstance(data, h5py.Dataset) and data.size > 0 and "head" in (data.dtype.names or ())

    return [name for name in file if has_lines(file[name])]


def choose_group(groups: list[str], dataset: str | None, path: Path) -> str:
    """Return the group that is asked for, or the only one; refuses others."""
    if dataset is None and len(groups) == 1:
        return groups[0]
    if dataset in groups:
        return dataset
    problem = "has no such group" if dataset else "has several groups with lines"
    raise InputError(f"'{path}' {problem}: choose one with dataset='…' of {', '.join(groups)}.")
