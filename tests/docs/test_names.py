"""What follows from the registry of methods is what `make names` would write."""

import importlib.util
from pathlib import Path

import fourfold
from fourfold.methods.registry import methods

ROOT = Path(__file__).parents[2]


def tool():
    """Return the module tools/names.py."""
    spec = importlib.util.spec_from_file_location("names", ROOT / "tools" / "names.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_method_is_a_public_name():
    public = {getattr(fourfold, kind.__name__) for kind in methods().values()}
    assert public == set(methods().values())
    assert set(dir(fourfold)) >= {kind.__name__ for kind in methods().values()}


def test_editors_and_type_checkers_know_the_public_names():
    source = (ROOT / "src" / "fourfold" / "__init__.py").read_text()
    assert tool().with_imports(source) == source, "run make names"
    assert all(hasattr(fourfold, name) for name in fourfold.__all__)


def test_the_table_of_methods_follows_the_registry():
    names = tool()
    page = (ROOT / "README.md").read_text()
    assert names.rows(page) == list(names.compared_methods()), "run make names"


def test_the_page_of_methods_names_every_method():
    page = (ROOT / "docs" / "methods.md").read_text()
    assert tool().with_undescribed(page) == page, "run make names"
    assert all(f"`{name}`" in page for name in methods())
