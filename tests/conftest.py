"""What all tests share: real data where it is at hand, torch's threads in each worker and its compiled networks."""

import getpass
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fourfold.scan import Scan, Source

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_configure():
    """One thread each, since there are several workers; OMP_NUM_THREADS asks for more.

    torch's cache of compiled networks does not say which vector instructions they need: each kind has its own folder.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    instructions = torch.backends.cpu.get_cpu_capability().replace(" ", "_")
    folder = Path(tempfile.gettempdir()) / f"fourfold-tests-{getpass.getuser()}-{instructions}"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


@pytest.fixture
def data():
    """Folder of real MRI data; the test is skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip("needs the real MRI data, which is not part of the project")
    return DATA


@pytest.fixture
def raw(data):
    """Load a fully sampled multi-coil scan of the real data by name."""

    def load(name: str, folder: str = "raw_multicoil") -> Scan:
        kspace = torch.from_numpy(np.load(data / folder / f"{name}.npz")["kspace"])
        kspace = kspace.reshape((-1, *kspace.shape[-3:]))
        return Scan(kspace, source=Source(label=name))

    return load
