"""`fourfold study transfer`: the grid, who is in which part, what is taken over, what is written and found."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.helpers.group_images import SIZE, small_training, write_image_groups, write_images
from tests.helpers.tables import read_rows

from fourfold.cli.main import main
from fourfold.datasets import DataSettings, collate
from fourfold.datasets import test_set as unseen_images
from fourfold.errors import InputError
from fourfold.metrics import find_metric, score
from fourfold.studies.engine import StudyResults, run_study
from fourfold.studies.losses import LossesSettings
from fourfold.studies.scores import Scores
from fourfold.studies.shift import ShiftSettings
from fourfold.studies.transfer import TransferSettings, TransferStudy
from fourfold.training.presets import read_settings
from fourfold.weights.load_network import load_network
from fourfold.weights.weight_files import read_manifest


def given(folder: Path) -> dict:
    """Return the settings of a study of images in a folder."""

    def group(name: str, **more) -> dict:
        return {"sources": [{"kind": "images", "path": str(folder / f"{name}.npz"), "crop": [SIZE, SIZE]}], **more}

    return {
        "image_groups": {
            "photos": group("photos", split={"validation": [], "test": []}),
            "T1": group("T1", split={"validation": [], "test": 0.4}),
            "T2": group("T2", split={"validation": [], "test": 0.4}, sizes=[3]),
        },
        "train_on": ["photos", "T1", "T2"],
        "test_on": ["T1", "T2"],
        "sizes": [2, 6],
        "tuning_sizes": [0, 1, 3],
        "shown_tuning": 3,
        "grid": "tables",
        "training": small_training(
            optimiser={"kind": "adam", "learning_rate": 0.01},
            stages=[{"train": "subnetworks", "steps": 2}, {"steps": 3, "learning_rate": 0.001}],
        ),
        "test_images": 3,
        "methods": ["zero-filled", {"kind": "tv", "weight": 0.002, "iterations": 20}],
    }


@pytest.fixture
def images(tmp_path) -> Path:
    """Return a folder with the images of three image groups."""
    write_image_groups(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("transfer")
    write_image_groups(folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder)))
    assert main(["study", "transfer", str(folder / "study.yaml"), "-o", str(folder / "out")]) == 0
    return folder


def transfer(settings: dict, folder: Path, *progress) -> TransferStudy:
    return run_study(TransferStudy(TransferSettings(**settings)), folder, *progress)


def test_it_writes_tables_figures_and_findings(done):
    out = done / "out"
    assert {path.name for path in out.glob("table-*.csv")} == {f"table-{number}.csv" for number in (1, 2, 3, 4)}
    figures = {path.stem.removeprefix("figure-") for path in out.glob("figure-*.png")}
    assert figures == {"2", "3", "4a", "4b", "4c", "5a", "5b", "5c", "6a", "6b"}
    page = (out / "index.html").read_text()
    findings = json.loads((out / "scores.json").read_text())["findings"]
    assert len(findings) == 2 * 6
    assert all(finding["sentence"].split("(")[0] in page for finding in findings)
    assert page.count("data:image/png") == len(figures)
    assert "Simulated data" in page


def test_scores_are_those_of_the_networks_on_unseen_images(done):
    settings = given(done)
    data = DataSettings(
        sources=settings["image_groups"]["T2"]["sources"],
        split=settings["image_groups"]["T2"]["split"],
        test_images=3,
        **settings["training"]["data"],
    )
    network, _ = load_network(str(done / "out" / "networks" / "photos-6-T2-3"))
    expected = {}
    for example in unseen_images(data, 0):
        batch = collate([example])
        image = network(batch.kspace, batch.mask, batch.maps, batch.calibration).abs()
        expected[example.name] = score(image, example.reference.abs()[None], "psnr")
    found = {
        row["image"]: float(row["psnr"])
        for row in read_rows(done / "out" / "scores.csv")
        if (row["tested_on"], row["trained_on"], row["size"], row["tuning"]) == ("T2", "photos", "6", "3")
    }
    assert found == pytest.approx(expected, abs=1e-3)
    table = {row["photos-trained"]: row for row in read_rows(done / "out" / "table-4.csv")}
    assert float(table["tuned with 3"]["PSNR (dB), 6 mean"]) == pytest.approx(
        np.mean(list(expected.values())), abs=1e-3
    )
    assert table["T2-trained, raw"]["PSNR (dB), 6 mean"] == ""
    assert table["raw"]["PSNR (dB), 3 mean"] == ""


def test_a_tuned_network_begins_where_the_raw_one_ended_and_sees_few_images(done):
    networks = done / "out" / "networks"
    raw, tuned = read_manifest(networks / "photos-6"), read_manifest(networks / "photos-6-T1-1")
    assert tuned.training["start"] == f"{raw.name}, SHA-256 {raw.sha256}"
    assert tuned.training["data"]["images"] == 1
    assert tuned.training["batch_size"] == 1
    # The last stage of the training alone.
    assert [stage["steps"] for stage in tuned.training["stages"]] == [3]
    assert [stage["steps"] for stage in raw.training["stages"]] == [2, 3]


def test_nobody_is_trained_on_and_tested(done):
    networks = done / "out" / "networks"
    tested = {(row["tested_on"], row["subject"]) for row in read_rows(done / "out" / "scores.csv")}
    assert len(tested) == 4
    for path in networks.iterdir():
        split = read_manifest(path).training["data"]["split"]
        assert not {subject for _, subject in tested} & {*split["training"], *split["validation"]}
        assert not split["test"]


def test_finished_work_is_taken_over_and_what_is_missing_done(done, tmp_path, monkeypatch):
    before = read_rows(done / "out" / "scores.csv")
    module = sys.modules["fourfold.studies.engine"]
    trained = []

    def watch(name):
        real = getattr(module, name)

        def watched(*given, **more):
            trained.append(given[-1].name)
            return real(*given, **more)

        monkeypatch.setattr(module, name, watched)

    watch("train")
    watch("finetune")
    transfer(given(done), done / "out")
    assert not trained
    (done / "out" / "networks" / "photos-6-T2-3").rename(tmp_path / "moved")
    study = transfer(given(done), done / "out")
    assert trained == ["photos-6-T2-3"]
    after = list(study.rows())
    assert [row["image"] for row in after] == [row["image"] for row in before]
    assert [row["psnr"] for row in after] == pytest.approx([float(row["psnr"]) for row in before], abs=1e-4)


def test_an_interrupted_study_ends_as_an_unbroken_one(done, tmp_path):
    settings = given(done) | {"train_on": ["photos"], "test_on": ["T1"], "sizes": [2]}

    def stop(fraction, _):
        if fraction > 0.25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer(settings, tmp_path, stop)
    assert len(list((tmp_path / "networks").iterdir())) < 3
    study = transfer(settings, tmp_path)
    kept = [
        row for row in read_rows(done / "out" / "scores.csv") if (row["trained_on"], row["size"]) == ("photos", "2")
    ]
    expected = [float(row["psnr"]) for row in kept if row["tested_on"] == "T1"]
    assert [row["psnr"] for row in study.rows() if row["method"] == "network"] == pytest.approx(expected, abs=1e-4)


def test_the_grid_holds_every_network_or_those_of_the_tables(images):
    whole = TransferStudy(TransferSettings(**given(images) | {"grid": "all"})).runs
    assert len(whole) == 5 + 5 * 2 * 2
    assert len(set(whole)) == len(whole)
    part = TransferStudy(TransferSettings(**given(images))).runs
    assert len(part) == 18
    assert set(part) < set(whole)
    assert all(run.start in part[: part.index(run)] for run in part if run.start is not None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sizes": [2, 60]}, "has 10 images for training, fewer than 60"),
        ({"train_on": ["photos", "T3"]}, "The image group 'T3' is not described"),
        ({"transferred": "T4"}, "'T4' is to be transferred but is not in 'train_on'"),
        ({"shown_tuning": 2}, "show 2 images of tuning"),
        ({"metrics": ["fastmri-ssim"]}, "add 'psnr'"),
        ({"tuning": {"network": "varnet"}}, "The tuning gives 'network'"),
        ({"training": {"preset": "dar2018", "data": {"sources": []}}}, "The training's data has 'sources'"),
        ({"training": {"preset": "dar"}}, "There is no preset 'dar'"),
        ({"methods": ["tvv"]}, "There is no method 'tvv'"),
        ({"size": [2]}, "has no setting 'size'"),
        (
            {"image_groups": {"T1": {"sources": [{"kind": "raw", "path": "a"}], "masks": {}}}},
            "has no setting 'image_groups.T1.masks'",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(images, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        transfer(given(images) | change, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_person_in_the_training_of_one_group_and_the_test_of_another_is_refused(images):
    write_images(images / "T2.npz", "T1-", 9)
    settings = given(images) | {"test_images": 2}
    settings["image_groups"]["T1"]["split"] = {"validation": [], "test": ["T1-0"]}
    settings["image_groups"]["T2"]["split"] = {"validation": [], "test": ["T1-1"]}
    with pytest.raises(InputError, match="'T1-0' is in the test set of 'T1' and in the training data of 'T2'"):
        transfer(settings, images / "out")
    settings["image_groups"]["T2"]["cohort"] = "another hospital"
    settings["sizes"], settings["image_groups"]["T2"]["sizes"] = [60], [60]
    # Refused for another reason: these are others of the same names.
    with pytest.raises(InputError, match="fewer than 60"):
        transfer(settings, images / "out")


def test_a_folder_with_another_training_is_refused(done):
    settings = given(done)
    settings["training"]["losses"] = ["l1"]
    with pytest.raises(InputError, match="holds a training with other settings"):
        transfer(settings, done / "out")


def study_of(images: Path, psnr: dict[tuple, list[float]], classical: dict[str, list[float]]) -> TransferStudy:
    """Return a study of T1 alone with scores that are made up, by a network's trainings and by method."""
    settings = TransferSettings(**given(images) | {"test_on": ["T1"], "methods": list(classical)})
    study = TransferStudy(settings)
    scores = {study.network(*names): values for names, values in psnr.items()}
    scores |= {method: classical[method.name] for method in settings.methods}
    evaluations = {
        (contender, "T1"): {
            index: {"image": {"psnr": value, "fastmri-ssim": value}} for index, value in enumerate(values)
        }
        for contender, values in scores.items()
    }
    study.results = StudyResults(study, images, evaluations)
    study.test_sets["T1"].subject = "subject {}".format
    return study


def test_findings_are_what_the_scores_say(images):
    psnr = {
        ("photos", 2): [20.0, 22.0],
        ("photos", 6): [24.0, 26.0],
        ("photos", 2, "T1", 3): [29.0, 31.0],
        ("photos", 6, "T1", 3): [30.0, 32.0],
        ("T1", 6): [30.6, 32.6],
        ("T1", 6, "T1", 3): [30.4, 32.4],
        ("T2", 3): [31.0, 33.0],
    }
    found = study_of(images, psnr, {"zero-filled": [29.9, 31.9], "tv": [27.9, 29.9]}).findings()
    assert [finding.holds for finding in found] == [True, False, True, True, False, True]
    assert "-0.40 ± 0.00 dB over 2 images of 2 subjects" in found[0].sentence
    assert "Total variation is the best" in found[2].sentence
    assert [finding.verdict for finding in found[:2]] == ["Holds", "Does not hold"]


def test_without_a_classical_method_nothing_is_claimed(images):
    networks = [("photos", 2), ("photos", 6), ("T1", 6), ("T2", 3)]
    psnr = {(*each, *tuning): [20.0, 22.0] for each in networks for tuning in ((), ("T1", 3))}
    found = study_of(images, psnr, {"zero-filled": [29.9, 31.9]}).findings()
    assert found[2].holds is None
    assert found[2].verdict == "Cannot be told"


@pytest.mark.parametrize(
    ("name", "kind"), [("transfer", TransferSettings), ("losses", LossesSettings), ("shift", ShiftSettings)]
)
def test_the_settings_to_begin_with_are_settings(name, kind):
    settings = kind(**read_settings(Path(__file__).parents[2] / "docs" / "settings" / f"{name}.yaml"))
    assert settings.test_on if name != "losses" else len(settings.losses) == 4


def test_scores_are_compared_in_pairs():
    def scores(*values: float) -> Scores:
        return Scores({("T1", index): {"image": {"psnr": value}} for index, value in enumerate(values)})

    one, psnr = scores(30.0, 20.0, 28.0), find_metric("psnr")
    difference = one.minus(scores(29.0, 19.0, 25.0), psnr)
    assert (difference.mean, difference.count) == (pytest.approx(5 / 3), 3)
    assert difference.deviation == pytest.approx(np.std([1, 1, 3], ddof=1))
    assert one.median_image(psnr) == ("T1", 2)
