"""`fourfold study transfer`: the grid, who is in which part, what is taken over, what is written and found."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fourfold.cli.main import main
from fourfold import datasets
from fourfold.errors import InputError
from fourfold.metrics import score
from fourfold.physics.simulate import phantom
from fourfold.studies import transfer as study_module
from fourfold.studies.scores import Scores
from fourfold.studies.transfer import Cell, Transfer, TransferSettings, grid, transfer
from fourfold.studies.transfer_findings import transfer_findings
from fourfold.training.train import train
from fourfold.weights.network import load_network

SIZE = 32


def write_images(path: Path, prefix: str, seed: int, subjects: int = 5) -> None:
    """Write two images for each of some subjects: pieces of the phantom."""
    rng = np.random.default_rng(seed)
    whole = phantom((96, 96)).numpy()
    corners = rng.integers(16, 48, size=(2 * subjects, 2))
    pieces = np.stack([whole[y : y + SIZE, x : x + SIZE] for y, x in corners]).astype(np.float32) + 0.05
    np.savez(path, images=pieces, names=[f"{prefix}{index // 2}:{index % 2}" for index in range(2 * subjects)])


def given(folder: Path) -> dict:
    """Return the settings of a study of images in a folder."""

    def domain(name: str, **more) -> dict:
        return {"sources": [{"kind": "images", "path": str(folder / f"{name}.npz"), "crop": [SIZE, SIZE]}], **more}

    return {
        "domains": {
            "photos": domain("photos", split={"validation": [], "test": []}),
            "T1": domain("T1", split={"validation": [], "test": 0.4}),
            "T2": domain("T2", split={"validation": [], "test": 0.4}, sizes=[3]),
        },
        "train_on": ["photos", "T1", "T2"],
        "test_on": ["T1", "T2"],
        "sizes": [2, 6],
        "tuning_sizes": [0, 1, 3],
        "shown_tuning": 3,
        "cells": "tables",
        "training": {
            "network": {"kind": "cascade", "subnetworks": 1, "channels": 4, "layers": 1},
            "data": {
                "masks": {"kind": "random", "acceleration": 3.2, "lines": 6},
                "simulation": {"coils": 1, "snr": None},
            },
            "losses": ["hybrid"],
            "optimiser": {"kind": "adam", "rate": 0.01},
            "batch_size": 2,
            "stages": [{"train": "subnetworks", "steps": 2}, {"steps": 3, "rate": 0.001}],
            "precision": "float32",
        },
        "test_images": 3,
        "methods": ["zero-filled", {"kind": "tv", "weight": 0.002, "iterations": 20}],
    }


def write_all(folder: Path) -> None:
    for seed, name in enumerate(("photos", "T1", "T2")):
        write_images(folder / f"{name}.npz", f"{name}-", seed)


@pytest.fixture
def images(tmp_path) -> Path:
    """Return a folder with the images of three domains."""
    write_all(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """Return the folder of a whole study."""
    folder = tmp_path_factory.mktemp("transfer")
    write_all(folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(given(folder)))
    assert main(["study", "transfer", str(folder / "study.yaml"), "-o", str(folder / "out")]) == 0
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_writes_tables_figures_and_findings(done):
    out = done / "out"
    assert {path.name for path in out.glob("table-*.csv")} == {f"table-{number}.csv" for number in (1, 2, 3, 4)}
    figures = {path.stem.removeprefix("figure-") for path in out.glob("figure-*.png")}
    assert figures == {"2", "3", "4a", "4b", "4c", "5a", "5b", "5c", "6a", "6b"}
    page = (out / "index.html").read_text()
    findings = json.loads((out / "scores.json").read_text())["findings"]
    assert len(findings) == 2 * 6
    assert "Table 4" in page
    assert "image by image" in page
