"""Examples for training: how fast one process makes them, and what memory 10,000 of them take with four workers.

Memory is what all processes of the loader use together (proportional set size, shared pages counted once). It is read
after the first tenth of the slices, when every worker has its buffers, and after the last.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.harness import Rows, Task, in_fresh_process
from fourfold.datasets import DataSettings, Examples, collate, training_set
from fourfold.formats import save_scan
from fourfold.simulation.simulate import phantom, simulate

__all__ = ["family_memory", "growth", "tasks"]

WORKERS = 4
SLICES, QUICK_SLICES = 10_000, 200
FILES, FRAMES = 25, 20


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield the loading of images and of raw files, and the time of one example; the sizes make no difference."""
    del sizes
    slices = QUICK_SLICES if quick else SLICES
    for name, make in (("images 4×64×64", images), ("raw HDF5 4×64×64", raw)):
        title = f"Loading {slices:,} slices with {WORKERS} workers, {name}"
        yield Task(title, partial(measure, title, make, slices))
    yield Task("Making one example, one thread", partial(speed, "Making one example, one thread", 5 if quick else 50))


def images(folder: Path) -> Examples:
    """Return examples simulated from a file of 1,000 images."""
    rng = np.random.default_rng(0)
    head = phantom((64, 64)).numpy() * 4000
    slices = (head * rng.uniform(0.5, 1.5, (1000, 1, 1))).astype(np.uint16)
    ids = [f"subject {index // 10}:{index % 10}" for index in range(1000)]
    np.savez(folder / "images.npz", slices=slices, ids=ids)
    source = {"kind": "images", "path": str(folder / "images.npz"), "crop": None}
    return training_set(DataSettings(training=[source], simulation={"coils": 4}, maps="true"))


def raw(folder: Path) -> Examples:
    """Return examples of 500 slices in fastMRI's layout."""
    frames = phantom((64, 64)).expand(FRAMES, -1, -1)
    for number in range(FILES):
        save_scan(simulate(frames, coils=4, seed=number), folder / f"volume{number:02}.h5")
    source = {"kind": "raw", "path": str(folder)}
    return training_set(DataSettings(training=[source], maps="none", reference="rss"))


def measure(title: str, make: Callable[[Path], Examples], slices: int) -> Rows:
    """Load slices, epoch after epoch, in a fresh process."""
    outcome = in_fresh_process(_load, make, slices)
    return [{"task": title, "contender": "fourfold", **outcome}]


def _load(make: Callable[[Path], Examples], slices: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        examples = make(Path(folder))
        start = time.perf_counter()
        early, late = growth(examples, slices, WORKERS)
        seconds = time.perf_counter() - start
    figures = {"MiB after a tenth": early / 2**20, "MiB at the end": late / 2**20, "slices/s": slices / seconds}
    return {"status": "ok", "seconds": seconds, "memory_mib": late / 2**20, "figures": figures}


def growth(examples: Examples, slices: int, workers: int) -> tuple[int, int]:
    """Return the memory of all processes after a tenth of the slices and after all of them, in bytes."""
    batches = DataLoader(
        examples,
        batch_size=4,
        shuffle=True,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
    )
    early, loaded, epoch = 0, 0, 0
    while loaded < slices:
        examples.set_epoch(epoch)
        for batch in batches:
            loaded += len(batch)
            if not early and loaded >= slices / 10:
                early = family_memory()
        epoch += 1
    return early, family_memory()


def family_memory() -> int:
    """Return the proportional set size of this process and its children, in bytes."""
    gc.collect()
    this_process = Path("/proc/self")
    children = " ".join(file.read_text() for file in this_process.glob("task/*/children")).split()
    folders = (this_process, *(Path("/proc") / child for child in children))
    return sum(_proportional(folder / "smaps_rollup") for folder in folders)


def _proportional(rollup: Path) -> int:
    lines = rollup.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def speed(title: str, count: int) -> Rows:
    """Time examples of 8×256×256 from an image, with the true coil maps and with ESPIRiT's."""
    return [
        {"task": title, "contender": f"8×256×256, {maps} maps", **in_fresh_process(_time, maps, count)}
        for maps in ("true", "espirit")
    ]


def _time(maps: str, count: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "head.npy", phantom((256, 256)).numpy())
        source = {"kind": "images", "path": f"{folder}/head.npy"}
        examples = training_set(DataSettings(training=[source], maps=maps))
        for epoch in range(3):
            examples.set_epoch(epoch)
            examples[0]
        start = time.perf_counter()
        for epoch in range(count):
            examples.set_epoch(epoch)
            examples[0]
        seconds = (time.perf_counter() - start) / count
    return {"status": "ok", "seconds": seconds, "memory_mib": family_memory() / 2**20, "figures": {}}
