"""``python -m benchmarks``: run the benchmarks, print the ratios, keep the results as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

from benchmarks.harness import machine
from benchmarks.table import RESULTS, describe_machine, grids

NAMES = ("espirit", "poisson_disc", "grappa", "iterative")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="one timed run each: shows that all works, no figures")
    arguments = parser.parse_args()
    described = machine()
    print(describe_machine(described))
    for name in arguments.only:
        rows = importlib.import_module(f"benchmarks.{name}").run(quick=arguments.quick)
        for grid in grids(rows):
            grid.show()
        if not arguments.quick:
            save(name, described, rows)


def save(name: str, described: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Write the rows with the machine they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": described, "rows": rows}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
