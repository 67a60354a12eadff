"""Writes what follows from the registry of methods: ``python tools/names.py`` or ``make names``.

- The imports in ``fourfold/__init__.py`` by which editors and type checkers know the public names.
- README's table of methods: rows in the registry's order; a new method's row has its scores on the shipped sample and
  the first sentence of its docstring. Rows that are there already stay as they are.
- The row of docs/methods.md that lists methods without a section there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import fourfold
from fourfold.methods.method import Method
from fourfold.methods.registry import methods, quick_methods

__all__ = ["compared_methods", "imports", "rows", "with_imports", "with_rows", "with_undescribed"]

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fourfold" / "__init__.py"
README = ROOT / "README.md"
METHODS_PAGE = ROOT / "docs" / "methods.md"
IMPORTS = re.compile(r"(?<=    # begin names\n).*?(?=    # end names\n)", re.DOTALL)
UNDESCRIBED = re.compile(r"^\| Not yet described here \|.*\n", re.MULTILINE)
ROW = re.compile(r"^\| .+? \| `([a-z0-9-]+)` \| [\d.]+ \| [\d.]+ \|.*\n", re.MULTILINE)


def imports() -> str:
    """Return the lines that import every public name, sorted by module."""
    pairs = sorted((module, name) for name, module in fourfold._MODULES.items())
    return "".join(f"    from fourfold.{module} import {name} as {name}\n" for module, name in pairs)


def with_imports(source: str) -> str:
    """Return the source of ``fourfold/__init__.py`` with the imports of today."""
    return IMPORTS.sub(lambda _: imports(), source)


def compared_methods() -> Mapping[str, type[Method]]:
    """Return the methods that the table lists: those of a comparison on the shipped sample."""
    return quick_methods(fourfold.undersample(fourfold.sample(), "random", 4))


def rows(page: str) -> list[str]:
    """Return the names in the page's table of methods, in its order."""
    return ROW.findall(page)


def with_rows(page: str) -> str:
    """Return the page with a row for each method that a comparison takes."""
    known = {found[1]: found[0] for found in ROW.finditer(page)}
    table = "".join(known.get(name) or new_row(kind) for name, kind in compared_methods().items())
    first, *_, last = ROW.finditer(page)
    return page[: first.start()] + table + page[last.end() :]


def new_row(kind: type[Method]) -> str:
    """Return the table's row of a method."""
    (entry,) = fourfold.compare(fourfold.sample(), methods=[kind()], metrics=["psnr", "fastmri-ssim"]).entries
    summary = (inspect.getdoc(kind) or "").partition("\n")[0].rstrip(".")
    psnr, ssim = entry.scores["psnr"], entry.scores["fastmri-ssim"]
    return f"| {kind.title} | `{kind.name}` | {psnr:.2f} | {ssim:.3f} | {summary[:1].lower()}{summary[1:]} |\n"


def with_undescribed(page: str) -> str:
    """Return the page of methods whose first table ends with the methods that have no section, if there are any."""
    page = UNDESCRIBED.sub("", page)
    headings = " ".join(re.findall(r"^#+ .*$", page, re.MULTILINE))
    missing = [name for name in methods() if f"`{name}`" not in headings]
    if not missing:
        return page
    *_, last = re.finditer(r"^\|.*\|\n(?=\n)", page[: page.index("\n## ")], re.MULTILINE)
    row = f"| Not yet described here | {', '.join(f'`{name}`' for name in missing)} |\n"
    return page[: last.end()] + row + page[last.end() :]


def main() -> None:
    """Write the files that change."""
    for path, change in ((PACKAGE, with_imports), (README, with_rows), (METHODS_PAGE, with_undescribed)):
        text = path.read_text(encoding="utf-8")
        changed = change(text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} is changed")


if __name__ == "__main__":
    main()
