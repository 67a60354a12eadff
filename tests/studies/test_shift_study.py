"""`fourfold study shift`: networks at home and away, given weights among them."""

import csv
import json
import sys
from pathlib import Path

import pytest
import yaml
from tests.helpers.domain_images import SIZE, write_domains
from tests.helpers.trained_weights import write_small

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.studies.scores import Scores
from fourfold.studies.shift import Network, Shift, ShiftSettings, shift
from fourfold.studies.shift_findings import shift_findings


def given(folder: Path) -> dict:
    """Return the settings of a study of images in a folder."""

    def domain(name: str) -> dict:
        sources = [{"kind": "images", "path": str(folder / f"{name}.npz"), "crop": [SIZE, SIZE]}]
        return {"sources": sources, "split": {"validation": [], "test": 0.4}}

    return {
        "domains": {"T1": domain("T1"), "T2": domain("T2")},
        "train_on": ["T1"],
        "test_on": ["T1", "T2"],
        "networks": {"other": {"weights": str(folder / "small"), "domain": "T2"}},
        "training": {
            "network": {"kind": "cascade", "subnetworks": 1, "channels": 4, "layers": 1},
            "data": {
                "masks": {"kind": "random", "acceleration": 3.2, "lines": 6},
                "simulation": {"coils": 1, "snr": None},
            },
            "losses": ["hybrid"],
            "batch_size": 2,
            "stages": [{"steps": 2}],
            "precision": "float32",
        },
        "methods": ["zero-filled", {"kind": "tv", "weight": 0.002, "iterations": 20}],
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("shift")
    write_domains(folder)
    write_small(folder / "small", "cascade")
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder)))
    assert main(["study", "shift", str(folder / "study.yaml"), "-o", str(folder / "out")]) == 0
    return folder


def test_it_writes_every_network_on_every_domain(done):
    out = done / "out"
    table = {row["Reconstruction"]: row for row in rows(out / "table-1.csv")}
    assert set(table) == {"T1-trained", "other", "Zero-filled", "Total variation"}
    assert all(value for row in table.values() for value in row.values())
    away = [row["Network"] for row in rows(out / "table-2.csv")]
    assert away == ["T1-trained on T2", "other on T1"]
    assert {path.stem for path in out.glob("figure-*.png")} == {"figure-1", "figure-2"}
    assert "other was trained elsewhere" in (out / "index.html").read_text()


def test_differences_are_taken_image_by_image(done):
    scores = rows(done / "out" / "scores.csv")

    def psnr(network: str, domain: str) -> list[float]:
        return [float(row["psnr"]) for row in scores if (row["network"], row["tested_on"]) == (network, domain)]

    pairs = list(zip(psnr("other", "T1"), psnr("T1", "T1"), strict=True))
    assert len(pairs) == 4
    expected = sum(mine - its for mine, its in pairs) / 4
    assert float(rows(done / "out" / "table-2.csv")[1]["PSNR (dB)"]) == pytest.approx(expected)


def test_finished_work_is_taken_over(done, monkeypatch):
    monkeypatch.setattr(sys.modules["fourfold.studies.shift"], "train", None)
    monkeypatch.setattr(sys.modules["fourfold.studies.evaluation"], "_network_scores", None)
    found = shift(ShiftSettings(**given(done)), done / "out")
    assert len(list(found.rows())) == len(rows(done / "out" / "scores.csv"))


def test_given_weights_that_changed_are_tested_anew(done, tmp_path):
    settings = given(done) | {"train_on": [], "test_on": ["T1"], "methods": []}
    first = shift(ShiftSettings(**settings), tmp_path)
    write_small(done / "changed", "cascade", settings={"channels": 5})
    settings["networks"] = {"other": {"weights": str(done / "changed")}}
    second = shift(ShiftSettings(**settings), tmp_path)
    assert [row["psnr"] for row in first.rows()] != [row["psnr"] for row in second.rows()]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train_on": [], "networks": {}}, "no network to test"),
        ({"test_on": ["T3"]}, "The domain 'T3' is not described"),
        ({"networks": {"T1": {"weights": "small"}}}, "by the name 'T1'"),
        ({"networks": {"other": {"weights": "nowhere"}}}, "There are no weights 'nowhere'"),
        ({"images": 60}, "60 were asked for"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(done, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        shift(ShiftSettings(**given(done) | change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_findings_are_what_the_scores_say(done):
    settings = ShiftSettings(**given(done) | {"test_on": ["T2"]})
    away, home = Network("T1", "T1", "a", False), Network("T2", "T2", "b", False)

    def scores(level: float) -> Scores:
        return Scores(("a", "b"), ("s", "t"), {"psnr": (level, level + 2), "fastmri-ssim": (0.5, 0.6)})

    classical = {(method, "T2"): scores(level) for method, level in zip(settings.methods, (20.0, 26.0), strict=True)}
    networks = {(away, "T2"): scores(25.0), (home, "T2"): scores(27.0)}
    found = shift_findings(Shift(settings, done, {}, networks, classical, ()))
    assert [finding.holds for finding in found] == [True, True, False]
    assert "-2.00 ± 0.00" in found[0].sentence
    assert json.dumps([finding.claim for finding in found]).count("T1-trained") == 3
