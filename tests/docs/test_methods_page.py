"""docs/methods.md: every method has its section in one layout, and the documented settings are those of the code."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fourfold.errors import InputError
from fourfold.methods.registry import methods

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
HEADER = "| setting | default | meaning |"
LAYOUT = ("**When to use", "**Equation", "**Settings", "**Limits", "**Measured")


@dataclass
class Section:
    """A heading with the text below it, up to the next heading."""

    title: str
    level: int
    parent: "Section | None"
    lines: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")

    @property
    def methods(self) -> list[str]:
        return [name for name in re.findall(r"`([\w-]+)`", self.title) if name in methods()]

    @property
    def text(self) -> str:
        """The section's own text, and that of the sections around it."""
        return "\n".join(self.lines) + (self.parent.text if self.parent else "")

    def settings(self) -> dict[str, str]:
        """Return the defaults by setting: those of the tables in this section, else those of linked sections."""
        own = {}
        for table in re.findall(rf"^{re.escape(HEADER)}\n\|[-|]+\n((?:\|.*\n)+)", "\n".join(self.lines) + "\n", re.M):
            own |= dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.M))
        shared = {}
        for paragraph in re.findall(r"\balso those of .*?(?:\n\n|\Z)", "\n".join(self.lines), re.S | re.I):
            for anchor in re.findall(r"\]\(#([\w-]+)\)", paragraph):
                shared |= BY_ANCHOR[anchor].settings()
        return shared | own


def sections() -> list[Section]:
    """Return the page's sections in order; listings count as text."""
    found: list[Section] = []
    listing = False
    for line in PAGE.splitlines():
        listing ^= line.startswith("```")
        heading = None if listing else re.match(r"(#+) (.+)$", line)
        if heading is None:
            found[-1].lines.append(line)
            continue
        level = len(heading[1])
        parent = next((each for each in reversed(found) if each.level < level and each.level > 1), None)
        found.append(Section(heading[2], level, parent))
    return found


SECTIONS = sections()
BY_ANCHOR = {section.anchor: section for section in SECTIONS}
BY_METHOD = {name: section for section in SECTIONS for name in section.methods}


def shown(value: object) -> set[str]:
    """Return the texts that may stand for a default in a table."""
    if value is None or isinstance(value, bool):
        return {{None: "none", True: "yes", False: "no"}[value]}
    if isinstance(value, tuple):
        return {", ".join(map(str, value))}
    return {f"{value:g}"} if isinstance(value, int | float) else {str(value)}


@pytest.mark.parametrize("name", methods())
def test_every_method_has_a_section_in_the_layout(name):
    section = BY_METHOD[name]
    text = section.text.replace(HEADER, "**Settings.**")
    assert [part for part in LAYOUT if part not in text] == []
    assert section.lines[1] != "", "the summary comes first"
    assert not section.lines[1].startswith("**"), "the summary comes first"


@pytest.mark.parametrize(("name", "kind"), methods().items())
def test_the_documented_settings_are_those_of_the_method(name, kind):
    assert set(BY_METHOD[name].settings()) == set(kind.model_fields)


@pytest.mark.parametrize(("name", "kind"), methods().items())
def test_the_documented_defaults_are_those_of_the_method(name, kind):
    stated = BY_METHOD[name].settings()
    defaults = {setting: getattr(kind(), setting) for setting in kind.model_fields}
    assert {key: stated[key].strip("`") for key in defaults if stated[key].strip("`") not in shown(defaults[key])} == {}


def test_values_in_the_text_are_accepted():
    known = methods()
    checked = 0
    for section in SECTIONS:
        for name, value in re.findall(r"`([a-z_]+)(?:: |=\"?)([\w.-]+)\"?`", "\n".join(section.lines)):
            owners = [kind for kind in known.values() if name in kind.model_fields]
            assert owners, f"`{name}: {value}`"
            named = [kind for kind in owners if kind.name in section.methods] or owners
            assert any(accepts(kind, name, value) for kind in named), f"no method takes `{name}: {value}`"
            checked += 1
    assert checked >= 8


def accepts(kind, name, value) -> bool:
    """Tell whether a method takes a setting's value, as a settings file gives it."""
    try:
        kind(**{name: None if value == "null" else value})
    except InputError:
        return False
    return True


def test_documented_solvers_are_accepted():
    solvers = re.findall(r"^\| `([\w-]+)` \|", BY_ANCHOR["solvers"].text.partition("| `solver` | algorithm")[2], re.M)
    assert len(solvers) == 4
    for solver in solvers:
        assert methods()["tv"](solver=solver).solver == solver
