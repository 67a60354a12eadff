"""`fourfold study`: what it writes, that its numbers are right, that finished work is taken over."""

import html
import json
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from tests.helpers.tables import read_rows

from fourfold.cli import study_run
from fourfold.cli.main import main
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.model_based import ModelBasedMethod
from fourfold.methods.registry import methods
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.untrained.untrained_method import UntrainedMethod
from fourfold.metrics import score
from fourfold.operators.fourier import ifft
from fourfold.report.study import StudyPage
from fourfold.sampling import radial, undersample
from fourfold.scan import Scan, crop_centre
from fourfold.simulation.simulate import phantom, simulate
from fourfold.studies import convdecoder
from fourfold.studies.convdecoder import METRICS
from fourfold.studies.scores import Spread
from fourfold.weights import find

SIZE = (48, 44)
NAMES = ("tv", "deep-decoder", "dip", "convdecoder")
TINY = {"weight": 0.002, "members": 2, "iterations": 4, "channels": 4}
FLAGS = (
    *("--members", "2", "--iterations", "4", "--acceleration", "2", "--lines", "12", "--tv.weight", "0.002"),
    *("--convdecoder.weight", "0.002", "--convdecoder.channels", "4", "--convdecoder.layers", "3"),
    *("--dip.weight", "0.002", "--dip.channels", "4", "--dip.scales", "2"),
    *("--deep-decoder.weight", "0.002", "--deep-decoder.channels", "4", "--deep-decoder.layers", "3"),
)


def head(seed: int) -> Scan:
    return simulate(phantom(SIZE), coils=4, snr=40.0, seed=seed)


def write_data(folder: Path) -> None:
    """Write the data sets knee (two files) and brain (one file of two frames)."""
    for name in ("knee", "brain"):
        (folder / name).mkdir()
    for seed in range(2):
        save_scan(head(seed), folder / "knee" / f"k{seed}.npz")
    save_scan(Scan(torch.cat([head(2).kspace, head(3).kspace])), folder / "brain" / "b.npz")


@pytest.fixture(autouse=True, scope="module")
def nothing_ships(tmp_path_factory):
    """Trained networks would join, with the weights that ship."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find, "_SHIPPED", tmp_path_factory.mktemp("shipped"))
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a study of both data sets."""
    folder = tmp_path_factory.mktemp("study")
    write_data(folder)
    (folder / "knee" / "notes.txt").write_text("no raw data")
    data = (str(folder / "knee"), str(folder / "brain"))
    assert main(["study", "convdecoder", *data, "-o", str(folder / "out"), "--frames", ":", *FLAGS]) == 0
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Work in a folder with both data sets."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


@pytest.fixture
def solved(monkeypatch) -> list[str]:
    """Return the names of the methods that are run from now on."""
    names: list[str] = []
    for kind in (ModelBasedMethod, UntrainedMethod):

        def solve(self, scan, progress, original=kind.solve):
            names.append(self.name)
            return original(self, scan, progress)

        monkeypatch.setattr(kind, "solve", solve)
    return names


def words(page: Path) -> str:
    visible = re.sub(r"<style.*?</style>", " ", page.read_text(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", visible)).split())


def finished(folder: Path, scan: str, method: str) -> dict[str, np.ndarray]:
    (path,) = folder.glob(f"finished/{scan}-{method}-*.npz")
    return dict(np.load(path))


# What it writes


def test_the_folder_holds_page_figures_and_scores(done):
    out = done / "out"
    assert {path.name for path in out.iterdir()} == {
        *("index.html", "scores.csv", "scores.json", "finished"),
        *("figure-2.png", "figure-3.png", "figure-4a.png", "figure-4b.png"),
    }
    assert len(list((out / "finished").iterdir())) == 4 * len(NAMES)


def sections(page: Path) -> dict[str, str]:
    """Return the visible words of each section of a page by its heading."""
    parts = re.findall(r"<section.*?<h2[^>]*>(.*?)</h2>(.*?)</section>", page.read_text(), flags=re.S)
    return {heading: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split()) for heading, part in parts}


def row_names(part: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<th scope="row">(.*?)</th>', part)]


def test_the_page_holds_every_part_and_needs_nothing_else(done):
    page = done / "out" / "index.html"
    code, shown = page.read_text(), sections(page)
    assert {"Scores", "Figures", "Ensembles", "What the scores mean", "How it was made"} <= set(shown)
    assert 'class="simulated"' in code
    names = row_names(code)
    assert {"ConvDecoder", "ConvDecoder, without data consistency", "ConvDecoder: best single member"} <= set(names)
    assert names.count("Total variation") == 2 + 2  # scores and gains of all scans, scores of two data sets
    figures = re.findall(r"<figcaption><b>Figure (\w+)\.</b>", code)
    assert figures == ["2", "3", "4a", "4b"]
    assert code.count('<p class="absent">') == 1
    assert shown["Scores"].count("ms-ssim") == 4
    assert {name for name in METRICS if f"<code>{name}</code>" in code} == {"vif", "fastmri-ssim", "psnr"}
    assert "input size" in names
    assert code.count("data:image/png;base64,") == 4 + 3 * 3
    assert not re.search(r"""<[^>]*\b(?:src|href)=(?!"data:)""", code)
    assert "<script" not in code
    assert "default-src 'none'" in code


def test_scores_are_those_of_the_kept_images(done):
    table = read_rows(done / "out" / "scores.csv")
    reference = root_sum_of_squares(ifft(head(1).kspace))
    for name in NAMES:
        arrays = {
            key: torch.from_numpy(array)
            for key, array in finished(done / "out", "knee-k1-npz", name).items()
            if key != "facts"
        }
        expected = {"image": arrays["image"].abs(), "without data consistency": arrays["before_data_consistency"].abs()}
        if name != "tv":
            first, second = arrays["members"].abs()
            expected |= {"member 1": first, "member 2": second}
            expected |= {"mean of first 1": first, "mean of first 2": (first + second) / 2}
        mine = [row for row in table if (row["scan"], row["method"]) == ("k1.npz", name)]
        assert {row["image"] for row in mine} == set(expected)
        for row in mine:
            for metric in ("psnr", "vif", "fastmri-ssim"):
                value = score(expected[row["image"]], reference, metric)
                assert float(row[metric]) == pytest.approx(value, rel=1e-5), (name, row["image"], metric)


def test_summaries_are_means_and_deviations_over_scans(done):
    written = json.loads((done / "out" / "scores.json").read_text())
    table = read_rows(done / "out" / "scores.csv")

    def values(name, image, dataset):
        return np.array(
            [
                float(row["psnr"])
                for row in table
                if (row["method"], row["image"]) == (name, image) and dataset in ("all", row["data_set"])
            ]
        )

    found = {(each["data_set"], each["method"], each["kind"]): each["psnr"] for each in written["summary"]}
    for dataset in ("all", "knee", "brain"):
        for name in NAMES:
            image, estimate = values(name, "image", dataset), values(name, "without data consistency", dataset)
            for kind, expected in (("image", image), ("before_data_consistency", estimate), ("gain", image - estimate)):
                spread = found[dataset, name, kind]
                assert spread["mean"] == pytest.approx(expected.mean())
                assert spread["deviation"] == pytest.approx(expected.std(ddof=1))
                assert spread["count"] == len(expected)
    members = np.stack([values("dip", f"member {place}", "all") for place in (1, 2)])
    assert found["all", "dip", "best member"]["mean"] == pytest.approx(members.max(axis=0).mean())
    assert found["all", "dip", "mean member"]["mean"] == pytest.approx(members.mean())
    assert ("all", "tv", "best member") not in found
    assert f"{found['all', 'convdecoder', 'image']['mean']:.2f} ± " in words(done / "out" / "index.html")


def test_a_spread_of_one_has_no_deviation():
    assert Spread.of([2.0, float("nan")]).count == 1
    assert np.isnan(Spread.of([2.0]).deviation)


@pytest.mark.parametrize(
    "method",
    [
        TotalVariation(weight=0.002),
        ConvDecoder(**TINY, layers=3),
        ConvDecoder(**TINY, layers=3, coil_map_method="none"),
    ],
    ids=["tv", "maps", "no maps"],
)
def test_the_estimate_is_the_image_without_data_consistency(method):
    scan = undersample(head(0), "random", 2.0, lines=12)
    if method.family == "untrained":
        method = method.model_copy(update={"proximity_weight": None})
    made, own = method(scan), method.model_copy(update={"coil_combination": "maps"})(scan)
    torch.testing.assert_close(made.before_data_consistency.abs(), own.magnitude)
    assert not torch.allclose(made.magnitude, own.magnitude, rtol=0.01)
    assert own.before_data_consistency is None


@pytest.mark.usefixtures("here")
def test_crop_cuts_what_is_scored_and_shown():
    assert main(["study", "convdecoder", "knee/k0.npz", "--crop", "44", "42", *FLAGS]) == 0
    out = Path("fourfold-study")
    assert finished(out, "knee-k0-npz", "tv")["image"].shape == (1, 44, 42)
    reference = crop_centre(root_sum_of_squares(ifft(head(0).kspace)), (44, 42))
    image = torch.from_numpy(finished(out, "knee-k0-npz", "tv")["image"]).abs()
    (row,) = (row for row in read_rows(out / "scores.csv") if (row["method"], row["image"]) == ("tv", "image"))
    assert float(row["psnr"]) == pytest.approx(score(image, reference, "psnr"), rel=1e-5)


@pytest.mark.usefixtures("here")
def test_the_middle_frame_unless_told_and_one_member_is_no_ensemble(capsys):
    assert main(["study", "convdecoder", "brain", "--members", "1", *FLAGS[2:], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {each["scan"] for each in told["results"]} == {"b.npz, frame 1"}
    shown = sections(Path("fourfold-study/index.html"))
    assert "single member" in shown["Figures"]
    assert "Ensembles" not in shown


@pytest.mark.usefixtures("here")
def test_a_method_s_own_setting_wins_over_that_for_all():
    assert main(["study", "convdecoder", "knee/k0.npz", *FLAGS, "--dip.members", "1"]) == 0
    settings = json.loads(Path("fourfold-study/scores.json").read_text())["settings"]
    assert [settings[name].get("members") for name in NAMES] == [None, 2, 1, 2]


# Trained networks and refusals by methods


class Trained(ZeroFilled):
    """Stands for a trained network."""

    name: ClassVar[str] = "some-net"
    title: ClassVar[str] = "Some network"
    family: ClassVar = "trained"


@pytest.mark.usefixtures("here")
def test_trained_networks_join_when_there_are_some(monkeypatch):
    monkeypatch.setattr(convdecoder, "methods", lambda: {**methods(), "some-net": Trained})
    assert main(["study", "convdecoder", "knee/k0.npz", *FLAGS]) == 0
    text = words(Path("fourfold-study/index.html"))
    assert "Some network" in text
    assert "needs a second data set" in text
    assert main(["study", "convdecoder", "knee/k0.npz", "brain", *FLAGS]) == 0
    text = words(Path("fourfold-study/index.html"))
    assert "Trained networks and ConvDecoder on the data set knee" in text
    assert Path("fourfold-study/figure-5b.png").is_file()


@pytest.mark.usefixtures("here")
def test_what_a_method_refuses_is_listed_and_the_others_go_on(monkeypatch):
    def refuse(self, scan, progress):  # noqa: ARG001
        raise InputError("The scan is too plain; give a better one.")

    monkeypatch.setattr(TotalVariation, "solve", refuse)
    assert main(["study", "convdecoder", "knee/k0.npz", *FLAGS]) == 0
    assert "knee: k0.npz, tv : The scan is too plain" in words(Path("fourfold-study/index.html"))
    assert {row["method"] for row in read_rows(Path("fourfold-study/scores.csv"))} == set(NAMES[1:])


@pytest.mark.usefixtures("here")
def test_without_its_subject_there_are_scores_and_no_figures(monkeypatch, capsys):
    def refuse(self, scan, progress):  # noqa: ARG001
        raise InputError("The scan is too plain; give a better one.")

    monkeypatch.setattr(UntrainedMethod, "solve", refuse)
    assert main(["study", "convdecoder", "knee/k0.npz", *FLAGS]) == 0
    assert "no scan suits 'convdecoder'" in words(Path("fourfold-study/index.html"))
    monkeypatch.setattr(ModelBasedMethod, "solve", refuse)
    assert main(["study", "convdecoder", "knee/k1.npz", "-o", "other", *FLAGS]) == 2
    assert "No method suits any of the scans. knee: k1.npz, tv: The scan is too plain" in capsys.readouterr().err


# Resuming


@pytest.mark.usefixtures("here")
def test_finished_work_is_taken_over_where_everything_agrees(solved, monkeypatch):
    command = ["study", "convdecoder", "knee/k0.npz", *FLAGS]
    assert main(command) == 0
    assert solved == list(NAMES)
    before = Path("fourfold-study/scores.csv").read_text()
    solved.clear()
    assert main(command) == 0
    assert solved == []
    assert Path("fourfold-study/scores.csv").read_text() == before
    # From here on it is not the page that matters.
    monkeypatch.setattr(study_run, "write_study", lambda _: StudyPage(Path("index.html"), (), (), {}))
    assert main([*command, "--convdecoder.learning-rate", "0.02"]) == 0
    assert solved == ["convdecoder"]
    solved.clear()
    assert main(["study", "convdecoder", "knee/k0.npz", "knee/k1.npz", *FLAGS]) == 0
    assert solved == list(NAMES)
    solved.clear()
    for change in (["--seed", "1"], ["--reference", "matched"], ["--crop", "44", "44"]):
        assert main([*command, *change]) == 0
        assert solved == list(NAMES), change
        solved.clear()
    save_scan(head(7), "knee/k0.npz")
    assert main(command) == 0
    assert solved == list(NAMES)


@pytest.mark.usefixtures("here")
def test_an_interruption_keeps_what_is_finished(solved, monkeypatch, capsys):
    original = UntrainedMethod.solve

    def interrupt(self, scan, progress):
        if self.name == "dip":
            raise KeyboardInterrupt
        return original(self, scan, progress)

    monkeypatch.setattr(UntrainedMethod, "solve", interrupt)
    command = ["study", "convdecoder", "knee/k0.npz", *FLAGS]
    assert main(command) == 130
    assert "the same command resumes the study" in capsys.readouterr().err
    assert not Path("fourfold-study/index.html").exists()
    monkeypatch.setattr(UntrainedMethod, "solve", original)
    solved.clear()
    assert main(command) == 0
    assert solved == ["dip", "convdecoder"]


# Refusals


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "There is no scan to study"),
        (("empty",), "holds no raw data"),
        (("knee", "under.npz"), r"'under.npz' is undersampled already \(2.00×\)"),
        (("radial.npz",), r"'radial.npz' is non-Cartesian \(radial\)"),
        (("absent.npz",), "no file 'absent.npz'"),
        (("knee", "--crop", "60", "20"), "are 48×44 and cannot be cut to 60×20"),
        (("knee", "--frames", "3:5"), "this file has frames 0 to 0"),
        (("knee", "--members", "0"), "members"),
        (("knee", "-o", "under.npz"), "is a file: name a folder"),
        (("knee", "--pattern", "ramdom"), "Did you mean 'random'"),
    ],
)
def test_refusals_come_before_any_work(arguments, sentence, solved, capsys):
    Path("empty").mkdir()
    save_scan(undersample(head(0), "random", 2.0, lines=12), "under.npz")
    save_scan(simulate(phantom(SIZE), coils=4, trajectory=radial(SIZE, 8)), "radial.npz")
    assert main(["study", "convdecoder", *arguments]) == 2
    assert re.search(sentence, capsys.readouterr().err)
    assert solved == []
    assert not Path("fourfold-study").exists()


def test_an_unknown_study_is_refused(capsys):
    assert main(["study", "convdecodr", "knee"]) == 2
    assert "convdecoder" in capsys.readouterr().err
