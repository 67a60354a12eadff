"""Coverage of shipped intervals on raw scans: measured, for scans that they were not learned from.

``python -m benchmarks.intervals FOLDER`` prints a row for each case and keeps the reconstructions in the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.cases import CASES, Case
from fourfold.methods.generative.diffusion import Diffusion
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.scan import Reconstruction


def reconstruction(case: Case, cache: ResultCache) -> Reconstruction:
    """Return the members' mean of a case with the defaults of `diffusion`, kept in the cache."""
    method, scan = Diffusion(), case.scan()
    key = CacheKey(case.name, method.name, {"settings": method.model_dump(mode="json"), "data": fingerprint(scan)})
    if not cache.holds(key):
        cache.keep(key, {}, method(scan))
    return cache.reconstruction(key)


def main(folder: Path) -> None:
    """Measure all cases."""
    cache = ResultCache(folder)
    for case in CASES:
        print(case.name, reconstruction(case, cache).record.seconds, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
