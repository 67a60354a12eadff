"""`fourfold weights`: what ships, and whether it is whole."""

import json

import pytest
from tests.helpers.trained_weights import write_small

from fourfold.cli.main import main
from fourfold.weights import find
from fourfold.weights.state_dict import write_weights


@pytest.fixture(autouse=True)
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "_SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_an_empty_list_is_reported(capsys):
    for action in ("list", "verify"):
        assert main(["weights", action]) == 0
        assert "No weights ship" in capsys.readouterr().out


def test_weights_are_listed(shipped, tmp_path, capsys):
    write_small(shipped / "head-unet", "unet", "head-unet")
    write_small(shipped / "head-varnet", "varnet", "head-varnet")
    own_weights = write_small(tmp_path / "mine", "cascade", "mine")
    assert main(["weights", "list"]) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("head-unet", "head-varnet", "CC0-1.0", "Apache-2.0"))
    assert main(["weights", "list", str(own_weights), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out).values()
    assert (result["name"], result["network"], result["path"]) == ("mine", "cascade", str(own_weights))
    assert result["parameters"] == 2 * (2 * 4 * 9 + 4 + 4 * 4 * 9 + 4 + 4 * 2 * 9 + 2)
    assert result["scores"] == {"psnr, nothing": 12.5}


def test_undamaged_weights_pass(shipped, capsys):
    write_small(shipped / "head-unet", "unet", "head-unet")
    write_small(shipped / "plain", "resnet", "plain", reference_output=None)
    assert main(["weights", "verify"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("head-unet: SHA-256")
    assert first.endswith("reference output reproduced.")
    assert second.endswith("reference output not in the manifest.")


@pytest.mark.parametrize("damage", ["bytes", "reference output", "settings", "network"])
def test_damage_is_detected(damage, shipped, capsys):
    folder = write_small(shipped / "head-unet", "unet", "head-unet")
    weights, manifest = folder / "weights.safetensors", folder / "manifest.json"
    content = json.loads(manifest.read_text())
    if damage == "bytes":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    elif damage == "reference output":
        content["reference_output"][0] += 0.01
    elif damage == "settings":
        content["settings"]["channels"] = 8
    else:
        content["network"] = "vernet"
    manifest.write_text(json.dumps(content))
    assert main(["weights", "verify"]) == 2
    words = {
        "bytes": "changed or damaged",
        "reference output": "reference output",
        "settings": "do not fit",
        "network": "'varnet'",
    }
    assert words[damage] in capsys.readouterr().err


def test_unknown_names_are_refused(capsys):
    assert main(["weights", "verify", "t1-small"]) == 2
    assert "no weights 't1-small'" in capsys.readouterr().err
    assert main(["weights", "lost"]) == 2


def test_a_manifest_without_optional_fields_is_valid(tmp_path):
    """As training writes it before anybody has asked."""
    folder = write_small(tmp_path / "mine", "unet")
    known = json.loads((folder / "manifest.json").read_text())
    for name in ("reference_output", "scan_statistics", "sha256"):
        del known[name]
    from fourfold.weights.state_dict import read_weights

    manifest = write_weights(folder, read_weights(folder)[0], known)
    assert manifest.reference_output is None
    assert manifest.scan_statistics is None
