"""Comparisons and studies side by side: results, order and kept work are those of one worker."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.formats import save_scan
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.simulation.simulate import phantom, simulate
from fourfold.studies import compare
from fourfold.studies.convdecoder import ConvDecoderStudy
from fourfold.studies.engine import run_study
from fourfold.studies.scan_set import Case, Design

METHODS = (CgSense(), TotalVariation(weight=0.002))
SUBJECTS = 3


def head(seed):
    return simulate(phantom((48, 44)), coils=4, snr=40.0, seed=seed).replace(coil_maps=None)


def study():
    cases = [Case("heads", f"head{seed}", lambda seed=seed: head(seed)) for seed in range(SUBJECTS)]
    return ConvDecoderStudy(cases, list(METHODS), Design(acceleration=2.0))


def images(folder):
    """Return the finished images by the name of their file."""
    arrays = {}
    for path in sorted(folder.glob("finished/*.npz")):
        with np.load(path) as file:
            arrays[path.name] = file["image"]
    return arrays


def scores(done):
    """Return all scores in their order, without the seconds."""
    return [
        (method.name, name, index, {**evaluation, "seconds": 0})
        for (method, name), evaluations in done.results.evaluations.items()
        for index, evaluation in evaluations.items()
    ]


def same(first, second):
    return list(first) == list(second) and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The scores and images of a study with one worker."""
    folder = tmp_path_factory.mktemp("alone")
    return scores(run_study(study(), folder, workers=1)), images(folder)


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_no_bit_of_a_study(workers, alone, tmp_path):
    fractions = []
    done = run_study(study(), tmp_path, lambda fraction, _: fractions.append(fraction), workers)
    assert scores(done) == alone[0]
    assert same(images(tmp_path), alone[1])
    assert fractions[-1] == max(fractions) == pytest.approx(1)


def test_a_killed_study_goes_on_with_the_same_bits(alone, tmp_path):
    """Two workers finish the first images, and stay in the last one until the process is killed."""
    code = f"""
import multiprocessing
import time
from pathlib import Path
import torch
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.studies.engine import run_study
from tests.studies.test_workers_of_studies import study

solve, calls = TotalVariation.solve, multiprocessing.Value("i", 0)

def once(*given):
    with calls.get_lock():
        calls.value += 1
        last = calls.value > {SUBJECTS - 1}
    while last:
        time.sleep(1)
    return solve(*given)

TotalVariation.solve = once
torch.set_num_threads(1)
run_study(study(), Path({str(tmp_path)!r}), workers=2)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 300
    while len(list(tmp_path.glob("finished/[!.]*.npz"))) < SUBJECTS:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("finished/[!.]*.npz")}
    assert len(kept) < len(METHODS) * SUBJECTS

    assert scores(run_study(study(), tmp_path, workers=2)) == alone[0]
    assert same(images(tmp_path), alone[1])
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items())


def test_the_number_of_workers_changes_no_bit_of_a_comparison():
    scan = head(0).replace(kspace=torch.cat([head(seed).kspace for seed in range(3)]))
    first, *others = [compare(scan, list(METHODS), workers=workers) for workers in (1, 2, 4)]
    for other in others:
        for one, two in zip(first.entries, other.entries, strict=True):
            assert torch.equal(one.reconstruction.image, two.reconstruction.image)
            assert one.scores == two.scores


def test_a_comparison_on_the_command_line_takes_workers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(head(0).replace(kspace=torch.cat([head(seed).kspace for seed in range(3)])), "scan.npz")
    entries = []
    for workers in ("1", "2", "auto"):
        assert main(["compare", "scan.npz", "cg-sense", "--frames", ":", "--json", "--workers", workers]) == 0
        (entry,) = json.loads(capsys.readouterr().out)["results"]
        entries.append(entry["scores"])
    assert entries[0] == entries[1] == entries[2]
    assert main(["compare", "scan.npz", "cg-sense", "--frames", ":", "--workers", "0"]) == 2
    assert "0 workers were asked for" in capsys.readouterr().err
    assert main(["compare", "scan.npz", "cg-sense", "--workers", "many"]) == 2
