"""The rooms of the house: what may import what, and what every method declares."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fourfold
from fourfold.methods.method import Method
from fourfold.methods.registry import FAMILIES, methods

ROOT = Path(fourfold.__file__).parent

# A room may import those named with it and nothing else of ours; docs/architecture.md gives the reasons.
VALUES = {"errors", "memory", "scan"}
IMAGING = VALUES | {"sampling", "operators", "noise", "coils", "kspace"}
SOLVERS = {"operators", "regularisers", "denoisers", "optimize"}
NETWORKS = IMAGING | SOLVERS | {"networks"}
WEIGHTS = NETWORKS | {"files", "simulation", "weights"}
METHODS = WEIGHTS | {"discovery", "methods"}
TRAINING = METHODS | {"losses", "metrics", "datasets", "formats", "training"}
MAY_IMPORT = {
    "errors": set(),
    "discovery": set(),
    "lazy": set(),
    "memory": {"errors"},
    "files": {"errors", "memory"},
    "scan": {"errors", "memory"},
    "formats": VALUES | {"files"},
    "result_cache": VALUES | {"files", "formats"},
    "sampling": VALUES | {"files", "lazy"},
    "operators": VALUES | {"sampling"},
    "noise": VALUES | {"operators"},
    "coils": VALUES | {"sampling", "operators", "noise"},
    "kspace": VALUES | {"sampling", "operators", "noise", "coils"},
    "simulation": IMAGING,
    "statistics": {"errors", "files"},
    "regularisers": {"errors", "discovery", "operators"},
    "denoisers": {"errors", "discovery"},
    "optimize": {"errors", "operators", "regularisers", "denoisers"},
    "metrics": {"errors"},
    "losses": {"errors", "metrics"},
    "networks": NETWORKS | {"discovery"},
    "weights": WEIGHTS,
    "export": WEIGHTS,
    "methods": METHODS,
    "datasets": IMAGING | {"files", "formats", "simulation"},
    "training": TRAINING,
    "confidence": METHODS,
    "studies": TRAINING | {"result_cache", "statistics", "confidence"},
    "reader_study": VALUES | {"files", "formats", "statistics"},
    "intervals": TRAINING | {"result_cache", "studies"},
    "report": TRAINING | {"studies", "statistics", "reader_study", "intervals", "confidence"},
}
UNRESTRICTED = {"__init__", "cli"}


def rooms() -> dict[str, list[Path]]:
    """Return the source files of every room."""
    files: dict[str, list[Path]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        files.setdefault(relative.parts[0].removesuffix(".py"), []).append(path)
    return files


def imported_modules(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, type checking included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(node.module)
            if node.module == "fourfold":
                names.update(f"fourfold.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == "fourfold"}


def test_every_room_has_its_rule():
    assert set(rooms()) == set(MAY_IMPORT) | UNRESTRICTED


def test_every_room_is_on_the_page():
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text()
    described = re.findall(r"^\| `([a-z0-9_]+)(?:\.py|/)` \|", page, flags=re.MULTILINE)
    assert set(described) == set(MAY_IMPORT) | {"cli"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_down_the_house_only(room):
    for path in rooms()[room]:
        used = {[*name.split("."), "__init__"][1] for name in imported_modules(path)} - {room}
        assert used <= MAY_IMPORT[room], f"{path.relative_to(ROOT)} imports {sorted(used - MAY_IMPORT[room])}"


def test_the_rules_have_no_cycle():
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        free = {room for room, below in MAY_IMPORT.items() if below - {room} <= done} - done
        assert free, f"the rooms {sorted(set(MAY_IMPORT) - done)} import each other in a circle"
        done |= free


@pytest.mark.parametrize("room", ["optimize", "regularisers", "denoisers"])
def test_solvers_know_operators_and_not_mri(room):
    general = {"axes", "linear_operator", "finite_differences", "wavelets"}
    for path in rooms()[room]:
        used = imported_modules(path)
        operators = {name.removeprefix("fourfold.operators.") for name in used if name.startswith("fourfold.operators")}
        assert operators <= general, path


def test_only_the_entry_point_knows_the_command_line():
    for room, paths in rooms().items():
        if room != "cli":
            assert not any(name.startswith("fourfold.cli") for path in paths for name in imported_modules(path))


def test_the_registry_finds_a_method_in_every_module_of_a_family():
    for family in FAMILIES:
        for entry in pkgutil.iter_modules(importlib.import_module(f"fourfold.methods.{family}").__path__):
            if entry.ispkg:
                continue
            module = importlib.import_module(f"fourfold.methods.{family}.{entry.name}")
            own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
            declared = [value for value in own if isinstance(value, type) and issubclass(value, Method)]
            assert declared, f"{module.__name__} declares no method"
            # A class that others extend may be a base.
            complete = {each for each in declared if not inspect.isabstract(each) and not each.__subclasses__()}
            assert complete <= set(methods().values())


@pytest.mark.parametrize("method", methods().values(), ids=methods())
def test_a_method_explains_itself(method: type[Method]):
    assert method.family in FAMILIES
    assert method.title
    assert inspect.getdoc(method) != inspect.getdoc(Method)
    for name, setting in method.model_fields.items():
        assert setting.description, f"{method.name}: the setting '{name}' needs a docstring below it"
        assert not setting.is_required(), f"{method.name}: the setting '{name}' needs a default"


@pytest.mark.parametrize("method", methods().values(), ids=methods())
def test_at_most_three_levels_lie_above_a_method(method: type[Method]):
    """Settings that several methods share are parts (`MethodSettings`), which are no level of their own."""
    levels = [kind.__name__ for kind in method.__mro__[1:] if issubclass(kind, Method)]
    assert len(levels) <= 3, levels


def test_the_package_works_without_what_only_peers_need():
    program = """
import sys
peers = ("torchvision", "sigpy", "pygrappa", "skimage", "torchmetrics")
for name in (*peers, "finufft", "pytorch_lightning", "tensorboard", "onnx", "onnxscript", "huggingface_hub", "pydicom"):
    sys.modules[name] = None
import fourfold
from fourfold.methods.registry import methods
methods()
for name in fourfold.__all__:
    getattr(fourfold, name)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_is_shown_without_loading_torch():
    program = """
import sys
from fourfold.cli.main import main
assert main(["--help"]) == 0
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
