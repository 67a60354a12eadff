"""NIfTI-1 files without identity: free text in the header, extensions, and identifying entries of the sidecar."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

from fourfold.errors import InputError
from fourfold.files.output import suffix_of, write_text
from fourfold.formats.sidecar import IDENTIFYING
from fourfold.memory import require_memory

__all__ = ["anonymise_nifti"]

SUFFIXES = (".nii", ".nii.gz")
TEXTS = {"db_name": (14, 18), "descrip": (148, 80), "aux_file": (228, 24), "intent_name": (328, 16)}
"""Texts of the header: where each begins, and its length in bytes."""
HEADER, EXTENSIONS, DATA_OFFSET = 348, 352, 108
GZIP = b"\x1f\x8b"


def anonymise_nifti(path: Path, output: Path) -> list[str]:
    """Write a NIfTI file, and its sidecar, if any, without identity; return the names of what was removed."""
    require_memory(path.stat().st_size, f"The file '{path}'", "give a smaller one")
    content = path.read_bytes()
    if content[:2] == GZIP:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise InputError(f"'{path}' is damaged ({error}): copy it again.") from None
    if content[344:348] != b"n+1\0":
        raise InputError(f"'{path}' is a NIfTI-2 file or a pair of files: convert it to a NIfTI-1 file (.nii) first.")
    data, removed = bytearray(content), []
    for name, (start, length) in TEXTS.items():
        if any(data[start : start + length]):
            removed.append(f"header/{name}")
        data[start : start + length] = bytes(length)
    order = "<" if struct.unpack("<i", data[:4])[0] == HEADER else ">"
    (first,) = struct.unpack(f"{order}f", data[DATA_OFFSET : DATA_OFFSET + 4])
    end = min(int(first), len(data))
    if end > EXTENSIONS and any(data[HEADER:end]):
        removed.append("header extensions")
    # The voxels stay where they are; the extensions before them become zeros.
    data[HEADER:end] = bytes(max(0, end - HEADER))
    compressed = suffix_of(output, SUFFIXES) == ".nii.gz"
    output.write_bytes(gzip.compress(bytes(data), mtime=0) if compressed else bytes(data))
    return removed + _anonymise_sidecar(_sidecar(path), _sidecar(output))


def _sidecar(path: Path) -> Path:
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return path.with_name(f"{stem}.json")


def _anonymise_sidecar(path: Path, output: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"The sidecar '{path}' is no JSON ({error}): correct it, or move it away.") from None
    removed: list[str] = []
    write_text(output, json.dumps(_without_identity(facts, removed), indent=2, ensure_ascii=False) + "\n")
    return [f"sidecar/{name}" for name in dict.fromkeys(removed)]


def _without_identity(value: Any, removed: list[str]) -> Any:
    if isinstance(value, list):
        return [_without_identity(entry, removed) for entry in value]
    if not isinstance(value, dict):
        return value
    removed += [name for name in value if name in IDENTIFYING]
    return {name: _without_identity(entry, removed) for name, entry in value.items() if name not in IDENTIFYING}
