"""Image quality with default settings beside the peers' best: ``python -m benchmarks.quality``.

Ours get nothing but the undersampled data. The peers' weights were searched against the reference
(`benchmarks.oracle`), so that a difference of zero means: as good as BART with a weight that no user could know.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.cases import CASES, FOLDED, Case, Scores, fingerprint, score
from benchmarks.oracle import ORACLE
from benchmarks.table import Grid
from fourfold.method import Method
from fourfold.registry import find_method

PEERS = {
    "zero-filled": "zero-filled",
    "cg-sense": "cg-sense",
    "wavelet": "wavelet",
    "tv": "tv, converged",
    "grappa": "pygrappa mdgrappa",
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="methods; default: all")
    parser.add_argument("--markdown", action="store_true", help="print for a document")
    arguments = parser.parse_args()
    headings = ("case", "method", "fourfold", "peer's best", "difference dB")
    title = "PSNR dB / SSIM 7×7 against the root sum of squares, data range = its maximum"
    grid = Grid(title, headings, list(lines(arguments.only)))
    if arguments.markdown:
        print(grid.markdown())
    else:
        grid.show()


def lines(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield one line per case and method."""
    oracle = json.loads(ORACLE.read_text(encoding="utf-8"))
    for case in CASES:
        for name in names:
            yield line(case, name, find_method(name)(), peer(oracle, case, PEERS[name]))
    for case in FOLDED:
        for name in (name for name in ("cg-sense", "tv") if name in names):
            for sets in (1, 2):
                label = f"{name}, {sets} set{'s' * (sets > 1)}"
                yield line(case, label, find_method(name)(sets=sets), peer(oracle, case, label))


def line(case: Case, label: str, method: Method, best: Scores | None) -> list[str]:
    """Return our scores beside the peer's."""
    ours = score(method(case.scan()).magnitude[0].numpy(), case.reference())
    theirs = f"{best.psnr:.2f} / {best.ssim:.3f}" if best else "–"
    difference = f"{ours.psnr - best.psnr:+.2f}" if best else ""
    return [case.name, label, f"{ours.psnr:.2f} / {ours.ssim:.3f}", theirs, difference]


def peer(oracle: Mapping[str, Any], case: Case, name: str) -> Scores | None:
    """Return the peer's scores on exactly this case's mask, None where there are none."""
    entry = oracle.get(case.name, {})
    if name not in entry or entry["mask"] != fingerprint(case.scan().mask.numpy()):
        return None
    return Scores(entry[name]["psnr"], entry[name]["ssim"])


if __name__ == "__main__":
    main()
