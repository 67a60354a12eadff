"""The README's scores are what the program computes; its commands run in test_documentation.py."""

import re
from pathlib import Path

import pytest

import fourfold
from fourfold.registry import methods

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_scores_are_those_of_the_sample():
    rows = re.findall(r"^\| .+? \| `([a-z0-9-]+)` \| ([\d.]+) \| ([\d.]+) \|", README, flags=re.MULTILINE)
    assert {name for name, *_ in rows} <= set(methods())
    comparison = fourfold.compare(fourfold.sample(), protocols=["psnr", "fastmri-ssim"])
    assert len(rows) == len(comparison.entries)
    for (name, psnr, ssim), entry in zip(rows, comparison.entries, strict=True):
        assert entry.method == name
        # Sparse MRI's published iterations end before it settles, so that rounding moves it.
        leeway = 10 if name == "lustig2007" else 1
        assert entry.scores["psnr"] == pytest.approx(float(psnr), abs=0.02 * leeway)
        assert entry.scores["fastmri-ssim"] == pytest.approx(float(ssim), abs=0.001 * leeway)
