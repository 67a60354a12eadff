"""Pages from templates: one HTML file that needs nothing else, whose security policy allows its own code alone."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fourfold.report.wording import number

__all__ = ["part", "render"]

# HTML knows no control characters but tabs and ends of lines, and a page may be shown in a terminal.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def part(name: str) -> str:
    """Return the text of a style sheet or script beside the templates."""
    return (files("fourfold.report") / name).read_text(encoding="utf-8")


def render(template: str, **variables: Any) -> str:
    """Return the page of a template; a variable that it lacks is an error. Control characters are replaced."""
    environment = Environment(
        loader=PackageLoader("fourfold.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(fingerprint=_fingerprint, number=number, verbatim=Markup)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", environment.get_template(template).render(**variables))


def _fingerprint(code: str) -> str:
    """Return the hash by which the page's security policy lets this code run, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode("ascii")
