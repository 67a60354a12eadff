"""The listings of CONTRIBUTING.md, put where the page says in a copy of the package: tests pass, commands find them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fourfold

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTING = re.compile(r"^`((?:src|tests)/[\w/]+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LISTINGS = dict(LISTING.findall(PAGE))

COMMANDS = """
import numpy as np
from fourfold.cli.main import main

generator = np.random.default_rng(0)
kspace = generator.normal(size=(4, 32, 32, 2)).astype(np.float32).view(np.complex64)[..., 0]
np.savez("scan.npz", kspace=kspace)
for name, options in {
    "low-resolution": ["--taper", "0.5"],
    "custom": ["--regulariser", "smoothness", "--weight", "0.01"],
    "pnp": ["--denoiser", "wiener", "--noise-std", "0.02", "--iterations", "2"],
}.items():
    assert main(["recon", "scan.npz", "--method", name, *options, "--output", f"{name}.npz"]) == 0
from fourfold.simulation.simulate import phantom, simulate

head = simulate(phantom((32, 32)), coils=4).kspace.numpy()
with open("scan.bin", "wb") as file:
    file.write(b"PLAIN1" + np.array(head.shape, "<i4").tobytes() + head.tobytes())
assert main(["info", "scan.bin"]) == 0
compared = ["--methods", "zero-filled", "--metrics", "nmae", "--pattern", "regular", "--acceleration", "2"]
assert main(["compare", "scan.npz", *compared]) == 0
assert main(["recon", "--method", "low-resolution", "--help"]) == 0
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return the folder of a copy of the package with the page's listings in it; its data are links."""
    folder = tmp_path_factory.mktemp("copy")
    package = Path(fourfold.__file__).parent
    shutil.copytree(package, folder / "src" / "fourfold", ignore=shutil.ignore_patterns("__pycache__", "data"))
    (folder / "src" / "fourfold" / "data").symlink_to(package / "data")
    for path, text in LISTINGS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Return what Python prints with the copy of the package."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_part_is_one_file_and_one_test():
    sources = [path for path in LISTINGS if path.startswith("src/")]
    tests = [Path(path).stem for path in LISTINGS if path.startswith("tests/")]
    assert [f"test_{Path(path).stem}" for path in sources] == tests
    assert len(sources) == PAGE.count("\n### A")


def test_the_listed_tests_pass(copy):
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(path for path in LISTINGS if path.startswith("tests/")))


def test_the_commands_find_the_parts(copy):
    printed = " ".join(run(copy, "-c", COMMANDS).split())
    assert "--taper" in printed
    assert "Hann window" in printed


def test_the_listings_follow_the_rules(copy):
    """As `make test` checks every change."""
    settings = ["--config", str(ROOT / "pyproject.toml")]
    sources = [path for path in LISTINGS if path.startswith("src/")]
    run(copy, "-m", "ruff", "check", *settings, *LISTINGS)
    run(copy, "-m", "ruff", "format", "--check", *settings, *LISTINGS)
    run(copy, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *sources)
