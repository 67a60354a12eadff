"""`fourfold study priors`: scores by group, pattern and acceleration, coverage of std, and findings."""

import math
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tests.helpers.tables import read_rows

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.metrics.object_psnr import OBJECT_PSNR
from fourfold.simulation.simulate import phantom, simulate
from fourfold.studies.engine import run_study
from fourfold.studies.priors import MaskSettings, PriorsSettings, PriorsStudy
from fourfold.studies.std_check import interval_coverage
from fourfold.training.presets import read_settings

SIZE = (48, 44)


def given(folder: Path) -> dict:
    """Return the settings of a small study of files in a folder."""
    return {
        "groups": {"heads": [str(folder / "head*.npz")], "knees": [str(folder / "knee.npz")]},
        "masks": ["random", {"kind": "poisson-disc", "box": [12, 12]}],
        "accelerations": [4, 2],
        "methods": [
            "zero-filled",
            {"kind": "varnet"},
            {"kind": "diffusion", "point": True, "steps": 4},
            {"kind": "diffusion", "members": 2, "steps": 3},
        ],
        "device": "cpu",
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("priors")
    for seed, name in enumerate(("head1", "head2", "knee")):
        save_scan(simulate(phantom(SIZE), coils=4, snr=40.0, seed=seed), folder / f"{name}.npz")
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder)))
    assert main(["study", "priors", str(folder / "study.yaml"), "-o", str(folder / "out"), "--workers", "1"]) == 0
    return folder


def test_every_condition_has_its_scores(done):
    rows = read_rows(done / "out" / "scores.csv")
    assert len(rows) == 3 * 2 * 2 * 4
    assert {(row["group"], row["mask"], row["acceleration"]) for row in rows} == {
        (group, mask, each)
        for group in ("heads", "knees")
        for mask in ("random", "poisson-disc")
        for each in ("2.0", "4.0")
    }
    assert all(math.isfinite(float(row[name])) for row in rows for name in ("psnr", "object-psnr", "vif", "seconds"))
    assert {bool(row["coverage"]) for row in rows if "members 2" in row["method"]} == {True}
    assert {row["coverage"] for row in rows if "members 2" not in row["method"]} == {""}


def test_tables_and_figures_are_those_of_groups_and_patterns(done):
    out = done / "out"
    assert {path.stem for path in out.glob("table-*.csv")} == {f"table-{k}" for k in range(1, 7)}
    assert {path.stem for path in out.glob("figure-*.png")} == {
        *(f"figure-1{letter}" for letter in "abcd"),
        *(f"figure-{number}{letter}" for number in (2, 3) for letter in "ab"),
    }
    scores = [row for row in read_rows(out / "scores.csv") if row["method"] == "zero-filled"]
    known = [float(row["object-psnr"]) for row in scores if (row["group"], row["mask"]) == ("heads", "random")][:2]
    table = {row["Method"]: row for row in read_rows(out / "table-1.csv")}
    assert float(table["zero-filled"]["2× mean"]) == pytest.approx(sum(known) / 2)


def test_finished_work_is_taken_over_and_findings_agree_with_the_scores(done, monkeypatch):
    monkeypatch.setattr(sys.modules["fourfold.studies.test_set"], "_scores", None)
    study = run_study(PriorsStudy(PriorsSettings(**given(done))), done / "out", workers=1)
    findings = {each.claim: each for each in study.findings()}
    one, other = study.methods[3], study.methods[1]
    name = f"{study.names[one]} is above {study.names[other]}"
    crossing = findings[f"On heads with random sampling, {name} from some acceleration on"]
    gains = [study.difference(one, other, f"heads, random {each}×", OBJECT_PSNR).mean for each in (2, 4)]
    assert crossing.holds == (gains[-1] > 0)
    assert f"2× {gains[0]:+.2f} dB, 4× {gains[1]:+.2f} dB" in crossing.sentence
    assert sum("is reversed on knees" in claim for claim in findings) == 2
    assert sum("90 % intervals" in claim for claim in findings) == 2


def test_coverage_is_90_percent_for_normal_errors_of_this_std():
    reference = torch.ones(1, 200, 200)
    reference[:, :50] = 0.01
    noise = 0.05 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(0))
    noise[:, :50] = 5  # air does not count
    assert interval_coverage(reference + noise, torch.full_like(reference, 0.05), reference) == pytest.approx(
        0.9, abs=0.01
    )
    assert interval_coverage(reference + noise, torch.full_like(reference, 0.02), reference) < 0.6


def test_the_centre_of_random_lines_is_that_of_fastmri():
    assert MaskSettings(kind="random").options(8) == {"centre": 0.04}
    assert MaskSettings(kind="random", lines=12).options(8) == {"lines": 12}
    assert MaskSettings(kind="regular").options(8) == {}


def test_the_example_in_the_documentation_is_valid():
    example = Path(__file__).parents[2] / "docs" / "settings" / "priors.yaml"
    settings = PriorsSettings(**read_settings(example))
    assert [method.name for method in settings.methods] == [
        method.name for method in PriorsSettings(groups={"a": ["b"]}).methods
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"groups": {"heads": ["no-such-file.npz"]}}, "there is no such file"),
        ({"masks": ["random", "random"]}, "mask of the study is listed twice"),
        ({"frame": 7}, "no frame 7"),
        ({"crop": [480, 44]}, "cannot be cut"),
        ({"masks": ["regular"], "accelerations": [2.5]}, "whole number"),
        ({"mask": ["random"]}, "mask"),
    ],
)
def test_what_does_not_suit_is_refused(done, change, sentence):
    with pytest.raises(InputError, match=sentence):
        PriorsStudy(PriorsSettings(**{**given(done), **change}))
