"""Weights on disk: what is written is read again, and nothing else is."""

import json

import pytest
import torch

from fourfold.errors import InputError
from fourfold.networks.resnet import ResNet
from fourfold.networks.varnet import VarNet
from fourfold.weights.state_dict import load_state, read_weights, write_weights
from fourfold.weights.weight_files import read_manifest

KNOWN = {
    "name": "test-resnet",
    "network": "resnet",
    "settings": {"blocks": 1, "channels": 4},
    "training_data": [{"name": "none", "licence": "CC0-1.0"}],
    "training": {"epochs": 0},
    "scores": {},
    "licence": "CC0-1.0",
}


@pytest.fixture
def folder(tmp_path):
    network = ResNet(blocks=1, channels=4, seed=5)
    write_weights(tmp_path / "weights" / "test", network.state_dict(), KNOWN)
    return tmp_path / "weights" / "test"


def test_saved_weights_are_loaded_again(folder):
    state, manifest = read_weights(folder)
    assert manifest == read_manifest(folder)
    assert manifest.name == "test-resnet"
    network, original = ResNet(**manifest.settings), ResNet(blocks=1, channels=4, seed=5)
    x = torch.rand(1, 1, 8, 9)
    assert not torch.equal(network(x), original(x))
    load_state(network, state, manifest.name)
    assert torch.equal(network(x), original(x))
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "weights.safetensors"]


def test_changed_weights_are_refused(folder):
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="changed or damaged"):
        read_weights(folder)


def test_weights_of_another_network_are_refused(folder):
    state, manifest = read_weights(folder)
    before = ResNet(blocks=2, channels=4)
    for network in (before, ResNet(blocks=1, channels=8), VarNet(1, 4, 2, 4, 2)):
        with pytest.raises(InputError, match="'test-resnet' do not fit"):
            load_state(network, state, manifest.name)
    fresh = ResNet(blocks=2, channels=4)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), fresh.parameters(), strict=True))


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        read_weights(tmp_path)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"no weights\.safetensors"):
        read_weights(folder)


@pytest.mark.parametrize("missing", [*KNOWN, "sha256"])
def test_an_incomplete_manifest_is_refused(folder, missing):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"incomplete: '{missing}'"):
        read_weights(folder)


@pytest.mark.parametrize(("text", "words"), [("{", "is not valid JSON"), ("[]", "is not a manifest")])
def test_other_files_are_refused(folder, text, words):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"name": "A b"}, "'name'"), ({"training_data": []}, "'training_data'"), ({"colour": "red"}, "'colour'")],
)
def test_nothing_is_written_with_a_bad_manifest(tmp_path, change, words):
    with pytest.raises(InputError, match=words):
        write_weights(tmp_path / "new", ResNet(blocks=1, channels=4).state_dict(), {**KNOWN, **change})
    assert not (tmp_path / "new").exists()
