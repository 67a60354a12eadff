"""A short check of a method against simpler ones, before its images are believed."""

from __future__ import annotations

import torch

from fourfold.confidence.contradictions import contradictions
from fourfold.confidence.frames import Reporter
from fourfold.confidence.score import score, simpler_scores, warnings
from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.scan import Scan, check_scan

__all__ = ["check_method"]


@torch.no_grad()
def check_method(method: Method, scan: Scan, *, seed: int = 0, progress: Progress | None = None) -> tuple[str, ...]:
    """Return sentences on why a method's image of a scan should not be trusted; none where nothing speaks against it.

    A fifth of the lines outside the centre, or a tenth of the samples, is held back from the method and from the
    simpler ones that it is compared with: zero-filling, and total variation for methods that are not classical. It
    takes one reconstruction of each, and says less than `fourfold.confidence.trust`.

    Parameters
    ----------
    method, scan, seed, progress
        As there.
    """
    check_scan(scan)
    reporter, found = Reporter(progress), contradictions(scan)
    try:
        own = score(method, scan, seed=seed, folds=1, progress=reporter.part(0, 0.5, f"checking {method.name}"))
        report = reporter.part(0.5, 0.5, "checking a simpler method")
        others = simpler_scores(method, scan, own, seed=seed, folds=1, progress=report)
    except InputError:
        # Nothing can be held back, or the method refuses fewer samples.
        return found
    return (*found, *warnings(own, others))
