"""The README's scores are what the program computes; its commands run in test_documentation.py."""

import re
from pathlib import Path

import pytest

import fourfold
from fourfold.methods.registry import methods

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_scores_are_those_of_the_sample():
    rows = re.findall(r"^\| .+? \| `([a-z0-9-]+)` \| ([\d.]+) \| ([\d.]+) \|", README, flags=re.MULTILINE)
    assert {name for name, *_ in rows} <= set(methods())
    comparison = fourfold.compare(fourfold.sample(), protocols=["psnr", "fastmri-ssim"])
    assert len(rows) == len(comparison.entries)
    for (name, psnr, ssim), entry in zip(rows, comparison.entries, strict=True):
        assert entry.method == name
        for stated, protocol in ((psnr, "psnr"), (ssim, "fastmri-ssim")):
            last_digit = 10.0 ** -len(stated.partition(".")[2])
            assert entry.scores[protocol] == pytest.approx(float(stated), abs=min(last_digit, 0.2))
