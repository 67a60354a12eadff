"""GRAPPA: time to fill k-space, and the image that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cases import score
from benchmarks.espirit import scan_of
from benchmarks.harness import Contender, Task, compare_contenders
from benchmarks.sizes import SIZES, Size
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.operators.fourier import ifft
from fourfold.sampling import regular
from fourfold.scan import Sampling, Scan, centre_slice

LINES = 24

Kspace = NDArray[np.complexfloating]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Race fourfold and pygrappa, with both its implementations, at 4× with 24 calibration lines, or 24×24 samples."""
    problems = [(SIZES[name], "lines") for name in sizes] + [(SIZES["medium"], "2×2")] * ("medium" in sizes)
    for size, pattern in problems:
        contenders = [
            Contender("fourfold", partial(ours, size, pattern)),
            Contender("pygrappa cgrappa", partial(pygrappa, "cgrappa", size, pattern), requires="pygrappa"),
            Contender("pygrappa mdgrappa", partial(pygrappa, "mdgrappa", size, pattern), requires="pygrappa"),
        ]
        name = f"GRAPPA {size}, 4× {pattern}, {LINES} calibration lines"
        yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=partial(quality, size)))


def undersampled(size: Size, pattern: str) -> Scan:
    """Return every fourth line, or every second sample of every second line, and the calibration lines or box."""
    full = scan_of(size)
    if pattern == "lines":
        return full.with_sampling(regular(full.shape, 4, lines=LINES))
    mask = torch.zeros(1, *full.shape, dtype=torch.bool)
    mask[:, ::2, ::2] = True
    mask[:, *box(full.shape)] = True
    return full.with_sampling(Sampling(mask))


def box(shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the calibration box."""
    return centre_slice(shape[0], LINES), centre_slice(shape[1], LINES)


def quality(size: Size, kspace: Kspace) -> dict[str, float]:
    """Return the PSNR against the root sum of squares of the full data, and how much of k-space is empty."""
    reference = root_sum_of_squares(ifft(scan_of(size).kspace[0])).numpy()
    filled = torch.from_numpy(kspace).to(torch.complex64)
    result = score(root_sum_of_squares(ifft(filled)).numpy(), reference)
    empty = (filled.abs().amax(dim=0) == 0).float().mean()
    return {"PSNR dB": result.psnr, "empty %": 100 * float(empty)}


def ours(size: Size, pattern: str) -> Callable[[], Kspace]:
    """Prepare fourfold."""
    from fourfold.methods.classical.grappa import Grappa

    scan = undersampled(size, pattern)
    method = Grappa()
    return lambda: method.fill(scan)[0].numpy()


def pygrappa(function: str, size: Size, pattern: str) -> Callable[[], Kspace]:
    """Prepare a function of pygrappa with its default 5×5 kernel; cgrappa works in double precision only."""
    import pygrappa as package

    scan = undersampled(size, pattern)
    kspace = scan.kspace[0].to(torch.complex128).numpy()
    rows, columns = box(scan.shape)
    calibration = np.ascontiguousarray(kspace[:, rows] if pattern == "lines" else kspace[:, rows, columns])
    fill = getattr(package, function)
    return lambda: fill(kspace, calib=calibration, kernel_size=(5, 5), coil_axis=0)
