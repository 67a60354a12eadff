"""The g-factor: that of Pruessmann's closed form for SENSE, and 1 for what costs no noise."""

import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.grappa import Grappa
from fourfold.methods.classical.spirit import Spirit
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.sampling import regular, undersample
from fourfold.scan import Sampling, Scan
from fourfold.simulation.simulate import loop_maps, phantom, simulate
from fourfold.studies import gfactor
from fourfold.studies.gfactor import smoothing_note

SHAPE = (48, 40)


@pytest.fixture(scope="module")
def full():
    return simulate(phantom(SHAPE), coils=6, snr=200, seed=1)


def sense_gfactor(maps, factor):
    """Return g (y, x) of regular SENSE along y with unit noise (Pruessmann 1999, MRM 42:952, Eq. 23)."""
    ny = maps.shape[1]
    folded = torch.stack([maps.roll(-shift * ny // factor, 1) for shift in range(factor)], dim=-1)
    matrices = folded.permute(1, 2, 0, 3)
    gram = matrices.mH @ matrices
    return (torch.linalg.inv(gram)[..., 0, 0] * gram[..., 0, 0]).real.sqrt()


def test_sense_has_the_gfactor_of_the_closed_form():
    maps = loop_maps(SHAPE, coils=4, distance=1.5)
    coils = maps[0, 0] * (0.2 + phantom(SHAPE))
    mask = torch.zeros(1, *SHAPE, dtype=torch.bool)
    mask[:, ::2] = True
    kspace = torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(coils, dim=(1, 2)), norm="ortho"), dim=(1, 2))
    scan = Scan(kspace[None], coil_maps=maps).with_sampling(Sampling(mask))
    exact = CgSense(weight=0, iterations=60, tolerance=1e-7, coil_combination="maps")
    found = gfactor(scan, exact, replicas=200)
    expected = sense_gfactor(maps[0, 0], 2)
    assert float(expected.max()) > 1.1
    assert float((found / expected - 1).abs().mean()) < 0.06
    assert float((found / expected).mean()) == pytest.approx(1, abs=0.01)


def test_full_sampling_costs_no_noise(full):
    inside = phantom(SHAPE) > 0.1
    for method in (ZeroFilled(), Grappa(), Spirit()):
        found = gfactor(full, method, replicas=50)
        assert float(found[inside].mean()) == pytest.approx(1, abs=0.02)


def test_wider_gaps_amplify_more_and_the_seed_decides(full):
    inside = phantom(SHAPE) > 0.1
    means = []
    for factor in (2, 4):
        scan = full.with_sampling(regular(SHAPE, factor, lines=14))
        found = gfactor(scan, Grappa(weight=1e-3), replicas=16)
        assert torch.equal(found, gfactor(scan, Grappa(weight=1e-3), replicas=16))
        means.append(float(found[inside].mean()))
    assert means[0] < means[1]


def test_what_has_no_gfactor_is_refused(full):
    with pytest.raises(InputError, match=r"3 replicas were requested; .* at least 8"):
        gfactor(full, Grappa(), replicas=3)
    with pytest.raises(InputError, match="single frame"):
        gfactor(Scan(full.kspace.repeat(2, 1, 1, 1)), Grappa())


def test_the_command_writes_the_map(full, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scan = full.with_sampling(regular(SHAPE, 2, lines=14))
    save_scan(scan, "scan.npz")
    arguments = ["gfactor", "scan.npz", "--replicas", "8", "-o", "g.npz"]
    assert main([*arguments, "--method", "grappa", "--weight", "0.1"]) == 0
    assert "g-factor of 'grappa', mean" in capsys.readouterr().out
    found = torch.from_numpy(np.load("g.npz")["image"]).real[0]
    assert torch.allclose(found, gfactor(scan, Grappa(weight=0.1), replicas=8), rtol=1e-4)
    assert main([*arguments, "--force"]) == 2
    assert "No method was named" in capsys.readouterr().err


def test_a_map_below_one_is_said_to_be_smoothed():
    scan = undersample(simulate(phantom((48, 40)), coils=4, snr=40), "regular", 2, lines=16)
    for weight, smooths in ((0.0, False), (0.5, True)):
        notes = smoothing_note(gfactor(scan, CgSense(weight=weight, coil_combination="maps"), replicas=20), 20)
        assert [note.split(" of the image the g-factor is below 1")[0][:3] for note in notes] == ["In "] * smooths
    assert smoothing_note(torch.zeros(4, 4), 20) == ()
