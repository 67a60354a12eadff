"""`fourfold export`: exports trained networks to other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.console import print_facts, print_json
from fourfold.cli.files import check_output
from fourfold.cli.flags import OUTPUT, Flag

__all__ = ["export"]


def export(
    weights: str,
    output: Path,
    /,
    *,
    size: tuple[int, int] | None = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Write a trained network as an ONNX file.

    Inputs are k-space, mask and coil maps; a VarNet that estimates coil maps takes the calibration lines instead, and
    one of the denoising form, such as brain-varnet, the noise level as well. The output is the image. A denoiser takes
    an image and its noise level. The last axis of complex arrays is real and imaginary part. The arrays are described
    in the output of this command and in the file's metadata.

    For example:

        fourfold export t1-small t1-small.onnx

        fourfold export my-weights/ model.onnx --size 230 180

    Parameters
    ----------
    weights
        A name that `fourfold weights list` shows, a folder, or hf://owner/name[@revision].
    output
        File to write: .onnx.
    size
        Rows and columns of a file with a fixed image size; by default the size is variable, as far as pooling allows.
    json
        Print the description of the file on stdout as JSON.
    force
        Replace an existing file.
    """
    # Loads torch, which the help does not need.
    from fourfold.export.onnx import export_onnx

    check_output(output, (".onnx",), force=force)
    facts = export_onnx(weights, output, size, replace=force)
    if json:
        print_json({"output": str(output), **facts})
    else:
        print_facts({"output": str(output), **facts})
