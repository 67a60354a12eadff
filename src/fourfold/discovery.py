"""Finds classes by looking through the modules of a package, so that a new one is one new file and needs no list."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

__all__ = ["classes_in", "named_classes", "named_classes_in_source", "studies_with_settings"]

_CLASS = re.compile(r"^class (\w+)\b.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_STUDY = re.compile(
    r'^class (\w+)\(\w+\):\n    """((?:(?!""").)*)"""\n(?:(?!^\S).)*?^    settings_type = ', re.MULTILINE | re.DOTALL
)
_NAME = re.compile(r"^    name: ClassVar\[str\] = ", re.MULTILINE)


def classes_in(package: str) -> Iterator[type]:
    """Yield the classes that the modules of a package define, in the order of modules and lines.

    Parameters
    ----------
    package
        Dotted name, for example ``"fourfold.denoisers"``. Packages inside it are left out.
    """
    for entry in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if entry.ispkg:
            continue
        module = importlib.import_module(f"{package}.{entry.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield value


def named_classes(package: str) -> dict[str, type]:
    """Return the classes of a package that declare a `name`, by this name."""
    return {vars(value)["name"]: value for value in classes_in(package) if isinstance(vars(value).get("name"), str)}


def named_classes_in_source(folder: Path) -> dict[str, str]:
    """Return the modules in a folder, without its path, by the classes in them that declare a `name`.

    Reads the source instead of importing it, which would take seconds.
    """
    return {
        found[1]: path.stem
        for path in sorted(folder.glob("*.py"))
        for found in _CLASS.finditer(path.read_text(encoding="utf-8"))
        if _NAME.search(found[0])
    }


def studies_with_settings(folder: Path = Path(__file__).parent / "studies") -> dict[str, tuple[str, str]]:
    """Return the class and its docstring of each study that a settings file describes, by the name of its module.

    Such a class names its `settings_type`.

    Reads the source instead of importing it, which would take seconds.
    """
    return {
        path.stem: (found[1], cleandoc(found[2]))
        for path in sorted(folder.glob("*.py"))
        if (found := _STUDY.search(path.read_text(encoding="utf-8"))) is not None
    }
