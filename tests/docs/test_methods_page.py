"""docs/methods.md: sections of methods have one layout, and the documented settings are those of the code.

That the page names every method is tested in test_names.py.
"""

import re

import pytest
from tests.helpers.settings_tables import HEADER, Section, sections, wrong_defaults

from fourfold.errors import InputError
from fourfold.methods.registry import methods

LAYOUT = ("**When to use", "**Equation", "**Settings", "**Limits", "**Measured")

SECTIONS = sections("methods.md")
BY_ANCHOR = {section.anchor: section for section in SECTIONS}


def methods_of(section: Section) -> list[str]:
    """Return the names of methods in a section's heading."""
    return [name for name in re.findall(r"`([\w-]+)`", section.title) if name in methods()]


BY_METHOD = {name: section for section in SECTIONS for name in methods_of(section)}


def stated_settings(section: Section) -> dict[str, str]:
    """Return a section's settings with those of the sections that "also those of" links to; its own come first."""
    shared = {}
    for paragraph in re.findall(r"\bAlso those of .*?(?:\n\n|\Z)", "\n".join(section.lines), re.DOTALL):
        for anchor in re.findall(r"\]\(#([\w-]+)\)", paragraph):
            shared |= stated_settings(BY_ANCHOR[anchor])
    return shared | section.settings()


@pytest.mark.parametrize("name", BY_METHOD)
def test_the_section_of_a_method_has_the_layout(name):
    section = BY_METHOD[name]
    text = section.text.replace(HEADER, "**Settings.**")
    assert [part for part in LAYOUT if part not in text] == []
    assert section.lines[1] != "", "the summary comes first"
    assert not section.lines[1].startswith("**"), "the summary comes first"


@pytest.mark.parametrize("name", BY_METHOD)
def test_the_documented_settings_are_those_of_the_method(name):
    kind = methods()[name]
    stated = stated_settings(BY_METHOD[name])
    assert set(stated) == set(kind.model_fields)
    assert wrong_defaults(stated, {setting: getattr(kind(), setting) for setting in kind.model_fields}) == {}


def accepts(kind, name, value) -> bool:
    """Tell whether a method takes a setting's value, as a settings file gives it."""
    try:
        kind(**{name: None if value == "null" else value})
    except InputError:
        return False
    return True


def test_values_in_the_text_are_accepted():
    known = methods()
    checked = 0
    for section in SECTIONS:
        for name, value in re.findall(r"`([a-z_]+)(?:: |=\"?)([\w.-]+)\"?`", "\n".join(section.lines)):
            owners = [kind for kind in known.values() if name in kind.model_fields]
            assert owners, f"`{name}: {value}`"
            named = [kind for kind in owners if kind.name in methods_of(section)] or owners
            assert any(accepts(kind, name, value) for kind in named), f"no method takes `{name}: {value}`"
            checked += 1
    assert checked >= 8


def test_documented_solvers_are_accepted():
    solvers = re.findall(r"^\| `([\w-]+)` \|", BY_ANCHOR["solvers"].text.partition("| `solver` | algorithm")[2], re.M)
    assert len(solvers) == 4
    for solver in solvers:
        assert methods()["tv"](solver=solver).solver == solver
