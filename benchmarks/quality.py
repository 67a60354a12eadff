"""Image quality with default settings beside BART's best: ``python -m benchmarks.quality``.

Our methods (`benchmarks.methods`) see the undersampled data only. BART's weights were searched against the reference
(`benchmarks.oracle`). A gain of zero therefore means: as good as BART with a weight that is unavailable in practice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from benchmarks.table import BART_ORACLE, Grid, stored_results

__all__ = ["tables"]

SCORES = {"psnr": "PSNR dB", "object_psnr": "PSNR dB in the object", "ssim": "SSIM 7×7"}

Entry = Mapping[str, Any]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print for a document")
    arguments = parser.parse_args()
    for grid in tables():
        if arguments.markdown:
            print(grid.markdown())
        else:
            grid.show()


def tables() -> list[Grid]:
    """Return, for each score, every method beside BART's best on every case, with the mean gain on the main ones.

    Raises
    ------
    SystemExit
        Before `benchmarks.methods` has been run.
    """
    stored = stored_results("methods")
    if stored is None:
        raise SystemExit("There are no results yet; run: python -m benchmarks --only methods")
    oracle = json.loads(BART_ORACLE.read_text(encoding="utf-8"))
    return [*(table(score, stored["rows"], oracle) for score in SCORES), times(stored["rows"])]


def times(rows: list[dict[str, Any]]) -> Grid:
    """Return the seconds of every method on every case, coil maps included, each run once."""
    seconds = {(row["contender"], row["task"]): f"{row['seconds']:.3g}" for row in rows if row["status"] == "ok"}
    cases, names = (list(dict.fromkeys(row[key] for row in rows)) for key in ("task", "contender"))
    lines = [[name, *(seconds.get((name, case), "–") for case in cases)] for name in names]
    return Grid("Seconds, default settings, coil maps included, each run once", ["method", *cases], lines)


def table(score: str, rows: list[dict[str, Any]], oracle: Mapping[str, Entry]) -> Grid:
    """Return the table of one score: a line per method with its mean gain over BART's best, a column per case."""
    cases = list(dict.fromkeys(row["task"] for row in rows))
    ours: dict[str, dict[str, Entry]] = {case: {} for case in cases}
    for row in rows:
        if row["status"] == "ok":
            ours[row["task"]][row["contender"]] = row["figures"]
    values = {case: {name: scores[score] for name, scores in ours[case].items()} for case in cases}
    values = {case: scores | {"our best": max(scores.values())} for case, scores in values.items()}
    peers = {case: dict(bart_scores(oracle.get(case, {}), score, ours[case])) for case in cases}
    best = {case: max(scores, key=lambda name: scores[name]) for case, scores in peers.items() if scores}
    # Cases with fold-over have other entries, one for each number of map sets, and are not in the mean.
    main_cases = [case for case in best if "set" not in best[case]]

    def line(name: str) -> list[str]:
        scores = [values[case].get(name) for case in cases]
        gains = [values[case][name] - peers[case][best[case]] for case in main_cases if name in values[case]]
        mean_gain = f"{mean(gains):+.{digits(score)}f}" if gains and len(gains) == len(main_cases) else "–"
        return [name, *("–" if value is None else f"{value:.{digits(score)}f}" for value in scores), mean_gain]

    theirs = [f"{peers[case][best[case]]:.{digits(score)}f} {best[case]}" if case in best else "–" for case in cases]
    names = dict.fromkeys(row["contender"] for row in rows)
    lines = [["BART's best", *theirs, ""], *(line(name) for name in [*names, "our best"])]
    return Grid(f"{SCORES[score]}, default settings", ["method", *cases, "mean gain"], lines)


def bart_scores(entry: Entry, score: str, ours: Mapping[str, Entry]) -> Iterator[tuple[str, float]]:
    """Yield the score of each of BART's methods on exactly the mask of ours."""
    masks = {values["mask"][0] for values in ours.values()}
    for name, values in entry.items():
        if {entry["mask"]} == masks and isinstance(values, dict) and "weight" in values and score in values:
            yield name, values[score]


def digits(score: str) -> int:
    """Return the decimals that a score is printed with."""
    return 3 if score == "ssim" else 2


if __name__ == "__main__":
    main()
