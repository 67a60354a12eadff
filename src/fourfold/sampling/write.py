"""Writes sampling patterns to files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fourfold.files.bart import SLICE, write_bart_header
from fourfold.files.output import atomically, check_target, suffix_of, write_buffer
from fourfold.scan import Sampling

__all__ = ["write_sampling"]


def write_sampling(sampling: Sampling, path: str | Path, *, replace: bool = True) -> None:
    """Write a sampling pattern; the file appears whole or not at all.

    Parameters
    ----------
    sampling
        The pattern.
    path
        ``.npz`` keeps the provenance; ``.npy`` is the bool mask (frame, ky, kx); ``.cfl`` is BART's pair,
        with the axes in the dimensions in which `fourfold.formats.save_scan` writes the k-space that it is for;
        ``.png`` is a picture, white where acquired, the frames side by side.
    replace
        Whether a file that exists is replaced; else it is kept and an InputError raised.

    Raises
    ------
    InputError
        For an unknown suffix or a file that cannot be written.
    """
    path = check_target(path, WRITERS)
    suffix = suffix_of(path, WRITERS)
    with atomically(path, suffix, replace) as file:
        WRITERS[suffix](sampling, file)


def _write_npz(sampling: Sampling, path: Path) -> None:
    provenance = {
        "kind": sampling.kind,
        "seed": sampling.seed,
        "target_acceleration": sampling.target_acceleration,
        "details": dict(sampling.details),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, mask=sampling.mask.cpu().numpy(), provenance=json.dumps(provenance))


def _write_npy(sampling: Sampling, path: Path) -> None:
    content = io.BytesIO()
    np.save(content, sampling.mask.cpu().numpy())
    path.write_bytes(content.getvalue())


def _write_cfl(sampling: Sampling, path: Path) -> None:
    mask = sampling.mask.cpu()
    readout_is_ky = bool((mask == mask[:, :1]).all()) and not bool((mask == mask[:, :, :1]).all())
    first = 0 if readout_is_ky else 1
    sizes = dict(zip((SLICE, first, first + 1), mask.shape, strict=True))
    # BART's first dimension is the fastest.
    values = mask.numpy().swapaxes(1, 2).astype(np.complex64)
    with path.open("wb") as file:
        write_buffer(file, np.ascontiguousarray(values))
    write_bart_header(path.with_suffix(".hdr"), sizes)


def _write_png(sampling: Sampling, path: Path) -> None:
    side_by_side = torch.cat(list(sampling.mask.cpu()), dim=1)
    Image.fromarray((side_by_side * 255).to(torch.uint8).numpy()).save(path)


WRITERS: dict[str, Callable[[Sampling, Path], None]] = {
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".cfl": _write_cfl,
    ".png": _write_png,
}
