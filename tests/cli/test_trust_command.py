"""`fourfold trust`, and `--trust` and `--quick` of other commands."""

import json

import pytest

import fourfold as ff
from fourfold.cli.main import main
from fourfold.confidence import choose
from fourfold.formats import save_scan
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture
def scan_file(tmp_path, monkeypatch):
    """Write an undersampled scan in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choose, "CANDIDATES", ("zero-filled", "tv"))
    full = simulate(phantom((64, 48)), coils=2)
    save_scan(ff.undersample(full, "random", 2, lines=12), "scan.npz")


def output(capsys, *command):
    assert main(command) == 0
    return capsys.readouterr()


@pytest.mark.usefixtures("scan_file")
def test_trust_prints_its_parts_and_writes_a_page(tmp_path, capsys):
    printed = output(capsys, "trust", "scan.npz", "--method", "cg-sense", "--weight", "0.01", "--report", "a.html")
    assert "held-back error" in printed.out
    assert "6 reconstructions beside the image" in printed.out
    page = (tmp_path / "a.html").read_text()
    assert "How far to believe the images" in page
    assert "Null component" in page
    found = json.loads(
        output(capsys, "trust", "scan.npz", "-m", "zero-filled", "--parts", "null component", "--json").out
    )
    assert [part["name"] for part in found["parts"]] == ["null component"]


@pytest.mark.usefixtures("scan_file")
def test_recon_chooses_by_held_back_samples_and_says_how_far_to_believe_the_image(capsys):
    printed = output(capsys, "recon", "scan.npz", "--trust", "--json", "--report", "a.html")
    record = json.loads(printed.out)
    assert record["method"] == "tv"
    assert "it predicts held-back lines best; errors in dB of the image's energy: tv" in record["notes"][0]
    assert record["trust"]["parts"][0]["name"] == "held-back error"


@pytest.mark.usefixtures("scan_file")
def test_recon_warns_of_a_method_below_zero_filling_unless_it_is_to_be_quick(capsys, monkeypatch):
    warning = "Do not trust this image: 'grappa' is worse."
    monkeypatch.setattr("fourfold.confidence.check.check_method", lambda *_, **__: (warning,))
    command = ["recon", "scan.npz", "--method", "grappa", "--json"]
    assert warning in json.loads(output(capsys, *command).out)["notes"]
    assert warning not in json.loads(output(capsys, *command, "--quick", "--force").out)["notes"]


@pytest.mark.usefixtures("scan_file")
def test_compare_without_a_reference_prints_the_ranking(tmp_path, capsys):
    printed = output(capsys, "compare", "scan.npz", "zero-filled", "cg-sense", "--report", "a.html")
    assert "By held-back lines, 'cg-sense' is the best with a probability of" in " ".join(printed.out.split())
    assert "Ranking without a reference" in (tmp_path / "a.html").read_text()
    assert "probability" not in output(capsys, "compare", "scan.npz", "zero-filled", "cg-sense", "--no-trust").out


def test_the_page_has_a_banner_where_an_image_should_not_be_trusted(tmp_path):
    full = simulate(phantom((64, 48)), coils=2)
    scan = ff.undersample(full, "random", 2, lines=12)
    kspace = scan.kspace.clone()
    kspace[:, :, scan.mask[0].any(dim=1).nonzero().flatten()[:3]] = 0
    empty = scan.replace(kspace=kspace)
    found = ff.trust(ff.ZeroFilled(), empty, ["held-back error"])
    page = ff.write_report([found.reconstruction], tmp_path / "a.html", scan=empty, trusts=[found]).read_text()
    assert (
        page.index("Do not trust this image") < page.index("The data contradict the mask") < page.index("Images</h2>")
    )
