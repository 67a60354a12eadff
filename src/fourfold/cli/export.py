"""`fourfold export`: trained networks for other runtimes."""

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
    """Write a trained network, whole, as an ONNX file.

    Its inputs are k-space, mask and coil maps (a VarNet that makes its own maps takes the calibration lines instead),
    its output is the image; a last axis of two holds real and imaginary part. What is printed describes the arrays, and
    the file's metadata do too.

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
        Rows and columns, for a file of this size alone; unless given it takes every size that the network's pooling
        divides.
    json
        Print what was written on stdout as JSON.
    force
        Replace a file that exists.
    """
    # Loads torch, which the help does not need.
    from fourfold.export.onnx import export_onnx

    check_output(output, (".onnx",), force=force)
    facts = export_onnx(weights, output, size, replace=force)
    if json:
        print_json({"output": str(output), **facts})
    else:
        print_facts({"output": str(output), **facts})
