"""The note on scans that are noisier than the simulated scans of a training."""

import pytest
import torch

import fourfold
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate
from fourfold.weights.training_noise import scan_snr, training_noise_notes

TRAINING = {"data": {"simulation": {"snr": [12.0, 150.0]}}}


def acquired(snr, kind="equispaced", coils=8):
    return undersample(simulate(phantom((128, 128)), coils=coils, snr=snr, seed=1), kind, 4, seed=0)


@pytest.mark.parametrize("kind", ["random", "equispaced"])
@pytest.mark.parametrize("snr", [5, 8, 12])
def test_the_snr_is_that_of_the_simulation_less_what_the_low_resolution_takes(snr, kind):
    assert 0.6 * snr < scan_snr(acquired(snr, kind)) < snr


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_snr_does_not_depend_on_the_scale(factor):
    scan = acquired(20)
    assert scan_snr(scan.replace(kspace=scan.kspace * factor)) == pytest.approx(scan_snr(scan), rel=1e-3)


def test_a_noisy_frame_of_a_volume_is_noted():
    quiet, noisy = acquired(40), acquired(4)
    assert training_noise_notes(quiet, TRAINING) == ()
    scan = quiet.replace(kspace=torch.cat([quiet.kspace, noisy.kspace]))
    (note,) = training_noise_notes(scan, TRAINING)
    assert "trained on 12 and more" in note


def test_without_a_simulation_nothing_is_said():
    noisy = acquired(4)
    assert training_noise_notes(noisy, {}) == ()
    assert training_noise_notes(noisy, {"data": {"simulation": None}}) == ()
    assert training_noise_notes(noisy, {"data": {"simulation": {"snr": None}}}) == ()
    assert training_noise_notes(noisy, {"data": {"simulation": {"snr": 20.0}}}) != ()


def test_varnet_notes_a_head_that_is_too_noisy():
    """At an SNR of 5 some images of the shipped VarNet are worse than zero-filled ones; none may be without a note."""
    for snr, noted in ((4, True), (30, False)):
        notes = fourfold.VarNet()(acquired(snr)).record.notes
        assert any("signal-to-noise" in note for note in notes) == noted
