"""`fourfold info`: dimensions, protocol, place, and what is missing."""

import json

import pytest
from tests.formats.test_mrd_facts import write_with_subject
from tests.helpers.fastmri import full_kspace, write_fastmri

from fourfold.cli.main import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_protocol_place_and_what_is_missing_as_json(tmp_path, capsys):
    write_with_subject(tmp_path / "a.h5", "ST5")
    assert main(["info", "a.h5", "--json"]) == 0
    printed = capsys.readouterr().out
    facts = json.loads(printed)
    assert facts["protocol"]["echo_times_ms"] == [5.0, 10.0]
    assert facts["protocol"]["patient_position"] == "HFS"
    assert (facts["voxel_size_mm"], facts["slice_thickness_mm"], facts["phase_axis"]) == ([5.0, 3.0, 4.0], 5.0, "y")
    assert (facts["orientation"], facts["right_handed"]) == ("LPS", True)
    assert facts["first_centre_mm"] == facts["last_centre_mm"] == [0.0, 0.0, 0.0]
    assert {"patient_name", "study_id"} <= set(facts["identity_known"])
    assert {"model", "field_strength", "bandwidth"} <= set(facts["missing"])
    assert not {"orientation", "position", "echo_times"} & set(facts["missing"])
    assert "Doe" not in printed


def test_what_is_missing_is_said_in_words(tmp_path, capsys):
    write_fastmri(tmp_path / "a.h5", full_kspace())
    assert main(["info", "a.h5"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    facts = {name: text.strip() for name, text in lines.items()}
    assert facts["orientation"] == facts["first centre mm"] == "not known"
    assert facts["slice thickness mm"] == "4.5"
    assert facts["missing"].startswith("orientation, position, ")
    assert "repetition times ms 2800" in facts["protocol"]
    assert facts["identity known"] == "nothing"


def test_positions_are_told_by_the_sides_of_the_patient(tmp_path, capsys):
    write_fastmri(tmp_path / "a.h5", full_kspace())
    assert main(["info", "a.h5", "--orientation", "LSP"]) == 0
    out = capsys.readouterr().out
    assert "0 left, 4.5 front, 0 head" in out
    assert "0 left, 4.5 back, 0 head" in out
