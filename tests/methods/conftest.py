"""The scans that tests of several methods share; a module may put another `full` in its place."""

import pytest

from fourfold.sampling import undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture(scope="module")
def full() -> Scan:
    """Return a fully sampled scan of the phantom."""
    return simulate(phantom((63, 64)), coils=4, snr=60, seed=1)


@pytest.fixture(scope="module")
def scan(full: Scan) -> Scan:
    """Return `full`, undersampled three times by random lines."""
    return undersample(full, "random", 3, centre=0.25, seed=0)
