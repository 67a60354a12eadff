"""Variable-density Poisson-disc masks: time, and how near the target acceleration they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.harness import Contender, Task, compare_contenders

ACCELERATION = 4.0
BOX = 24

Mask = NDArray[np.bool_]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Race fourfold, SigPy and BART on a square grid at 4×, which belongs to the medium size."""
    if "medium" not in sizes:
        return
    size = 256
    contenders = [
        Contender("fourfold", partial(ours, size)),
        Contender("SigPy", partial(sigpy, size), requires="sigpy"),
        Contender("BART", partial(bart_poisson, size), requires="bart"),
    ]
    name = f"Poisson-disc {size}×{size}, {ACCELERATION:g}×, box {BOX}×{BOX}"
    yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=describe))


def describe(mask: Mask) -> dict[str, float]:
    """Return the realised acceleration and by how many per cent it misses what was asked."""
    realised = mask.size / int(mask.sum())
    return {"acceleration": realised, "miss %": 100 * abs(realised / ACCELERATION - 1)}


def ours(size: int) -> Callable[[], Mask]:
    """Prepare fourfold with its corners cut, as SigPy does; every run draws another mask, here and there."""
    from fourfold.sampling import poisson_disc

    seeds = count()
    return lambda: (
        poisson_disc((size, size), ACCELERATION, box=(BOX, BOX), elliptical=True, seed=next(seeds)).mask[0].numpy()
    )


def sigpy(size: int) -> Callable[[], Mask]:
    """Prepare SigPy; it is compiled in the warm-up. Its time depends on the seed, by the steps of its bisection."""
    from sigpy.mri import poisson

    seeds = count()
    return lambda: np.abs(poisson((size, size), ACCELERATION, calib=(BOX, BOX), seed=next(seeds))) > 0


def bart_poisson(size: int) -> Callable[[], Mask]:
    """Prepare BART with variable density and cut corners, at the lowest acceleration that it then reaches."""
    seeds = count()
    command = f"poisson -Y{size} -Z{size} -y1 -z1 -C{BOX} -v -e"
    return lambda: np.abs(bart.run(f"{command} -s{next(seeds)}")[0].squeeze()) > 0
