"""`fourfold recon` goes on where it was ended, whatever the method."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import fourfold
import fourfold.methods.untrained.fitting.fit as fit_module
from fourfold.cli.main import main
from fourfold.cli.reconstruction.resumable_run import ResumableRun
from fourfold.confidence.choose import MethodChoice
from fourfold.formats import writer
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.sampling import undersample
from fourfold.scan import FrameLabels, Geometry, Placement, Scan
from fourfold.simulation.simulate import phantom, simulate

FRAMES = 3
SETTINGS = "--members 1 --refit-iterations 0 --weight 0.002 --channels 8 --layers 3 --precision float32 --iterations"
COMMAND = ["recon", "scan.npz", "--method", "convdecoder", *SETTINGS.split(), "20", "-o", "image.npz"]
CLASSICAL = ["recon", "scan.npz", "--method", "tv", "--weight", "0.002", "--iterations", "20", "-o", "image.npz"]


pytestmark = pytest.mark.usefixtures("scan", "keep_every_frame")


@pytest.fixture
def keep_every_frame(monkeypatch):
    """Keep every frame: these are small, and none takes as long as a frame that is worth keeping."""
    monkeypatch.setattr("fourfold.cli.reconstruction.resumable_run.WORTH_KEEPING", 0)


@pytest.fixture
def scan(tmp_path, monkeypatch):
    """A volume of three frames, in a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    full = simulate(phantom((40, 36)), coils=3, snr=60, seed=1)
    kspace = np.concatenate([full.kspace.numpy() * factor for factor in (1, 2, 3)])
    scan = undersample(full.replace(kspace=full.kspace.new_tensor(kspace), coil_maps=None), "random", 2.5, seed=0)
    fourfold.save_scan(scan, "scan.npz")
    return scan


class Solved:
    """Counts the frames that were reconstructed, by this process and its workers."""

    def __init__(self, path):
        self.path = path
        path.touch()

    def add(self):
        with self.path.open("a") as file:
            file.write("1")

    def __len__(self):
        return self.path.stat().st_size


@pytest.fixture
def fitted(monkeypatch, tmp_path_factory):
    """The number of frames that were reconstructed."""
    frames = Solved(tmp_path_factory.mktemp("solved") / "frames")

    def watch(kind):
        original = kind.solve

        def spy(self, part, progress):
            frames.add()
            return original(self, part, progress)

        monkeypatch.setattr(kind, "solve", spy)

    watch(ConvDecoder)
    watch(TotalVariation)
    return frames


def kept(folder):
    return [entry for entry in folder.iterdir() if "unfinished" in entry.name]


def image():
    with np.load("image.npz") as file:
        return file["image"]


def ends_at_check(monkeypatch, number):
    """Raise a Ctrl-C at a check of the held-out samples; each frame has two."""
    check, calls = fit_module.EarlyStopping.check, iter(range(1, 100))

    def interrupted(self, *state):
        if next(calls) == number:
            raise KeyboardInterrupt
        return check(self, *state)

    monkeypatch.setattr(fit_module.EarlyStopping, "check", interrupted)


def run_until_a_frame_is_kept(command, folder):
    """Return the process of a command that stays in its other frames until it is ended, when the first one is kept."""
    # A program that was started in the background ignores Ctrl-C, and so do its children.
    code = f"""
import signal
import time
import torch
from fourfold.cli.reconstruction import resumable_run
from fourfold.cli.main import main
from fourfold.formats import open_scan
from fourfold.methods.registry import find_method

signal.signal(signal.SIGINT, signal.default_int_handler)
resumable_run.WORTH_KEEPING = 0
kind, first = find_method({command[3]!r}), open_scan("scan.npz")[0].kspace.abs().max()
solve = kind.solve

def first_alone(method, scan, progress):
    while scan.kspace.abs().max() > first:
        time.sleep(0.01)
        progress(0, "waits")
    return solve(method, scan, progress)

kind.solve = first_alone
torch.set_num_threads({torch.get_num_threads()})
raise SystemExit(main({command!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 300
    while not any([*inner.glob("[!.]*.npz")] for inner in kept(folder)):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    return process


def children(process):
    """Return the processes that a process has started and that still run."""
    return [int(number) for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def wait_for_the_end_of(processes):
    end = time.monotonic() + 60
    while any(is_running(process) for process in processes):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("command", [COMMAND, CLASSICAL], ids=["convdecoder", "tv"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_volume_goes_on(command, workers, tmp_path, capsys, fitted):
    command = [*command, "--workers", workers]
    process = run_until_a_frame_is_kept(command, tmp_path)
    workers = children(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for_the_end_of(workers)
    assert not (tmp_path / "image.npz").exists()

    assert main(command) == 0
    assert "An earlier call has finished 1 of the 3 frames" in capsys.readouterr().err
    assert len(fitted) == FRAMES - 1
    assert not kept(tmp_path)
    resumed = image()
    assert main([*command[:-1], "1", "--force"]) == 0
    assert len(fitted) == 2 * FRAMES - 1
    assert np.array_equal(resumed, image())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_all_workers_and_keeps_the_finished_frames(workers, tmp_path, fitted):
    command = [*CLASSICAL, "--workers", workers]
    process = run_until_a_frame_is_kept(command, tmp_path)
    workers = children(process)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=120)
    wait_for_the_end_of(workers)
    assert process.returncode == 130
    assert "1 of 3 frames are kept; the same command goes on" in printed
    assert not (tmp_path / "image.npz").exists()
    assert main(command) == 0
    assert len(fitted) == FRAMES - 1


@pytest.mark.parametrize("command", [COMMAND, CLASSICAL], ids=["convdecoder", "tv"])
def test_the_number_of_workers_changes_no_bit(command, capsys, fitted):
    images, records = [], []
    for workers in ("1", "2", "4"):
        assert main([*command, "--workers", workers, "--force", "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        records.append({name: record[name] for name in ("frames", "iterations", "notes", "by_frame")})
        images.append(image())
    assert len(fitted) == 3 * FRAMES
    assert records[0] == records[1] == records[2]
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2])


def test_ctrl_c_writes_what_was_reached_and_the_same_command_goes_on(scan, tmp_path, monkeypatch, capsys, fitted):
    with monkeypatch.context() as patch:
        ends_at_check(patch, 4)
        assert main(COMMAND) == 0
    printed = capsys.readouterr()
    assert "2 frame(s)" in printed.out
    assert "interrupted" in printed.err
    assert "the same command goes on with the frames that are missing" in printed.err
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
        ends_at_check(patch, 3)
        assert main(COMMAND) == 130
    assert "1 of 3 frames are kept; the same command goes on" in capsys.readouterr().err
    assert main(COMMAND) == 0
    assert len(fitted) == 2 + 2


@pytest.mark.parametrize("change", ["settings", "data", "no resume"])
def test_what_differs_is_done_anew(change, scan, tmp_path, monkeypatch, capsys, fitted):
    with monkeypatch.context() as patch:
        ends_at_check(patch, 3)
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
    ends_at_check(monkeypatch, 4)
    assert main(COMMAND) == 0
    command = list(COMMAND)
    command[command.index("--channels") + 1] = "6"
    assert main(command) == 2
    assert "The output 'image.npz' exists" in capsys.readouterr().err
    assert image().shape[0] == 2


def interrupted_in_frame(monkeypatch, number):
    """Raise a Ctrl-C where total variation begins with its frame `number`."""
    solve, calls = TotalVariation.solve, iter(range(1, 100))

    def interrupted(self, part, progress):
        if next(calls) == number:
            raise KeyboardInterrupt
        return solve(self, part, progress)

    monkeypatch.setattr(TotalVariation, "solve", interrupted)


@pytest.mark.parametrize("named", [True, False], ids=["named", "chosen"])
def test_ctrl_c_in_a_classical_method_keeps_the_finished_frames(named, tmp_path, monkeypatch, capsys, fitted):
    choice = MethodChoice(TotalVariation(weight=0.002), "a test")
    monkeypatch.setattr("fourfold.confidence.choose.choose_method", lambda *_, **__: choice)
    command = CLASSICAL if named else ["recon", "scan.npz", "-o", "image.npz"]
    with monkeypatch.context() as patch:
        interrupted_in_frame(patch, FRAMES)
        assert main(command) == 130
    assert "2 of 3 frames are kept; the same command goes on" in capsys.readouterr().err
    assert len(fitted) == FRAMES - 1
    assert not (tmp_path / "image.npz").exists()
    assert main(command) == 0
    assert len(fitted) == FRAMES
    assert not kept(tmp_path)
    resumed = image()
    assert main([*command, "--force"]) == 0
    assert np.array_equal(resumed, image())


def test_an_output_that_came_in_the_meantime_is_kept_and_so_are_the_frames(tmp_path, monkeypatch, capsys, fitted):
    """The same command with `--force` then has nothing to reconstruct."""

    class OtherProgramWrites(writer):
        def __exit__(self, *what):
            (tmp_path / "image.npz").write_text("precious")
            return super().__exit__(*what)

    with monkeypatch.context() as patch:
        patch.setattr("fourfold.cli.recon.writer", OtherProgramWrites)
        assert main(CLASSICAL) == 2
    printed = capsys.readouterr().err
    assert "'image.npz' was written by another program in the meantime" in printed
    assert "3 of 3 frames are kept" in printed
    assert (tmp_path / "image.npz").read_text() == "precious"
    assert main(CLASSICAL) == 2
    assert (tmp_path / "image.npz").read_text() == "precious"
    assert main([*CLASSICAL, "--force"]) == 0
    assert len(fitted) == FRAMES
    assert image().shape[0] == FRAMES


def test_an_image_that_was_changed_since_the_interruption_is_not_replaced(monkeypatch, capsys):
    """What the first call had reached may be replaced by the second, another image in its place may not."""
    with monkeypatch.context() as patch:
        ends_at_check(patch, 4)
        assert main(COMMAND) == 0
    np.savez("image.npz", image=np.zeros((1, 2, 2)))
    assert main(COMMAND) == 2
    assert "The output 'image.npz' exists" in capsys.readouterr().err


def test_the_files_of_an_interrupted_series_of_volumes_are_checked(scan, tmp_path, monkeypatch, capsys):
    """Without the last frame the second volume lacks a slice, and each has a file of its own."""
    kspace = torch.cat([scan.kspace, scan.kspace[:1]])
    axes = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    placements = tuple(Placement(*axes, centre=(0.0, 0.0, 5.0 * index)) for index in (0, 1, 0, 1))
    labels = FrameLabels({"slice": [0, 1, 0, 1], "repetition": [0, 0, 1, 1]})
    fourfold.save_scan(Scan(kspace, geometry=Geometry((5.0, 1.0, 1.0), None, placements), labels=labels), "scan.npz")
    command = [*COMMAND[:-1], "a.nii"]

    def interrupted(iteration):
        with monkeypatch.context() as patch:
            ends_at_check(patch, iteration)
            return main(command)

    (tmp_path / "a.stack2.nii").write_text("precious")
    assert interrupted(6) == 2
    assert "The output 'a.stack2.nii' exists" in capsys.readouterr().err
    assert (tmp_path / "a.stack2.nii").read_text() == "precious"
    (tmp_path / "a.stack2.nii").unlink()
    for _ in range(2):
        assert interrupted(2) == 0
        assert sorted(path.name for path in tmp_path.glob("*.nii")) == ["a.stack1.nii", "a.stack2.nii"]
    capsys.readouterr()
    assert main(command) == 0
    assert (tmp_path / "a.nii").exists()
    assert (
        "Files of the unfinished volume are still there: a.stack1.nii, a.stack2.nii, a.stack1.json, a.stack2.json."
        in capsys.readouterr().err
    )


def test_fast_frames_and_single_frames_leave_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("fourfold.cli.reconstruction.resumable_run.WORTH_KEEPING", 1000)
        interrupted_in_frame(patch, FRAMES)
        assert main(CLASSICAL) == 130
    assert not kept(tmp_path)
    monkeypatch.setattr("fourfold.cli.reconstruction.resumable_run.ResumableRun.keep", None)
    assert main([*CLASSICAL, "--frames", "1"]) == 0


def test_a_folder_of_an_unfinished_volume_is_known_by_its_files(tmp_path):
    folder = tmp_path / "a"
    (folder / "magnitude").mkdir(parents=True)
    (folder / "magnitude" / "00001.dcm").write_bytes(b"image")
    run = ResumableRun(folder, {"method": "tv"})
    run.mark(folder)
    assert run.wrote(folder)
    (folder / "magnitude" / "00002.dcm").write_bytes(b"another")
    assert not run.wrote(folder)
