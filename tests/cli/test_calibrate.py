"""`fourfold calibrate`, and `recon` and `compare` with what it has learned."""

import json

import numpy as np
import pytest
import torch

import fourfold as ff
from fourfold.cli.main import main
from fourfold.simulation.simulate import phantom, simulate

FAST = ["--method", "diffusion", "--denoiser", "tv", "--members", "3", "--steps", "2"]
SUBJECTS = [*FAST, "--subjects", "^(sub-[0-9]+)", "--snr", "50", "60", "--coils", "4"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "heads.npz"
    head = phantom((32, 24))
    slices = torch.stack([head * (1 + 0.1 * number) for number in range(10)])
    np.savez(path, slices=slices.numpy(), ids=np.array([f"sub-{number // 2:02}:{number % 2}" for number in range(10)]))
    return path


@pytest.fixture(scope="module")
def learned(images, tmp_path_factory):
    """Return the file of intervals that were learned from five subjects, and what was printed."""
    output = tmp_path_factory.mktemp("learned") / "heads.json"
    page = output.with_name("heads.html")
    options = ["--crop", "32", "24", "--slices", "1", "--coverage", "0.7", "--bound-confidence", "0.7"]
    options += ["--description", "five phantoms"]
    command = ["calibrate", str(images), *SUBJECTS, *options, "-o", str(output), "--report", str(page)]
    assert main(command) == 0
    return output, page, command


def test_the_file_says_what_was_learned_from_what(learned, images):
    content = json.loads(learned[0].read_text())
    assert content["name"] == "heads"
    assert content["method"] == "diffusion"
    assert content["settings"]["members"] == 3
    assert content["scans"]["subjects"] == [f"sub-{number:02}" for number in range(5)]
    assert content["scans"]["slices"] == 5
    assert content["scans"]["description"] == "five phantoms"
    assert content["scans"]["simulated"]
    assert content["scans"]["patterns"] == ["random"]
    assert content["scans"]["files"][0]["name"] == images.name
    assert set(content["results"]["by_subject"]) == set(content["scans"]["subjects"])
    assert 0.5 < content["results"]["coverage"] <= 1
    assert set(content["bounds"]) <= {"psnr", "fastmri-ssim"}
    assert content["bounds"]["psnr"]["confidence"] == 0.7
    page = learned[1].read_text()
    assert "What the intervals state" in page
    assert "Coverage of each subject" in page
    assert "Map of missed pixels" in page


def test_the_same_command_goes_on_from_finished_reconstructions(learned, capsys):
    kept = learned[0].with_name("heads-results")
    times = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(times) == 5
    again = [each if each != "0.7" else "0.75" for each in learned[2]]
    assert main([*again, "--force", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["coverage"] == 0.75
    assert {path.name: path.stat().st_mtime_ns for path in kept.iterdir()} == times


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--coverage", "0.9"], "at least 9 subjects and there are 5"),
        (["--procedure", "subjects", "--confidence", "0.5", "--coverage", "90"], "The coverage is 90"),
        (["--procedure", "rcps"], "need at least 22 subjects"),
        (["--learn-on", "sub-00,sub-01", "--test-on", "sub-01"], "both learned from and tested on"),
        (["--test-on", "sub-9"], "no subject 'sub-9'"),
        (["--pattern", "randm"], "no pattern 'randm' of single slices"),
        (["--width", "0.2"], "has the option 'width'"),
        (["--slices", "0"], "0 slices of each subject"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_the_work(options, sentence, images, tmp_path, capsys):
    output = tmp_path / "x.json"
    assert main(["calibrate", str(images), *SUBJECTS, "-o", str(output), *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not output.exists()
    assert not (tmp_path / "x-results").exists()


def test_a_name_that_intervals_cannot_have_is_refused(images, tmp_path, capsys):
    assert main(["calibrate", str(images), *SUBJECTS, "-o", str(tmp_path / "My heads.json")]) == 2
    assert "cannot have the name 'My heads'" in capsys.readouterr().err


def test_subjects_must_be_named(images, tmp_path, capsys):
    command = ["calibrate", str(images), *FAST, "-o", str(tmp_path / "x.json")]
    assert main([*command, "--subjects", "^(patient)"]) == 2
    assert "does not match 'sub-00:0'" in capsys.readouterr().err
    assert main(command) == 2
    assert "--subjects" in capsys.readouterr().err


def test_a_method_without_standard_deviation_and_a_copied_file_are_refused(images, tmp_path, capsys):
    output = ["-o", str(tmp_path / "x.json"), "--subjects", "^(sub-[0-9]+)", "--coverage", "0.5"]
    assert main(["calibrate", str(images), "--method", "zero-filled", "--slices", "1", *output]) == 2
    assert "gives no standard deviation" in capsys.readouterr().err
    copy = tmp_path / "copy.npz"
    copy.write_bytes(images.read_bytes())
    assert main(["calibrate", str(images), str(copy), *FAST, *output]) == 2
    assert "hold the same data" in capsys.readouterr().err


def test_recon_writes_the_interval_and_the_page_shows_it(learned, tmp_path, capsys):
    ff.save_scan(ff.undersample(simulate(phantom((48, 40)), coils=4), acceleration=4), tmp_path / "scan.npz")
    output, page = tmp_path / "image.npz", tmp_path / "page.html"
    command = ["recon", str(tmp_path / "scan.npz"), "-o", str(output), "--intervals", str(learned[0])]
    assert main([*command, *FAST, "--report", str(page)]) == 0
    with np.load(output) as file:
        magnitude = np.abs(file["image"])
        assert (file["lower"] <= magnitude).all()
        assert (magnitude <= file["upper"]).all()
        record = json.loads(file["record"].item())
    assert record["details"]["intervals"]["name"] == "heads"
    assert "psnr" in record["details"]["at_least"]
    printed = capsys.readouterr().err
    assert "lie in the interval" in printed
    assert f"at least {record['details']['at_least']['psnr']:.2f} in this frame" in printed
    text = page.read_text()
    assert "Lower end" in text
    assert "Width" in text
    assert main([*command, "--method", "tv", "--force"]) == 2
    assert "learned for the method 'diffusion'" in capsys.readouterr().err
    assert main([*command, *FAST[:-1], "3", "--force"]) == 2
    assert "learned with steps = 2 and the image is made with steps = 3" in capsys.readouterr().err


def test_compare_checks_the_standard_deviation(tmp_path, capsys):
    ff.save_scan(simulate(phantom((48, 40)), coils=4), tmp_path / "scan.npz")
    page = tmp_path / "page.html"
    fast = ["--diffusion.denoiser", "tv", "--diffusion.members", "2", "--diffusion.steps", "2"]
    command = ["compare", str(tmp_path / "scan.npz"), "zero-filled", "diffusion", *fast, "--report", str(page)]
    assert main([*command, "--json"]) == 0
    zero_filled, diffusion = json.loads(capsys.readouterr().out)["results"]
    assert zero_filled["std_check"] is None
    check = diffusion["std_check"]
    assert 0 < check["coverage"] < 1
    assert len(check["std"]) == len(check["error"]) == 10
    assert check["std"] == sorted(check["std"])
    assert "image ± 1.645 std holds the reference in" in page.read_text()
