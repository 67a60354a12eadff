"""The worked example of CONTRIBUTING.md is run as printed."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import fourfold.methods.classical
from fourfold.cli.main import main
from fourfold.methods.registry import methods

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Put the page's two listings where a contributor would; return the path of the test."""
    method, test = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "low_resolution.py").write_text(method)
    (tmp_path / "test_low_resolution.py").write_text(test)
    monkeypatch.setattr(fourfold.methods.classical, "__path__", [*fourfold.methods.classical.__path__, str(tmp_path)])
    methods.cache_clear()
    importlib.invalidate_caches()
    yield tmp_path / "test_low_resolution.py"
    sys.modules.pop("fourfold.methods.classical.low_resolution", None)
    methods.cache_clear()


def test_the_listed_test_passes(example):
    tests = [value for name, value in runpy.run_path(str(example)).items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


@pytest.mark.usefixtures("example")
def test_the_example_is_found_and_gets_its_flags(tmp_path, capsys):
    assert "low-resolution" in methods()
    assert main(["recon", "--method", "low-resolution", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--taper" in shown
    assert "Hann window" in shown

    generator = np.random.default_rng(0)
    kspace = generator.normal(size=(4, 32, 32, 2)).astype(np.float32).view(np.complex64)[..., 0]
    np.savez(tmp_path / "scan.npz", kspace=kspace)
    command = ["recon", str(tmp_path / "scan.npz"), "--method", "low-resolution", "--taper", "0.5"]
    assert main([*command, "--output", str(tmp_path / "image.npz")]) == 0
    assert (tmp_path / "image.npz").exists()
