"""A small reader study of made-up images, and its requests."""

import csv
from pathlib import Path

import numpy as np

from fourfold.reader_study.folder import create_study
from fourfold.reader_study.settings import ReaderStudySettings
from fourfold.reader_study.sources import find_cases

METHODS = ("alpha-net", "beta-tv", "gamma-sense")
SIZE = (24, 20)
CRITERIA = [
    {"name": "Overall quality"},
    {"name": "Artefacts", "kind": "score", "scale": ["none", "some", "many"], "higher_is_better": False},
]


def write_images(folder: Path, cases: int = 4, methods: tuple[str, ...] = METHODS) -> Path:
    """Write images for each method and case, the later methods the brighter; return their folder."""
    rng = np.random.default_rng(0)
    for index, method in enumerate(methods):
        (folder / method).mkdir(parents=True)
        for case in range(cases):
            image = rng.random(SIZE).astype(np.float32) + index
            np.save(folder / method / f"head{case}.npy", image)
    return folder


def make_study(folder: Path, cases: int = 4, methods: tuple[str, ...] = METHODS, **settings):
    """Write images and create a study of them in ``study``; return what was created."""
    given = {"readers": ["Anna", "Ben"], "criteria": CRITERIA, "repeats": 0.25, **settings}
    chosen = ReaderStudySettings(**given)
    found, _ = find_cases([write_images(folder / "images", cases, methods)], chosen)
    return create_study(folder / "study", found, chosen)


def tokens_of(study: Path) -> dict[str, str]:
    """Return the readers' tokens."""
    with (study / "readers.csv").open() as file:
        return {row["reader"]: row["token"] for row in csv.DictReader(file)}


def mean_of(pixels: bytes) -> float:
    """Return the mean of an image as the server sends it."""
    return float(np.frombuffer(pixels, "<u2").mean())
