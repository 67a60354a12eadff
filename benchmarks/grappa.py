"""GRAPPA: time to fill k-space, and the image that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cases import score
from benchmarks.espirit import scan_of
from benchmarks.harness import Contender, race
from fourfold.physics.combine import root_sum_of_squares
from fourfold.physics.fourier import ifft
from fourfold.sampling import regular
from fourfold.scan import Sampling, Scan, centre_slice

LINES = 24
PROBLEMS = (((12, 320, 320), "lines"), ((16, 320, 320), "lines"), ((12, 320, 320), "2×2"))

Problem = tuple[int, int, int]
Kspace = NDArray[np.complexfloating]


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Race fourfold and pygrappa, with both its implementations, at 4× with 24 calibration lines."""
    rows = []
    for problem, pattern in PROBLEMS:
        coils, ny, nx = problem
        contenders = [
            Contender("fourfold", partial(ours, problem, pattern)),
            Contender("pygrappa cgrappa", partial(pygrappa, "cgrappa", problem, pattern), requires="pygrappa"),
            Contender("pygrappa mdgrappa", partial(pygrappa, "mdgrappa", problem, pattern), requires="pygrappa"),
        ]
        task = f"GRAPPA {coils}×{ny}×{nx}, 4× {pattern}, {LINES} calibration lines"
        rows += race(task, contenders, quick=quick, repeats=5, figures=partial(quality, problem))
    return rows


def undersampled(problem: Problem, pattern: str) -> Scan:
    """Return every fourth line, or every second sample of every second line, and the calibration lines or box."""
    full = scan_of(problem)
    if pattern == "lines":
        return full.with_sampling(regular(full.shape, 4, lines=LINES))
    mask = torch.zeros(1, *full.shape, dtype=torch.bool)
    mask[:, ::2, ::2] = True
    mask[:, *box(full.shape)] = True
    return full.with_sampling(Sampling(mask))


def box(shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the calibration box."""
    return centre_slice(shape[0], LINES), centre_slice(shape[1], LINES)


def quality(problem: Problem, kspace: Kspace) -> dict[str, float]:
    """Return the PSNR against the root sum of squares of the full data, and how much of k-space is empty."""
    reference = root_sum_of_squares(ifft(scan_of(problem).kspace[0])).numpy()
    filled = torch.from_numpy(kspace).to(torch.complex64)
    found = score(root_sum_of_squares(ifft(filled)).numpy(), reference)
    empty = (filled.abs().amax(dim=0) == 0).float().mean()
    return {"PSNR dB": found.psnr, "empty %": 100 * float(empty)}


def ours(problem: Problem, pattern: str) -> Callable[[], Kspace]:
    """Prepare fourfold."""
    from fourfold.classical.grappa import Grappa

    scan = undersampled(problem, pattern)
    method = Grappa()
    return lambda: method.fill(scan)[0].numpy()


def pygrappa(function: str, problem: Problem, pattern: str) -> Callable[[], Kspace]:
    """Prepare a function of pygrappa with its default 5×5 kernel; cgrappa works in double precision only."""
    import pygrappa as package

    scan = undersampled(problem, pattern)
    kspace = scan.kspace[0].to(torch.complex128).numpy()
    rows, columns = box(scan.shape)
    calibration = np.ascontiguousarray(kspace[:, rows] if pattern == "lines" else kspace[:, rows, columns])
    fill = getattr(package, function)
    return lambda: fill(kspace, calib=calibration, kernel_size=(5, 5), coil_axis=0)
