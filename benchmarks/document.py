"""Writes the stored results into docs/benchmarks.md: ``python -m benchmarks.document``.

In the document a table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks import limit, quality, weights
from benchmarks.table import describe_machine, grids, stored_results

__all__ = ["DOCUMENT", "fill"]

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def fill(text: str, tables: Mapping[str, str]) -> str:
    """Return the document `text` with the named tables between their marks; other tables are unchanged."""

    def put(mark: re.Match[str]) -> str:
        table = tables.get(mark["name"])
        return mark[0] if table is None else f"<!-- table: {mark['name']} -->\n{table.rstrip()}\n<!-- end -->"

    return re.sub(r"<!-- table: (?P<name>[\w-]+) -->\n.*?<!-- end -->", put, text, flags=re.DOTALL)


def main() -> None:
    """Write all stored results into the document."""
    argparse.ArgumentParser(prog="python -m benchmarks.document", description=__doc__).parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    tables = {}
    overviews = {"weights": weights.overview, "limit": limit.overview}
    for name in re.findall(r"<!-- table: ([\w-]+) -->", text):
        stored = stored_results(name)
        if name == "quality" and stored_results("methods"):
            tables[name] = "\n".join(grid.markdown() for grid in quality.tables())
        elif name in overviews and (overview := overviews[name]()):
            tables[name] = overview.markdown()
        elif stored:
            shown = "\n".join(grid.markdown() for grid in grids(stored["rows"]))
            tables[name] = f"{describe_machine(stored['machine'])}\n{shown}"
    DOCUMENT.write_text(fill(text, tables), encoding="utf-8")
    print(f"{DOCUMENT}: {', '.join(tables) or 'no results'}")


if __name__ == "__main__":
    main()
