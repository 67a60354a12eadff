"""Image quality with default settings beside the peers' best: ``python -m benchmarks.quality``.

Ours get nothing but the undersampled data. The peers' weights were searched against the reference
(`benchmarks.oracle`), so that a difference of zero means: as good as BART with a weight that no user could know.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES, FOLDED, Case, Scores, fingerprint, score
from benchmarks.oracle import ORACLE
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
    arguments = parser.parse_args()
    oracle = json.loads(ORACLE.read_text())
    table = Table(title="PSNR dB / SSIM 7×7 against the root sum of squares, data range = its maximum")
    for heading in ("case", "method", "fourfold", "peer's best", "difference dB"):
        table.add_column(heading)
    for case in CASES:
        for name in arguments.only:
            row(table, case, name, find_method(name)(), peer(oracle, case, PEERS[name]))
    for case in FOLDED:
        for name in (name for name in ("cg-sense", "tv") if name in arguments.only):
            for sets in (1, 2):
                label = f"{name}, {sets} set{'s' * (sets > 1)}"
                row(table, case, label, find_method(name)(sets=sets), peer(oracle, case, label))
    Console(width=130).print(table)


def row(table: Table, case: Case, label: str, method: Method, best: Scores | None) -> None:
    """Add our scores and the peer's."""
    ours = score(method(case.scan()).magnitude[0].numpy(), case.reference())
    theirs = f"{best.psnr:.2f} / {best.ssim:.3f}" if best else "–"
    difference = f"{ours.psnr - best.psnr:+.2f}" if best else ""
    table.add_row(case.name, label, f"{ours.psnr:.2f} / {ours.ssim:.3f}", theirs, difference)


def peer(oracle: Mapping[str, Any], case: Case, name: str) -> Scores | None:
    """Return the peer's scores on exactly this case's mask, None where there are none."""
    entry = oracle.get(case.name, {})
    if name not in entry or entry["mask"] != fingerprint(case.scan().mask.numpy()):
        return None
    return Scores(entry[name]["psnr"], entry[name]["ssim"])


if __name__ == "__main__":
    main()
