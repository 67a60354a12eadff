"""`fourfold study shift`: networks at home and away, given weights among them."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from tests.helpers.group_images import SIZE, small_training, write_image_groups
from tests.helpers.tables import read_rows
from tests.helpers.trained_weights import write_small

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.studies.engine import StudyResults, run_study
from fourfold.studies.shift import ShiftSettings, ShiftStudy
from fourfold.studies.test_set import ExampleSet


def given(folder: Path) -> dict:
    """Return the settings of a study of images in a folder."""

    def group(name: str) -> dict:
        sources = [{"kind": "images", "path": str(folder / f"{name}.npz"), "crop": [SIZE, SIZE]}]
        return {"sources": sources, "split": {"validation": [], "test": 0.4}}

    return {
        "image_groups": {"T1": group("T1"), "T2": group("T2")},
        "train_on": ["T1"],
        "test_on": ["T1", "T2"],
        "networks": {"other": {"weights": str(folder / "small"), "image_group": "T2"}},
        "training": small_training(stages=[{"steps": 2}]),
        "methods": ["zero-filled", {"kind": "tv", "weight": 0.002, "iterations": 20}],
    }


def shift(settings: dict, folder: Path) -> ShiftStudy:
    return run_study(ShiftStudy(ShiftSettings(**settings)), folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("shift")
    write_image_groups(folder)
    write_small(folder / "small", "cascade")
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder)))
    assert main(["study", "shift", str(folder / "study.yaml"), "-o", str(folder / "out")]) == 0
    return folder


def test_it_writes_every_network_on_every_group(done):
    out = done / "out"
    table = {row["Reconstruction"]: row for row in read_rows(out / "table-1.csv")}
    assert set(table) == {"T1-trained", "other", "Zero-filled", "Total variation"}
    assert all(value for row in table.values() for value in row.values())
    away = [row["Network"] for row in read_rows(out / "table-2.csv")]
    assert away == ["T1-trained on T2", "other on T1"]
    assert {path.stem for path in out.glob("figure-*.png")} == {"figure-1", "figure-2"}
    assert re.search(r'class="omitted">[^<]*other was trained elsewhere', (out / "index.html").read_text())


def test_differences_are_taken_image_by_image(done):
    scores = read_rows(done / "out" / "scores.csv")

    def psnr(network: str, group: str) -> list[float]:
        return [float(row["psnr"]) for row in scores if (row["network"], row["tested_on"]) == (network, group)]

    pairs = list(zip(psnr("other", "T1"), psnr("T1", "T1"), strict=True))
    assert len(pairs) == 4
    expected = sum(mine - its for mine, its in pairs) / 4
    assert float(read_rows(done / "out" / "table-2.csv")[1]["PSNR (dB)"]) == pytest.approx(expected)


def test_finished_work_is_taken_over(done, monkeypatch):
    monkeypatch.setattr(sys.modules["fourfold.studies.engine"], "train", None)
    monkeypatch.setattr(ExampleSet, "evaluate_network", None)
    study = shift(given(done), done / "out")
    assert len(list(study.rows())) == len(read_rows(done / "out" / "scores.csv"))


def test_given_weights_that_changed_are_tested_anew(done, tmp_path):
    settings = given(done) | {"train_on": [], "test_on": ["T1"], "methods": []}
    first = shift(settings, tmp_path)
    write_small(done / "changed", "cascade", settings={"channels": 5})
    settings["networks"] = {"other": {"weights": str(done / "changed")}}
    second = shift(settings, tmp_path)
    assert [row["psnr"] for row in first.rows()] != [row["psnr"] for row in second.rows()]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train_on": [], "networks": {}}, "no network to test"),
        ({"test_on": ["T3"]}, "The image group 'T3' is not described"),
        ({"networks": {"T1": {"weights": "small"}}}, "both named 'T1'"),
        ({"networks": {"other": {"weights": "nowhere"}}}, "There are no weights 'nowhere'"),
        ({"images": 60}, "fewer than 60"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(done, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        shift(given(done) | change, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_findings_are_what_the_scores_say(done):
    study = ShiftStudy(ShiftSettings(**given(done) | {"test_on": ["T2"]}))
    levels = dict(zip((*study.runs, *study.methods), (25.0, 27.0, 20.0, 26.0), strict=True))
    evaluations = {
        (contender, "T2"): {index: {"image": {"psnr": level + 2 * index, "fastmri-ssim": 0.5}} for index in range(2)}
        for contender, level in levels.items()
    }
    study.results = StudyResults(study, done, evaluations)
    # The network of T1 on T2: worse than that of T2, not below zero-filling, below the best classical method.
    found = study.findings()
    assert [finding.holds for finding in found] == [True, True, False]
    assert "-2.00 ± 0.00" in found[0].sentence
    assert all("T1-trained" in finding.claim for finding in found)
