"""`fourfold mask`: makes a sampling pattern."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.console import print_facts, print_json
from fourfold.cli.files import check_output
from fourfold.cli.flags import OUTPUT, Flag, SettingsFile
from fourfold.errors import InputError
from fourfold.sampling import SamplingOptions
from fourfold.scan import Axis

__all__ = ["mask"]


def mask(
    *,
    shape: str,
    pattern: str = "random",
    acceleration: float = 4.0,
    seed: int = 0,
    axis: Axis = "ky",
    frames: int = 1,
    pattern_options: Annotated[SamplingOptions | None, Parameter(name="*")] = None,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)],
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    settings: SettingsFile = None,
) -> None:
    """Make a sampling pattern and write it to a file.

    The acceleration that is reached, calibration samples included, is printed with the pattern's provenance.

    For example:

        fourfold mask --shape 256x256 --pattern poisson-disc --acceleration 4 --seed 0 -o mask.npz

        fourfold mask --shape 320x320 --pattern regular --lines 24 --axis kx -o mask.png

    Parameters
    ----------
    shape
        Grid: samples along ky and kx, for example 256x256.
    pattern
        random, equispaced, gaussian, regular, poisson-disc, regular-2d or kt-interleaved.
    acceleration
        Grid points over acquired ones.
    seed
        Seed of what is drawn at random; the same seed gives the same pattern.
    axis
        Axis along which one-dimensional patterns leave lines out.
    frames
        Number of frames, each with its own pattern.
    output
        File to write: .npz (keeps the provenance), .npy, .cfl or .png.
    json
        Print the provenance on stdout as JSON.
    force
        Replace a file that exists.
    """
    # Loads torch, which the help does not need.
    from fourfold.sampling import make_sampling, write_sampling
    from fourfold.sampling.write import WRITERS

    grid = re.fullmatch(r"(\d+)[x×](\d+)", shape)
    if grid is None:
        raise InputError(f"The shape is '{shape}'; it must be two sizes such as 256x256 (ky × kx).")
    check_output(output, tuple(WRITERS), (settings,), force)
    size = int(grid[1]), int(grid[2])
    sampling = make_sampling(
        pattern, size, acceleration, seed=seed, axis=axis, frames=frames, **(pattern_options or {})
    )
    write_sampling(sampling, output, replace=force)
    facts = {"output": str(output), "shape": list(size), **sampling.summary()}
    (print_json if json else print_facts)(facts)
