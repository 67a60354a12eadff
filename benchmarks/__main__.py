"""``python -m benchmarks``: run the benchmarks, print the ratios, keep the results as JSON after every task."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Rows, machine
from benchmarks.sizes import SIZES
from benchmarks.table import RESULTS, describe_machine, grids

TIMES = ("espirit", "poisson_disc", "grappa", "iterative", "volume", "scaling", "noncartesian")
NAMES = (*TIMES, "frames", "one_frame", "generative", "methods", "series", "loading", "networks")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=TIMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="of the problems; default: all")
    parser.add_argument("--quick", action="store_true", help="one short run each, not kept: shows that all works")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run of this machine measured")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the JSON is kept")
    chosen = parser.parse_args(arguments)
    described = machine()
    print(describe_machine(described))
    for name in chosen.only:
        run(name, described, chosen)


def run(name: str, described: dict[str, Any], chosen: argparse.Namespace) -> None:
    """Run the tasks of one benchmark; print and keep each one's rows as soon as they are there."""
    path = chosen.results / f"{name}.json"
    earlier = read(path, described) if chosen.resume else []
    kept: Rows = []
    for task in importlib.import_module(f"benchmarks.{name}").tasks(chosen.sizes, chosen.quick):
        known = [row for row in earlier if row["task"] == task.name]
        rows = known or task.run()
        for grid in [] if known else grids(rows):
            grid.show()
        kept += rows
        if not chosen.quick:
            # Tasks that are still to come keep their earlier rows, should this run be interrupted too.
            done = {row["task"] for row in kept}
            save(path, described, kept + [row for row in earlier if row["task"] not in done])


def read(path: Path, described: dict[str, Any]) -> Rows:
    """Return the rows of an earlier run on the same machine with the same versions."""
    if not path.exists():
        return []
    earlier = json.loads(path.read_text(encoding="utf-8"))
    return earlier["rows"] if earlier["machine"] == described else []


def save(path: Path, described: dict[str, Any], rows: Rows) -> None:
    """Write the rows with the machine they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": described, "rows": rows}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
