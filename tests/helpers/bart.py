"""BART as an oracle: its files, and its command where it is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

needs_bart = pytest.mark.skipif(shutil.which("bart") is None, reason="needs BART")


def run_bart(folder: Path, *arguments: object) -> str:
    """Run a command of BART in a folder and return what it prints."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = ["bart", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def write_cfl(path: Path, array: np.ndarray) -> Path:
    """Write an array with BART's dimensions as its axes and return the data file."""
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, array.shape)) + "\n")
    # BART's first dimension is the fastest.
    array.astype(np.complex64).ravel(order="F").tofile(path.with_suffix(".cfl"))
    return path.with_suffix(".cfl")


def read_cfl(path: Path) -> np.ndarray:
    """Return the array of a pair of files, without the dimensions of size 1 at the end."""
    sizes = [int(size) for size in path.with_suffix(".hdr").read_text().splitlines()[1].split()]
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape(sizes, order="F")


def bart_of(folder: Path, array: np.ndarray, *arguments: object) -> np.ndarray:
    """Return what a command of BART makes of an array."""
    write_cfl(folder / "input", array)
    run_bart(folder, *arguments, "input", "output")
    return read_cfl(folder / "output")
