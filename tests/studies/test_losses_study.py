"""`fourfold study losses`: every network under every loss, quartiles, tests, what is taken over."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats
from tests.helpers.group_images import SIZE, write_image_groups
from tests.helpers.tables import read_rows

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.studies.engine import StudyResults, run_study
from fourfold.studies.losses import LossesSettings, LossesStudy
from fourfold.weights.weight_files import read_manifest


def given(folder: Path) -> dict:
    """Return the settings of a study of images in a folder."""
    return {
        "networks": {
            "unet": {"network": {"kind": "unet", "channels": 4, "pools": 1, "complex": False}},
            "resnet": {"network": {"kind": "resnet", "blocks": 1, "channels": 4, "complex": False}},
        },
        "losses": {"L1": ["l1"], "Dssim": [{"kind": "dssim"}]},
        "data": {
            "sources": [{"kind": "images", "path": str(folder / "T1.npz"), "crop": [SIZE, SIZE]}],
            "split": {"validation": 0.2, "test": 0.6},
        },
        "training": {
            "compare": "magnitude",
            "batch_size": 2,
            "stages": [{"steps": 2}],
            "precision": "float32",
            "data": {
                "masks": {"kind": "regular", "acceleration": 2, "lines": 8},
                "simulation": {"coils": 1, "snr": None},
            },
        },
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("losses")
    write_image_groups(folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder), sort_keys=False))
    assert main(["study", "losses", str(folder / "study.yaml"), "-o", str(folder / "out"), "--json"]) == 0
    return folder


def test_it_writes_tables_figures_and_findings(done):
    out = done / "out"
    assert {path.stem for path in out.glob("table-*.csv")} == {f"table-{number}" for number in (2, 3, 4)}
    assert {path.stem for path in out.glob("figure-*.png")} == {"figure-3a", "figure-3b", "figure-4a", "figure-4b"}
    assert {path.name for path in (out / "networks").iterdir()} == {
        "unet-L1", "unet-Dssim", "resnet-L1", "resnet-Dssim"
    }  # fmt: skip
    page = (out / "index.html").read_text()
    assert "Parameters of resnet" in page
    assert len(json.loads((out / "scores.json").read_text())["findings"]) == 2 * (1 + 2) + 2


def test_quartiles_are_those_of_the_subjects(done):
    out = done / "out"
    by_subject = {}
    for row in read_rows(out / "scores.csv"):
        if (row["network"], row["loss"]) == ("resnet", "Dssim"):
            by_subject.setdefault(row["subject"], []).append(float(row["snr-db"]))
    assert [len(each) for each in by_subject.values()] == [2, 2, 2]
    scores = [np.mean(each) for each in by_subject.values()]
    row = next(row for row in read_rows(out / "table-4.csv") if row["Reconstruction"] == "resnet (Dssim)")
    found = [float(row[f"SNR (dB), {name}"]) for name in ("25 %", "median", "75 %")]
    assert found == pytest.approx(np.percentile(scores, (25, 50, 75)))


def test_statistics_are_those_of_the_subjects(done):
    out = done / "out"
    found = json.loads((out / "scores.json").read_text())["statistics"]
    assert [(each["score"], each["subjects"], each["images"]) for each in found] == [
        ("snr-db", 3, 6),
        ("ssim-3x3", 3, 6),
    ]
    # Four networks and zero-filling.
    assert len(read_rows(out / "statistics.csv")) == 2 * 5
    assert len(read_rows(out / "pairs.csv")) == 2 * 10
    assert all((out / f"statistics-{number}-{kind}.png").is_file() for number in (1, 2) for kind in ("pairs", "ranks"))
    assert "Friedman's test: χ² = " in (out / "index.html").read_text().replace("&#39;", "'")


def test_every_network_has_its_loss_and_the_same_data(done):
    settings = [read_manifest(path).training for path in (done / "out" / "networks").iterdir()]
    assert sorted(each["losses"][0]["kind"] for each in settings) == ["dssim", "dssim", "l1", "l1"]
    assert all(each["data"] == settings[0]["data"] for each in settings)


def test_finished_networks_are_taken_over(done, monkeypatch):
    monkeypatch.setattr(sys.modules["fourfold.studies.engine"], "train", None)
    study = run_study(LossesStudy(LossesSettings(**given(done))), done / "out")
    assert [row["snr-db"] for row in study.rows()] == pytest.approx(
        [float(row["snr-db"]) for row in read_rows(done / "out" / "scores.csv")], abs=1e-4
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"losses": {"L3": ["l3"]}}, "l3"),
        ({"losses": {}}, "at least 1"),
        ({"images": 60}, "fewer than 60"),
        ({"networks": {"a": {"preset": "varnet"}, "b": {"preset": "dar2018"}}}, "have different data or seeds"),
        ({"networks": {"unet": {"preset": "ghodrati"}}}, "There is no preset 'ghodrati'"),
        ({"metrics": ["snr"]}, "There is no metric 'snr'"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(done, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        run_study(LossesStudy(LossesSettings(**given(done) | change)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def study_of(folder: Path, snr: dict[tuple[str, str], np.ndarray], kinds: dict[str, str]) -> LossesStudy:
    """Return a study with scores that are made up, by network and loss."""
    settings = given(folder) | {"metrics": ["snr-db"], "losses": {name: ["l1"] for name in kinds}}
    study = LossesStudy(LossesSettings(**settings))
    study.parameters = {"unet": 1300, "resnet": 100}
    study.loss_kinds = {name: {kind} for name, kind in kinds.items()}
    study.test_sets["test"].image_name = study.test_sets["test"].subject = str
    evaluations = {
        (study.runs_with(network=network, loss=loss)[0], "test"): {
            index: {"image": {"snr-db": value}} for index, value in enumerate(values.tolist())
        }
        for (network, loss), values in snr.items()
    }
    study.results = StudyResults(study, folder, evaluations)
    return study


def test_findings_are_what_the_scores_say(done):
    rng = np.random.default_rng(0)
    skewed, normal = rng.exponential(size=200), stats.norm.ppf((np.arange(200) + 0.5) / 200)
    kinds = {"L1": "l1", "L2": "l2", "VGG": "perceptual"}
    levels = {"L1": 25.0, "L2": 24.0, "VGG": 23.0}
    snr = {("unet", loss): skewed + level for loss, level in levels.items()}
    snr |= {("resnet", loss): skewed + level - 1 for loss, level in levels.items()}
    snr["resnet", "VGG"] = skewed + 24.2
    holds = [finding.holds for finding in study_of(done, snr, kinds).findings()]
    # Not normal; of either network: the losses differ, the perceptual one is the lowest; as good under each loss.
    assert holds == [True, True, True, True, False, False, False, True]
    snr["unet", "L1"] = normal
    assert not study_of(done, snr, kinds).findings()[0].holds
