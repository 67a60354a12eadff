"""Writes trained networks as ONNX files."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.export.real_denoiser import RealDenoiser
from fourfold.export.real_network import RealNetwork, in_real_arithmetic
from fourfold.files.output import atomically
from fourfold.weights.load_network import load_network
from fourfold.weights.manifest import Manifest

__all__ = ["export_onnx"]

_OPSET = 18
# The axes of every input.
_COMPLEX_IMAGES = ("frame", "coil", "y", "x", 2)
_KSPACE = ("frame", "coil", "ky", "kx", 2)
_AXES: Mapping[str, tuple[str | int, ...]] = {
    "kspace": _KSPACE,
    "mask": ("frame", "ky", "kx"),
    "maps": _COMPLEX_IMAGES,
    "calibration": _KSPACE,
    "image": ("frame", "y", "x", 2),
    "noise_std": ("frame",),
}
# Sizes of the example input for tracing; the file accepts others.
_FRAMES, _COILS = 2, 3
_FEWEST_PIXELS = 32


def export_onnx(
    weights: str, path: str | PathLike[str], size: tuple[int, int] | None = None, *, replace: bool = True
) -> dict[str, Any]:
    """Write a trained network as an ONNX file for other runtimes.

    Inputs of networks that reconstruct, float32 except for the mask: ``kspace`` (frame, coil, ky, kx, 2), centred, zero
    where not acquired, divided by the scan's intensity scale; ``mask``, bool (frame, ky, kx); ``maps`` (frame, coil, y,
    x, 2), or, for a VarNet that estimates coil maps, ``calibration`` (frame, coil, ky, kx, 2), the k-space with zeros
    outside the calibration lines; for a VarNet of the denoising form, ``noise_std`` (frame,), which
    `fourfold.networks.denoising_steps.noise_std_of_frames` estimates. Output: ``image`` (frame, y, x, 2).

    Inputs of the network ``denoiser``: ``image`` (frame, y, x, 2) and ``noise_std`` (frame,). Output: ``denoised``.

    ``noise_std`` is √E|n|² of the complex noise. The last axis of complex arrays is real and imaginary part. The
    numbers of frames and coils are variable. The image size is variable without pooling, and a multiple of a power of
    two with pooling.

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
        Description of the file, which its metadata contain, too: inputs and output with their shapes and units, name
        and hash of the weights.

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
    network, manifest = load_network(weights)
    real = in_real_arithmetic(network).eval()
    multiple = 1 if size else _multiple(manifest)
    with _quietly():
        program = torch.onnx.export(
            real,
            _example(real.inputs, size or (_FEWEST_PIXELS * multiple, 2 * _FEWEST_PIXELS * multiple)),
            dynamo=True,
            opset_version=_OPSET,
            dynamic_shapes=_dynamic_shapes(real.inputs, multiple, size is not None),
            input_names=list(real.inputs),
            output_names=[real.output],
            verbose=False,
        )
    assert program is not None
    facts = _facts(manifest, real, size, multiple)
    program.model.metadata_props.update({name: json.dumps(value) for name, value in facts.items()})
    with atomically(Path(path), ".onnx", replace) as file:
        program.save(file)
    return facts


def _multiple(manifest: Manifest) -> int:
    """Return the number that image sizes must be a multiple of because of pooling."""
    settings = manifest.settings
    if manifest.network in ("unet", "denoiser"):
        return int(2 ** settings["pools"])
    if manifest.network == "varnet":
        # The published VarNet pads to multiples of 16; the denoiser does not.
        least = 1 if settings["form"] == "denoising" and not settings["sensitivity_channels"] else 16
        pools = [settings["pools"], *([settings["sensitivity_pools"]] if settings["sensitivity_channels"] else [])]
        return int(max(least, 2 ** max(pools)))
    return 1


def _example(inputs: Sequence[str], size: tuple[int, int]) -> tuple[Tensor, ...]:
    ny, nx = size
    sizes: Mapping[str | int, int] = {"frame": _FRAMES, "coil": _COILS, "ky": ny, "y": ny, "kx": nx, "x": nx, 2: 2}
    # A tensor for each: the same tensor twice would be traced as one input.
    return tuple(
        torch.ones([sizes[axis] for axis in _AXES[name]], dtype=torch.bool if name == "mask" else torch.float32)
        for name in inputs
    )


def _dynamic_shapes(inputs: Sequence[str], multiple: int, fixed: bool) -> tuple[dict[int, Any], ...]:
    variable: dict[str | int, Any] = {
        "frame": torch.export.Dim("frames", min=1),
        "coil": torch.export.Dim("coils", min=1),
    }
    if not fixed:
        for axis in ("y", "x"):
            dim = torch.export.Dim(axis, min=2)
            variable[axis] = variable[f"k{axis}"] = multiple * dim if multiple > 1 else dim
    return tuple(
        {number: variable[axis] for number, axis in enumerate(_AXES[name]) if axis in variable} for name in inputs
    )


def _facts(
    manifest: Manifest, real: RealNetwork | RealDenoiser, size: tuple[int, int] | None, multiple: int
) -> dict[str, Any]:
    ny, nx = size or (None, None)
    fixed: Mapping[str | int, int | None] = {"ky": ny, "y": ny, "kx": nx, "x": nx}

    def shape(name: str) -> list[str | int]:
        return [fixed.get(axis) or axis for axis in _AXES[name]]

    facts = {
        "weights": manifest.name,
        "network": manifest.network,
        "sha256": manifest.sha256,
        "licence": manifest.licence,
        "training_data": [f"{source.name} ({source.licence})" for source in manifest.training_data],
        "inputs": {name: shape(name) for name in real.inputs},
        "output": {real.output: shape("image")},
        "size": "fixed" if size else "any" if multiple == 1 else f"multiples of {multiple}, from {2 * multiple} on",
        "unit": real.unit,
    }
    if "noise_std" in real.inputs:
        facts["noise_std"] = (
            f"standard deviation of the complex noise, the root of E|n|², in the unit of {real.inputs[0]}"
        )
    return facts


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
