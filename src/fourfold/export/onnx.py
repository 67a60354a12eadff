"""Writes trained networks as ONNX files."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.export.real_network import RealNetwork
from fourfold.files.output import atomically
from fourfold.weights.load_network import load_reconstructor
from fourfold.weights.manifest import Manifest

__all__ = ["export_onnx"]

_OPSET = 18
# Sizes of the example input for tracing; the file accepts others.
_FRAMES, _COILS = 2, 3
_FEWEST_PIXELS = 32


def export_onnx(
    weights: str, path: str | PathLike[str], size: tuple[int, int] | None = None, *, replace: bool = True
) -> dict[str, Any]:
    """Write a trained network as an ONNX file for other runtimes.

    Inputs, float32 except for the mask: ``kspace`` (frame, coil, ky, kx, 2), centred, zero where not acquired, divided
    by the scan's intensity scale; ``mask``, bool (frame, ky, kx); ``maps`` (frame, coil, y, x, 2), or, for a VarNet
    that estimates coil maps, ``calibration`` (frame, coil, ky, kx, 2), the k-space with zeros outside the calibration
    lines. Output: ``image`` (frame, y, x, 2). The last axis is real and imaginary part. The numbers of frames and coils
    are variable. The image size is variable without pooling, and a multiple of 16 or more with pooling.

    Parameters
    ----------
    weights
        As in `fourfold.weights.find.find_weights`.
    path
        The file to write.
    size
        (ny, nx) for a file with a fixed image size, which may be any; None for a variable size.
    replace
        Whether an existing file is replaced; otherwise an InputError is raised.

    Returns
    -------
    dict
        Description of the file, which its metadata contain, too: inputs with their shapes, name and hash of the
        weights.

    Raises
    ------
    InputError
        When onnx is not installed, the weights cannot be loaded, the network cannot be exported, or the file cannot be
        written.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError("ONNX files need onnx and onnxscript; install them: pip install 'fourfold[export]'") from None
    network, manifest = load_reconstructor(weights)
    real = RealNetwork(network).eval()
    multiple = 1 if size else _multiple(manifest)
    third = "calibration" if real.takes_calibration else "maps"
    with _quietly():
        program = torch.onnx.export(
            real,
            _example(size or (_FEWEST_PIXELS * multiple, 2 * _FEWEST_PIXELS * multiple)),
            dynamo=True,
            opset_version=_OPSET,
            dynamic_shapes=_dynamic_shapes(multiple, size is not None),
            input_names=["kspace", "mask", third],
            output_names=["image"],
            verbose=False,
        )
    assert program is not None
    facts = _facts(manifest, third, size, multiple)
    program.model.metadata_props.update({name: json.dumps(value) for name, value in facts.items()})
    with atomically(Path(path), ".onnx", replace) as file:
        program.save(file)
    return facts


def _multiple(manifest: Manifest) -> int:
    """Return the number that image sizes must be a multiple of because of pooling."""
    settings = manifest.settings
    if manifest.network == "unet":
        return int(2 ** settings["pools"])
    if manifest.network == "varnet":
        # The published VarNet pads to multiples of 16.
        pools = [settings["pools"], *([settings["sensitivity_pools"]] if settings["sensitivity_channels"] else [])]
        return int(max(16, 2 ** max(pools)))
    return 1


def _example(size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    # Two tensors: the same tensor twice would be traced as one input.
    kspace, coils = (torch.ones(_FRAMES, _COILS, *size, 2) for _ in range(2))
    return kspace, torch.ones(_FRAMES, *size, dtype=torch.bool), coils


def _dynamic_shapes(multiple: int, fixed: bool) -> tuple[dict[int, Any], ...]:
    frames, coils = torch.export.Dim("frames", min=1), torch.export.Dim("coils", min=1)
    sizes = []
    for axis in ("y", "x"):
        dim = torch.export.Dim(axis, min=2)
        sizes.append(multiple * dim if multiple > 1 else dim)
    first = {0: frames, 1: coils} | ({} if fixed else {2: sizes[0], 3: sizes[1]})
    return first, {0: frames} | ({} if fixed else {1: sizes[0], 2: sizes[1]}), first


def _facts(manifest: Manifest, third: str, size: tuple[int, int] | None, multiple: int) -> dict[str, Any]:
    ny, nx = size or ("ky", "kx")
    arrays = ["frame", "coil", ny, nx, 2]
    return {
        "weights": manifest.name,
        "network": manifest.network,
        "sha256": manifest.sha256,
        "licence": manifest.licence,
        "training_data": [f"{source.name} ({source.licence})" for source in manifest.training_data],
        "inputs": {"kspace": arrays, "mask": ["frame", ny, nx], third: arrays},
        "size": "fixed" if size else "any" if multiple == 1 else f"multiples of {multiple}, from {2 * multiple} on",
        "unit": "k-space and image over the scan's intensity scale",
    }


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Suppress the exporter's progress messages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
