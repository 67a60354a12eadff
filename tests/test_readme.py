"""The README's commands run, and its scores are what the program computes."""

import re
import shlex
from pathlib import Path

import pytest

import fourfold
from fourfold.cli.main import main
from fourfold.formats import save_scan
from fourfold.physics.simulate import phantom, simulate
from fourfold.registry import methods
from fourfold.scan import Scan

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.fixture
def knee(tmp_path, monkeypatch):
    """Put a `knee.h5` of eleven fully sampled slices into an empty working folder."""
    monkeypatch.chdir(tmp_path)
    scan = simulate(phantom((64, 48)), coils=4)
    save_scan(Scan(scan.kspace.repeat(11, 1, 1, 1)), "knee.h5")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.usefixtures("knee")
def test_the_shell_commands_run(capsys):
    lines = [line for block in blocks("sh") for line in block.splitlines() if "fourfold " in line.split("#")[0]]
    assert {shlex.split(line)[1] for line in lines} == {"info", "recon", "demo"}
    for line in lines:
        assert main(shlex.split(line, comments=True)[1:]) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("knee")
def test_the_python_lines_run():
    (block,) = blocks("python")
    exec(block, {})
    assert Path("knee.png").exists()


def test_the_scores_are_those_of_the_sample():
    rows = re.findall(r"^\| .+? \| `([a-z0-9-]+)` \| ([\d.]+) \| ([\d.]+) \|", README, flags=re.MULTILINE)
    assert {name for name, *_ in rows} <= set(methods())
    comparison = fourfold.compare(fourfold.sample(), protocols=["psnr", "fastmri-ssim"])
    assert len(rows) == len(comparison.entries)
    for (name, psnr, ssim), entry in zip(rows, comparison.entries, strict=True):
        assert entry.method == name
        for stated, protocol in ((psnr, "psnr"), (ssim, "fastmri-ssim")):
            last_digit = 10.0 ** -len(stated.partition(".")[2])
            assert entry.scores[protocol] == pytest.approx(float(stated), abs=last_digit)


def test_linked_pages_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    missing = [link for link in links if not (Path(__file__).parents[1] / link).exists()]
    assert not missing
