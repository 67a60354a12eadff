"""`fourfold recon` with a slow method goes on where it was ended."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fourfold
import fourfold.fitting.fit as fit_module
from fourfold.cli.main import main
from fourfold.physics.simulate import phantom, simulate
from fourfold.sampling import undersample
from fourfold.untrained.conv_decoder import ConvDecoder

FRAMES = 3
SETTINGS = "--members 1 --refit 0 --weight 0.002 --channels 8 --layers 3 --precision float32 --iterations"
COMMAND = ["recon", "scan.npz", "--method", "convdecoder", *SETTINGS.split(), "20", "-o", "image.npz"]


pytestmark = pytest.mark.usefixtures("scan")


@pytest.fixture
def scan(tmp_path, monkeypatch):
    """A volume of three frames, in a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    full = simulate(phantom((40, 36)), coils=3, snr=60, seed=1)
    kspace = np.concatenate([full.kspace.numpy() * factor for factor in (1, 2, 3)])
    scan = undersample(full.replace(kspace=full.kspace.new_tensor(kspace), coil_maps=None), "random", 2.5, seed=0)
    fourfold.save_scan(scan, "scan.npz")
    return scan


@pytest.fixture
def fitted(monkeypatch):
    """The frames that were fitted, by their brightness."""
    frames = []
    original = ConvDecoder.solve

    def spy(self, part, progress):
        frames.append(float(part.kspace.abs().max()))
        return original(self, part, progress)

    monkeypatch.setattr(ConvDecoder, "solve", spy)
    return frames


def kept(folder):
    return [entry for entry in folder.iterdir() if "unfinished" in entry.name]


def image():
    with np.load("image.npz") as file:
        return file["image"]


def ends_at_look(monkeypatch, number):
    """Raise a Ctrl-C at a look; each frame has two."""
    look, calls = fit_module._State.look, iter(range(1, 100))

    def interrupted(self):
        if next(calls) == number:
            raise KeyboardInterrupt
        return look(self)

    monkeypatch.setattr(fit_module._State, "look", interrupted)


def test_a_killed_volume_goes_on(tmp_path, capsys, fitted):
    """The process is killed in its second frame, in which it would stay for minutes."""
    code = f"""
import time
from fourfold.cli.main import main
from fourfold.untrained.conv_decoder import ConvDecoder

solve, calls = ConvDecoder.solve, []

def once(*given):
    calls.append(given)
    if len(calls) > 1:
        time.sleep(600)
    return solve(*given)

ConvDecoder.solve = once
main({COMMAND!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})
    end = time.monotonic() + 300
    while not any([*folder.glob("[!.]*.npz")] for folder in kept(tmp_path)):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "image.npz").exists()

    assert main(COMMAND) == 0
    assert "An earlier call has finished 1 of the 3 frames" in capsys.readouterr().err
    assert len(fitted) == FRAMES - 1
    assert not kept(tmp_path)
    gone_on = image()
    assert main([*COMMAND, "--force"]) == 0
    assert len(fitted) == 2 * FRAMES - 1
    assert np.array_equal(gone_on, image())


def test_ctrl_c_writes_what_was_reached_and_the_same_command_goes_on(scan, tmp_path, monkeypatch, capsys, fitted):
    with monkeypatch.context() as patch:
        ends_at_look(patch, 4)
        assert main(COMMAND) == 0
    said = capsys.readouterr()
    assert "2 frame(s)" in said.out
    assert "interrupted" in said.err
    assert "the same command goes on with the frames that are missing" in said.err
    assert image().shape == (2, *scan.shape)
    assert main([*COMMAND, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["shape"] == [FRAMES, *scan.shape]
    assert not record["interrupted"]
    assert len(fitted) == 2 + 2
    assert not kept(tmp_path)
    assert main(COMMAND) == 2
    assert "exists" in capsys.readouterr().err


def test_ctrl_c_before_there_is_an_image_keeps_the_finished_frames(monkeypatch, capsys, fitted):
    with monkeypatch.context() as patch:
        ends_at_look(patch, 3)
        assert main(COMMAND) == 130
    assert "1 of 3 frames are finished; the same command goes on" in capsys.readouterr().err
    assert main(COMMAND) == 0
    assert len(fitted) == 2 + 2


@pytest.mark.parametrize("change", ["settings", "data", "no resume"])
def test_what_differs_is_done_anew(change, scan, tmp_path, monkeypatch, capsys, fitted):
    with monkeypatch.context() as patch:
        ends_at_look(patch, 3)
        assert main(COMMAND) == 130
    capsys.readouterr()
    command = list(COMMAND)
    if change == "settings":
        command[command.index("--channels") + 1] = "6"
    elif change == "data":
        fourfold.save_scan(scan.replace(kspace=scan.kspace * 2), "scan.npz")
    else:
        command.append("--no-resume")
    assert main(command) == 0
    assert len(fitted) == 2 + FRAMES
    assert not kept(tmp_path)


def test_an_output_of_another_call_is_not_replaced(monkeypatch, capsys):
    ends_at_look(monkeypatch, 4)
    assert main(COMMAND) == 0
    command = list(COMMAND)
    command[command.index("--channels") + 1] = "6"
    assert main(command) == 2
    assert "The output 'image.npz' exists" in capsys.readouterr().err
    assert image().shape[0] == 2


def test_fast_methods_and_single_frames_leave_nothing(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("fourfold.cli.unfinished.Unfinished.keep", refuse)
    assert main(["recon", "scan.npz", "--method", "zero-filled", "-o", "image.npz"]) == 0
    assert main([*COMMAND, "--frames", "1", "--force"]) == 0
