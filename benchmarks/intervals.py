"""Coverage of shipped intervals on raw scans, which they were not learned from: measured, and nothing promised.

``python -m benchmarks.intervals FOLDER`` prints a row for each case and keeps the reconstructions in the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.cases import CASES, Case
from fourfold.intervals.apply import check_settings
from fourfold.intervals.calibration import find_calibration
from fourfold.intervals.evaluation import Learned, evaluate
from fourfold.intervals.observations import Observation, observe
from fourfold.methods.generative.diffusion import Diffusion
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.scan import Reconstruction
from fourfold.studies.reference import Reference, reference_image
from fourfold.studies.std_check import NORMAL_90

NAME = "heads-diffusion"


def reconstruction(case: Case, cache: ResultCache) -> Reconstruction:
    """Return the members' mean of a case with the defaults of `diffusion`, kept in the cache."""
    method, scan = Diffusion(), case.scan()
    key = CacheKey(case.name, method.name, {"settings": method.model_dump(mode="json"), "data": fingerprint(scan)})
    if not cache.holds(key):
        cache.keep(key, {}, method(scan))
    return cache.reconstruction(key)


def main(folder: Path) -> None:
    """Measure all cases against both references."""
    cache, calibration = ResultCache(folder), find_calibration(NAME)
    check_settings(calibration, "diffusion", Diffusion().model_dump(mode="json"))
    learned = Learned(calibration.factor, {name: bound.shift for name, bound in calibration.bounds.items()})
    plain = Learned(NORMAL_90, {})
    kinds: tuple[Reference, ...] = ("rss", "matched")
    for kind in kinds:
        groups = {case.name: [observation(case, cache, kind)] for case in CASES}
        found, uncalibrated = (evaluate(groups, dict.fromkeys(groups, each)) for each in (learned, plain))
        print(f"reference {kind}: coverage with the intervals, with 1.645 std; score, bound")
        for name, (each,) in groups.items():
            scores = ", ".join(
                f"{metric} {each.quality[metric]:.3f}, at least {each.predicted[metric] - shift:.3f}"
                for metric, shift in learned.shifts.items()
            )
            print(f"{name:24} {found.by_subject[name]:.3f}  {uncalibrated.by_subject[name]:.3f}  {scores}")
        quarters = ", ".join(f"{each:.3f}" for each in found.by_width)
        print(f"mean {found.coverage:.3f}, by width {quarters}, width {found.width:.4f}, Spearman {found.spearman:.3f}")
        print(f"bounds held: {found.bounds_held}\n")


def observation(case: Case, cache: ResultCache, kind: Reference) -> Observation:
    """Return a case's image beside its reference."""
    full = case.full()
    return observe(case.name, case.name, reconstruction(case, cache), reference_image(full, kind), full.coils)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
