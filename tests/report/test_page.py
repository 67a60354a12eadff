"""What a page holds: images, scores, sampling and records."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.report_images import MARKUP, NX, NY, SAMPLING, object_image, reconstruction
from tests.helpers.report_pages import embedded, facts, map_options, panel_labels, rows, section, visible_text

from fourfold.errors import InputError
from fourfold.operators.fourier import fft
from fourfold.report import contents as report_contents
from fourfold.report import write_report
from fourfold.scan import FrameLabels, Geometry, Scan, Source
from fourfold.studies import compare


def test_page_needs_nothing_from_outside(page):
    code = page.read_text()
    assert not re.search(r"""<[^>]*\b(?:src|href|action)=(?!"data:)""", code)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", code)
    assert "http://" not in code
    assert "https://" not in code
    assert "default-src 'none'" in code


def test_images_are_exact_to_half_a_step(page, comparison):
    data = embedded(page)
    truth = [comparison.reference, *(entry.reconstruction.magnitude for entry in comparison.entries)]
    unit = float(comparison.reference.max()) / 100
    for embedded_image, image in zip(data["images"], truth, strict=True):
        codes = [np.frombuffer(base64.b64decode(text), "<u2").reshape(NY, NX) for text in embedded_image["pixels"]]
        error = np.abs(np.stack(codes) * embedded_image["step"] - image.numpy() / unit)
        # Half a step, and the rounding of the float32 image itself.
        assert error.max() <= 0.51 * embedded_image["step"]
        assert embedded_image["step"] < 0.002


def test_the_head_states_data_and_sampling(page):
    known = facts(page)
    assert known.pop("Data").startswith(MARKUP)
    assert known == {
        "Image": "48 × 40",
        "Pixel": "1.5 × 1 mm",
        "Orientation": "not known",
        "Frames": "3",
        "Coils": "2",
        "Sampling": f"regular, {SAMPLING.acceleration:.2f}× (target 4×)",
    }


def test_records_of_methods_and_data_are_shown(page):
    recorded = {
        *(("seed", "7"), ("weight", "0.012"), ("iterations", "240"), ("intensity scale", "0.25")),
        *(("path", "/data/knee.h5"), ("software: torch", torch.__version__)),
    }
    assert recorded <= set(rows(page))
    assert dict(rows(page))["objective"].endswith("(50 values)")


def test_notes_failures_and_scores_left_out_are_shown(page, comparison):
    text = visible_text(page)
    for note in comparison.entries[2].reconstruction.record.notes:
        assert note in text
    for name, reason in (*comparison.failures, *comparison.omitted):
        assert name in text
        assert reason in text
    for metric in comparison.metrics:
        assert metric.statement in text


def test_only_simulated_data_are_marked_so(page, comparison, tmp_path):
    mark = 'class="simulated"'
    assert mark in page.read_text()
    entry = comparison.entries[0]
    record = replace(entry.reconstruction.record, source=Source(label="knee").summary())
    measured = replace(entry, reconstruction=replace(entry.reconstruction, record=record))
    assert mark not in write_report(replace(comparison, entries=(measured,)), tmp_path / "page.html").read_text()


def test_best_scores_are_marked(page):
    best = re.findall(r'<td class="number best" data-value="[^"]*">([^<]*)', page.read_text())
    assert best == ["∞", "0.0000"]


def test_without_a_reference_there_are_no_scores_and_no_error_maps(comparison, scan, tmp_path):
    results = [entry.reconstruction for entry in comparison.entries]
    page = write_report(results, tmp_path / "page.html", scan=scan)
    assert not {"error", "signed"} & set(map_options(page))
    assert '<dl class="metrics">' not in page.read_text()
    data = embedded(page)
    assert data["reference"] is False
    assert len(data["images"]) == 3
    assert data["kspace"] is not None


def test_page_without_scan_has_no_mask_and_no_kspace(comparison, tmp_path):
    page = write_report([comparison.entries[0].reconstruction], tmp_path / "page.html")
    assert embedded(page)["kspace"] is None
    assert "<canvas id=" not in section(page, "Sampling")
    assert ("target acceleration", "4") in rows(page)


def test_frames_are_named_by_their_labels(comparison, tmp_path):
    image = replace(comparison.entries[0].reconstruction, labels=FrameLabels({"slice": [3, 3, 4], "phase": [0, 1, 0]}))
    page = write_report([image], tmp_path / "page.html")
    assert embedded(page)["names"][::2] == ["1 of 3 (slice 3, phase 0)", "3 of 3 (slice 4, phase 0)"]
    assert facts(page)["Frames"] == "3 (slice 2 × phase 2)"
    assert (embedded(page)["series"], embedded(page)["series_of"]) == ([[0, 1], [0, 1, 2]], [0, 0, 1])
    assert "of frame 2 of 3 (slice 3, phase 1)" in visible_text(page)
    # The profile goes along time within the slice of the middle frame.
    assert "of each of the 2 frames of slice 3, from the first" in visible_text(page)
    frame = replace(image, image=image.image[:1], geometry=Geometry(), labels=image.labels.select([0]))
    assert facts(write_report([frame], tmp_path / "frame.html"))["Frame"] == "slice 3, phase 0"


def test_different_samplings_are_distinguished(tmp_path):
    image = object_image()
    samplings = [{"kind": "random", "acceleration": acceleration} for acceleration in (2.0, 4.0)]
    results = [reconstruction(image, "zero-filled", sampling=sampling) for sampling in samplings]
    page = write_report(results, tmp_path / "page.html")
    assert panel_labels(page) == ["Zero-filled (acceleration 2)", "Zero-filled (acceleration 4)"]
    assert facts(page)["Sampling"] == "random, 2.00×; random, 4.00×"
    assert [value for name, value in rows(page) if name == "acceleration"] == ["2", "4"]


def test_five_methods_fit_in_ten_megabytes(tmp_path):
    generator = torch.Generator().manual_seed(1)
    images = [reconstruction(torch.rand(1, 256, 256, generator=generator), f"m{index}") for index in range(6)]
    assert write_report(images, tmp_path / "page.html").stat().st_size < 10e6


def test_a_long_series_shows_some_frames_and_their_number(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(report_contents, "PIXEL_BUDGET", 2 * 2 * NY * NX * 4)
    page = write_report(comparison, tmp_path / "page.html")
    assert embedded(page)["frames"] == [0, 2]
    assert all(len(image["pixels"]) == 2 for image in embedded(page)["images"])
    assert re.findall(r"\d+", facts(page)["Frames"]) == ["3", "2"]


def test_same_results_give_the_same_page(comparison, page, tmp_path):
    assert write_report(comparison, tmp_path / "page.html", MARKUP).read_bytes() == page.read_bytes()


def test_all_black_images_are_shown(tmp_path):
    page = write_report([reconstruction(torch.zeros(1, 8, 8), "nothing", sampling={})], tmp_path / "page.html")
    assert embedded(page)["window"] == [0, 100]
    assert "<table" not in section(page, "Sampling")


def test_a_comparison_becomes_a_page(tmp_path):
    kspace = fft(object_image(2).to(torch.complex64))[:, None]
    comparison = compare(Scan(kspace, source=Source(label="disc", simulated=True)), ["zero-filled"])
    page = write_report(comparison, tmp_path / "page.html")
    text = visible_text(page)
    assert comparison.reference_name in text
    assert f"psnr {comparison.entries[0].scores['psnr']:.2f}" in text
    for _, reason in comparison.omitted:
        assert reason in text
    assert len(embedded(page)["images"]) == 2


def test_no_image_is_refused_with_the_reasons(comparison, tmp_path):
    with pytest.raises(InputError, match=r"at least one method must suit the data\. grappa-like: There are 8"):
        write_report(replace(comparison, entries=()), tmp_path / "page.html")


def test_scan_of_other_frames_is_refused(scan, tmp_path):
    with pytest.raises(InputError, match=r"3 frame\(s\) but the images have 2"):
        write_report([reconstruction(object_image(2), "a")], tmp_path / "page.html", scan=scan)


def test_images_of_different_shapes_are_refused(tmp_path):
    results = [reconstruction(object_image(), "a"), reconstruction(object_image(nx=32), "b")]
    with pytest.raises(InputError, match=r"\(3, 48, 32\) and \(3, 48, 40\)"):
        write_report(results, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
