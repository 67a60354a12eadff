"""What is decided for each frame of a volume is kept for each frame: in the record, in files, and on the page."""

import json

import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.formats import save_scan
from fourfold.formats.writing import join
from fourfold.methods.classical.kt_total_variation import KtTotalVariation
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.report import write_report
from fourfold.result_cache import CacheKey, ResultCache
from fourfold.sampling import undersample
from fourfold.scan import FrameRecord, Scan
from fourfold.simulation.simulate import phantom, simulate

METHOD = TotalVariation(weight="auto", iterations=20)
COMMAND = ["recon", "scan.npz", "--method", "tv", "--weight", "auto", "--iterations", "20", "-o", "image.npz", "--json"]


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Return two frames of different brightness and noise, so that they have weights and scales of their own."""
    clear, noisy = (simulate(phantom((48, 40)), coils=3, snr=snr, seed=1).kspace for snr in (200.0, 5.0))
    return undersample(Scan(torch.cat([clear, 3 * noisy])), "random", 2.0, lines=12)


@pytest.fixture(scope="module")
def single_frames(scan):
    return [METHOD(scan.frame(index)) for index in range(2)]


@pytest.fixture(scope="module")
def expected(single_frames):
    records = [each.record for each in single_frames]
    frames = [FrameRecord(each.iterations, each.scale, each.details, each.notes) for each in records]
    assert frames[0].details["weight"] != frames[1].details["weight"]
    return tuple(frames)


def test_the_record_of_a_volume_has_every_frame(scan, single_frames, expected):
    record = METHOD(scan).record
    assert record.by_frame == expected
    assert [record.details_of(index) for index in range(2)] == [frame.details for frame in expected]
    assert record.scale == pytest.approx((expected[0].scale + expected[1].scale) / 2)
    assert record.iterations == sum(frame.iterations for frame in expected)
    assert "weight" not in record.details
    assert record.details["solver"] == expected[0].details["solver"]
    assert join(single_frames).record.by_frame == expected
    assert join([join(single_frames), single_frames[0]]).record.by_frame == (*expected, expected[0])


def test_one_frame_and_a_series_have_one_account(scan, single_frames):
    assert single_frames[0].record.by_frame == join(single_frames[:1]).record.by_frame == ()
    assert single_frames[0].record.details_of(0) == single_frames[0].record.details
    assert KtTotalVariation(iterations=2)(scan).record.by_frame == ()


def test_the_command_line_and_its_file_list_every_frame(scan, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(scan, "scan.npz")
    assert main(COMMAND) == 0
    by_frame = json.loads(capsys.readouterr().out)["by_frame"]
    assert by_frame == json.loads(str(np.load("image.npz")["record"]))["by_frame"]
    assert [frame["details"]["weight"]["weight"] for frame in by_frame] == [
        frame.details["weight"]["weight"] for frame in expected
    ]


def test_finished_work_comes_back_with_every_frame(scan, expected, tmp_path):
    cache, key = ResultCache(tmp_path), CacheKey("scan", "tv", {})
    cache.keep(key, {}, METHOD(scan))
    by_frame = cache.reconstruction(key).record.by_frame
    assert json.dumps([frame.details for frame in by_frame]) == json.dumps([frame.details for frame in expected])
    assert [frame.notes for frame in by_frame] == [frame.notes for frame in expected]


def test_a_note_on_one_frame_is_in_its_record_and_in_the_summary(scan):
    kspace = scan.kspace.clone()
    kspace[1, 0] = 0
    record = METHOD(scan.replace(kspace=kspace)).record
    note = "Coil 0 contained only zeros in frame 1 and was left out."
    assert [note in frame.notes for frame in record.by_frame] == [False, True]
    assert record.notes.count(note) == 1


def test_the_page_shows_every_frame(scan, tmp_path):
    page = write_report([METHOD(scan)], tmp_path / "page.html", scan=scan).read_text()
    assert "Each frame" in page
    assert "frame 0: intensity scale" in page
    assert "frame 1: intensity scale" in page
    assert "Each frame" not in write_report([ZeroFilled()(scan.frame(0))], tmp_path / "one.html").read_text()
