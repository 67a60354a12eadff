"""K-space arrays in files of several formats."""

from pathlib import Path

import h5py
import numpy as np
from tests.helpers.bart import write_cfl


def write_kspace(path: Path, kspace: np.ndarray) -> None:
    """Write k-space (coil, ky, kx) in the format of the path's suffix: .npz, .h5 (fastMRI) or .cfl (BART)."""
    if path.suffix == ".npz":
        np.savez(path, kspace=kspace)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["kspace"] = kspace[None]
    else:
        write_cfl(path, kspace.transpose(1, 2, 0)[None])
