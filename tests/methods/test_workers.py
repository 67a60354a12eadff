"""How many jobs are done side by side."""

import pytest
import torch

from fourfold.errors import InputError
from fourfold.methods import workers
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.workers import choose_workers
from fourfold.simulation.simulate import phantom, simulate

pytestmark = pytest.mark.usefixtures("computer")


@pytest.fixture
def computer(monkeypatch):
    """Eight cores for torch, six of them free, and memory for ten jobs of a gigabyte, half of which may be taken."""
    monkeypatch.setattr(workers, "free_cores", lambda: 6)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(workers, "memory_at_hand", lambda: 10 * 10**9)
    monkeypatch.setattr("fourfold.memory.memory_at_hand", lambda: 10 * 10**9)


@pytest.mark.parametrize(
    ("jobs", "memory", "number"),
    [(20, 1, 6), (4, 1, 4), (20, 10**9, 5), (20, 8 * 10**9, 1), (1, 1, 1)],
    ids=["cores", "jobs", "memory", "too little memory", "one job"],
)
def test_auto_takes_what_cores_jobs_and_memory_allow(jobs, memory, number):
    assert choose_workers("auto", jobs, memory) == number


def test_auto_takes_no_more_than_torchs_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert choose_workers("auto", 20, 1) == 3


def test_a_number_is_taken_as_it_is_up_to_the_jobs():
    assert choose_workers(12, 20, 1) == 12
    assert choose_workers(12, 5, 1) == 5


@pytest.mark.parametrize(
    ("number", "memory", "words"),
    [
        (0, 1, "0 workers were asked for; give 1 or more, or 'auto'"),
        (6, 10**9, "Reconstructing 6 images side by side needs 6 GB.*ask for fewer workers"),
    ],
)
def test_what_is_no_number_or_does_not_fit_is_refused(number, memory, words):
    with pytest.raises(InputError, match=words):
        choose_workers(number, 20, memory)


def test_a_frames_memory_does_not_depend_on_the_number_of_frames():
    scan = simulate(phantom((40, 36)), coils=3, snr=60, seed=1).replace(coil_maps=None)
    both = scan.replace(kspace=torch.cat([scan.kspace, scan.kspace]))
    assert TotalVariation().frame_memory(both) == TotalVariation().frame_memory(scan)


def test_an_untrained_network_adds_to_a_frames_memory():
    scan = simulate(phantom((40, 36)), coils=3, snr=60, seed=1)
    small, large = (ConvDecoder(channels=channels).frame_memory(scan) for channels in (8, 64))
    assert TotalVariation().frame_memory(scan) < small < large
