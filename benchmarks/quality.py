"""Image quality with default settings beside BART's best: ``python -m benchmarks.quality``.

Ours (`benchmarks.methods`) get nothing but the undersampled data. BART's weights were searched against the reference
(`benchmarks.oracle`), so that a gain of zero means: as good as BART with a weight that no user could know.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from benchmarks.oracle import ORACLE
from benchmarks.table import Grid, kept

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
    """Return, for each score, every method on every case beside BART's best, and the average gain on the main cases.

    Raises
    ------
    SystemExit
        Before `benchmarks.methods` has been run.
    """
    found = kept("methods")
    if found is None:
        raise SystemExit("There are no results yet; run: python -m benchmarks --only methods")
    oracle = json.loads(ORACLE.read_text(encoding="utf-8"))
    return [table(score, found["rows"], oracle) for score in SCORES]


def table(score: str, rows: list[dict[str, Any]], oracle: Mapping[str, Entry]) -> Grid:
    """Return the table of one score: a line per case, its best in bold, then the mean gain over BART's best."""
    names = list(dict.fromkeys(row["contender"] for row in rows))
    lines, gains = [], []
    for case in dict.fromkeys(row["task"] for row in rows):
        ours = {row["contender"]: row["figures"] for row in rows if row["task"] == case and row["status"] == "ok"}
        theirs = dict(barts(oracle.get(case, {}), score, ours))
        best = max(values[score] for values in ours.values())
        peer = max(theirs, key=lambda name: theirs[name], default=None)
        gain = "" if peer is None else f"{best - theirs[peer]:+.{digits(score)}f}"
        cells = [emphasised(ours.get(name, {}).get(score), best, score) for name in names]
        lines.append([case, f"{theirs[peer]:.{digits(score)}f} ({peer})" if peer else "–", *cells, gain])
        # Cases whose object folds over have other entries, and are left out of the mean.
        if peer is not None and "sets" not in peer:
            gains.append(
                {name: value[score] - theirs[peer] for name, value in ours.items()} | {"best": best - theirs[peer]}
            )
    for_all = [name for name in [*names, "best"] if gains and all(name in gain for gain in gains)]
    means = {name: f"{mean(gain[name] for gain in gains):+.{digits(score)}f}" for name in for_all}
    lines.append(["mean gain", "", *(means.get(name, "–") for name in [*names, "best"])])
    return Grid(f"{SCORES[score]}, default settings", ["case", "BART's best", *names, "gain of our best"], lines)


def barts(entry: Entry, score: str, ours: Mapping[str, Entry]) -> Iterator[tuple[str, float]]:
    """Yield the score of each of BART's methods on exactly the mask of ours."""
    masks = {values["mask"][0] for values in ours.values()}
    for name, values in entry.items():
        if {entry["mask"]} == masks and isinstance(values, dict) and "weight" in values and score in values:
            yield name, values[score]


def emphasised(value: float | None, best: float, score: str) -> str:
    """Return a score as text, the best one in bold."""
    if value is None:
        return "–"
    text = f"{value:.{digits(score)}f}"
    return f"**{text}**" if value == best else text


def digits(score: str) -> int:
    """Return the decimals that a score is printed with."""
    return 3 if score == "ssim" else 2


if __name__ == "__main__":
    main()
