"""Every method of the registry with its default settings on the real data: image quality and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import CASES, DATA, SMALL_FIELD_OF_VIEW, Case, fingerprint, score
from benchmarks.harness import Contender, Task, compare_contenders
from fourfold.methods.registry import find_method, methods

__all__ = ["tasks"]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield one task per case where the data is at hand, with the medium size.

    Methods for series and slow ones are left out.
    """
    if "medium" not in sizes or not DATA.is_dir():
        return
    names = [name for name, method in methods().items() if method.scope == "frame" and not method.slow]
    for case in (*CASES, *SMALL_FIELD_OF_VIEW)[: 1 if quick else None]:
        contenders = [Contender(name, partial(reconstruct, case, name)) for name in names]
        describe = partial(quality, case)
        yield Task(
            case.name, partial(compare_contenders, case.name, contenders, quick=quick, repeats=0, figures=describe)
        )


def reconstruct(case: Case, name: str) -> Callable[[], NDArray[np.float32]]:
    """Prepare a method."""
    scan, method = case.scan(), find_method(name)()
    return lambda: method(scan).magnitude[0].numpy()


def quality(case: Case, image: NDArray[np.float32]) -> dict[str, Any]:
    """Return the scores against the root sum of squares of the full data."""
    # The mask's fingerprint stands in a list, which keeps it out of tables.
    return asdict(score(image, case.reference())) | {"mask": [fingerprint(case.scan().mask.numpy())]}
