"""The sections of a page of docs/ and the tables of settings in them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

DOCS = Path(__file__).parents[2] / "docs"
HEADER = "| setting | default | meaning |"
TABLE = re.compile(rf"^{re.escape(HEADER)}.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


@dataclass
class Section:
    """A heading with the lines below it, up to the next heading."""

    title: str
    level: int
    parent: "Section | None"
    lines: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The name by which the heading is linked to."""
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")

    @property
    def text(self) -> str:
        """The section's text, and that of the sections around it."""
        return "\n".join(self.lines) + (self.parent.text if self.parent else "")

    def settings(self) -> dict[str, str]:
        """Return the defaults of the settings in this section's tables, by name."""
        tables = TABLE.findall("\n".join(self.lines) + "\n")
        return dict(row for table in tables for row in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.MULTILINE))


def sections(page: str) -> list[Section]:
    """Return the sections of a page of docs/, in order; listings count as text."""
    result: list[Section] = []
    listing = False
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        listing ^= line.startswith("```")
        heading = None if listing else re.match(r"(#+) (.+)$", line)
        if heading is None:
            result[-1].lines.append(line)
            continue
        level = len(heading[1])
        parent = next((each for each in reversed(result) if 1 < each.level < level), None)
        result.append(Section(heading[2], level, parent))
    return result


def wrong_defaults(stated: dict[str, str], defaults: dict[str, object]) -> dict[str, str]:
    """Return the stated defaults that are not the true ones; parts with settings of their own may state none."""
    return {
        name: stated[name]
        for name, value in defaults.items()
        if not isinstance(value, BaseModel) and stated[name].strip("`") != shown(value)
    }


def shown(value: object) -> str:
    """Return the text that stands for a default in a table."""
    if value is None or value == () or isinstance(value, bool):
        return {True: "yes", False: "no"}.get(value, "none") if isinstance(value, bool) else "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)
