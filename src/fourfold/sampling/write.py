"""Writes sampling patterns to files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fourfold.errors import InputError, nearest
from fourfold.scan import Sampling

__all__ = ["write_sampling"]

BART_DIMENSIONS = 16
BART_SLICES = 13


def write_sampling(sampling: Sampling, path: str | Path) -> None:
    """Write a sampling pattern; the file appears whole or not at all.

    Parameters
    ----------
    sampling
        The pattern.
    path
        ``.npz`` keeps the provenance; ``.npy`` is the bool mask (frame, ky, kx); ``.cfl`` is BART's pair,
        with the axes in the dimensions in which `fourfold.formats.save_scan` writes the k-space that it is for;
        ``.png`` is a picture, white where acquired, the frames side by side.

    Raises
    ------
    InputError
        For an unknown suffix or a file that cannot be written.
    """
    path = Path(path)
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(
            f"A mask cannot be written as a '{path.suffix}' file ('{path}'); use {', '.join(WRITERS)}."
            f"{nearest(path.suffix, WRITERS)}"
        )
    writer(sampling, path)


def _write_npz(sampling: Sampling, path: Path) -> None:
    provenance = {
        "kind": sampling.kind,
        "seed": sampling.seed,
        "asked": sampling.asked,
        "details": dict(sampling.details),
    }
    with _whole_file(path) as file:
        np.savez_compressed(file, mask=sampling.mask.cpu().numpy(), provenance=json.dumps(provenance))


def _write_npy(sampling: Sampling, path: Path) -> None:
    with _whole_file(path) as file:
        np.save(file, sampling.mask.cpu().numpy())


def _write_cfl(sampling: Sampling, path: Path) -> None:
    mask = sampling.mask.cpu()
    sizes = [1] * BART_DIMENSIONS
    readout_is_ky = bool((mask == mask[:, :1]).all()) and not bool((mask == mask[:, :, :1]).all())
    first = 0 if readout_is_ky else 1
    sizes[BART_SLICES], sizes[first], sizes[first + 1] = mask.shape
    # BART's first dimension is the fastest.
    values = mask.numpy().swapaxes(1, 2).astype(np.complex64)
    with _whole_file(path) as file, _whole_file(path.with_suffix(".hdr")) as header:
        values.tofile(file)
        header.write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")


def _write_png(sampling: Sampling, path: Path) -> None:
    side_by_side = torch.cat(list(sampling.mask.cpu()), dim=1)
    with _whole_file(path) as file:
        Image.fromarray((side_by_side * 255).to(torch.uint8).numpy()).save(file)


WRITERS: dict[str, Callable[[Sampling, Path], None]] = {
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".cfl": _write_cfl,
    ".png": _write_png,
}


@contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to, and rename it to `path` once it is complete."""
    try:
        with tempfile.TemporaryDirectory(prefix=".fourfold-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"The mask cannot be written to '{path}' ({error.strerror}); give a file in a folder that exists "
            "and may be written to."
        ) from error
