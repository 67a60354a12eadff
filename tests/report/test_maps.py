"""Values, error maps, edges, profiles, standard deviations and k-space, in a browser."""

import math
import re
from dataclasses import replace

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from tests.helpers.report_images import FRAMES, MASK, NX, NY, gallery_of
from tests.helpers.report_pages import map_options
from tests.helpers.viewer import Viewer

from fourfold.report import write_report
from fourfold.report.pictures import kspace_codes
from fourfold.scan import FrameLabels


def test_values_under_the_cursor(viewer, comparison):
    viewer.hover(viewer.canvases()[3], 24, 6)
    values = [viewer.script("return arguments[0].textContent", one) for one in viewer.canvases("value")]
    truth = comparison.reference[1, 24, 6]
    blurred = comparison.entries[2].reconstruction.magnitude[1, 24, 6]
    assert values[0] == f"{truth:.1f} %"
    assert values[1] == f"{truth:.1f} %   error 0.0"
    assert values[2] == f"{truth + 2:.1f} %   error +2.0"
    assert values[3] == f"{blurred:.1f} %   error {blurred - truth:+.1f}".replace("-", "−")


def test_error_maps_share_one_scale(viewer):
    inferno = matplotlib.colormaps["inferno"]
    viewer.keys("s")
    viewer.choose("#amplification", 10)
    assert viewer.text("#map-text").endswith("×10: 0 to 10 %")
    assert viewer.pixels("map")[0] is None
    for place, error in ((1, 0.0), (2, 2.0)):
        expected = np.array(inferno(error / 10)[:3]) * 255
        assert viewer.at("map", place, 5, 20) == pytest.approx(expected, abs=6)
    viewer.keys("a")
    assert viewer.at("map", 2, 5, 20) == pytest.approx(np.array(inferno(2 / 5)[:3]) * 255, abs=6)
    viewer.keys("e")
    assert viewer.pixels("map") == [None] * 4
    viewer.keys("e")
    assert viewer.pixels("map")[1] is not None


def test_signed_errors_share_one_scale_and_keep_their_sign(viewer, comparison):
    viewer.keys("s", "d")
    viewer.choose("#amplification", 10)
    assert viewer.script("return document.querySelector('#map').value") == "signed"
    assert viewer.text("#map-text").endswith("×10: −10 to +10 %")
    assert viewer.pixels("map")[0] is None
    assert viewer.at("map", 1, 5, 20).max() < 8
    # 2 of 10 % too bright: between the first and the second of the eight steps to orange.
    assert viewer.at("map", 2, 5, 20) == pytest.approx(np.array([0x5A, 0x17, 0x00]), abs=8)
    difference = comparison.entries[2].reconstruction.magnitude[1] - comparison.reference[1]
    for largest in (difference.argmax(), difference.argmin()):
        y, x = divmod(int(largest), NX)
        red, _, blue = viewer.at("map", 3, y, x)
        assert (red > blue) == (difference[y, x] > 0)
    viewer.keys("d")
    assert viewer.text("#map-text").endswith("×10: 0 to 10 %")


def test_without_a_reference_there_is_no_signed_error(driver, comparison, tmp_path):
    page = write_report([entry.reconstruction for entry in comparison.entries], tmp_path / "page.html")
    viewer = Viewer(driver, page)
    viewer.choose("#map", "edges")
    viewer.keys("d")
    assert viewer.script("return document.querySelector('#map').value") == "edges"
    assert "signed" not in map_options(page)


def test_edge_maps_and_profiles(viewer, comparison):
    viewer.keys("s")
    viewer.choose("#map", "edges")
    viewer.choose("#amplification", 1)
    image = comparison.reference[1]
    edge = math.hypot(image[24, 12] - image[24, 11], image[25, 11] - image[24, 11])
    assert viewer.at("map", 0, 24, 11) == pytest.approx([255 * edge / 100] * 3, abs=1)
    viewer.choose("#map", "profile")
    column = int(re.search(r"x (\d+)", viewer.text("#position"))[1])
    _, white = gallery_of(comparison.reference).window()
    pixels = viewer.pixels("map")[0]
    height, width = pixels.shape[:2]
    for frame in (0, 2):
        grey = 255 * min(1, float(comparison.reference[frame, 30, column]) / white)
        strip = pixels[int(30.5 / NY * height), int((frame + 0.5) / FRAMES * width), :3]
        assert strip.astype(int) == pytest.approx([grey] * 3, abs=2)


def test_a_profile_goes_along_time_within_the_slice(driver, comparison, tmp_path):
    """The frame that is shown first, the middle one, is phase 1 of slice 0, and the last one is its phase 0."""
    labels = FrameLabels({"slice": [1, 0, 0], "phase": [0, 1, 0]})
    made = replace(comparison.entries[0].reconstruction, labels=labels)
    viewer = Viewer(driver, write_report([made], tmp_path / "page.html"))
    viewer.choose("#map", "profile")
    column = int(re.search(r"x (\d+)", viewer.text("#position"))[1])
    _, white = gallery_of(made.magnitude).window()
    pixels = viewer.pixels("map")[0]
    height, width = pixels.shape[:2]
    for place, frame in enumerate((2, 1)):
        grey = 255 * min(1, float(made.magnitude[frame, 30, column] * 100 / made.magnitude.max()) / white)
        strip = pixels[int(30.5 / NY * height), int((place + 0.3) / 2 * width), :3]
        assert strip.astype(int) == pytest.approx([grey] * 3, abs=3)


def test_standard_deviations_have_a_map_and_a_scale_of_their_own(driver, ensemble_comparison, tmp_path):
    viewer = Viewer(driver, write_report(ensemble_comparison, tmp_path / "page.html"))
    inferno = matplotlib.colormaps["inferno"]
    before = viewer.text("#map-text")
    viewer.keys("s")
    viewer.choose("#map", "deviation")
    assert [drawn is None for drawn in viewer.pixels("map")] == [True, True, False]
    # The members are 0, 4 and 8 % brighter than the reference.
    assert viewer.text("#map-text").endswith("×20: 0 to 5 %")
    value = 0.04 * float(ensemble_comparison.reference[1, 24, 20])
    assert viewer.at("map", 2, 24, 20) == pytest.approx(np.array(inferno(value / 5)[:3]) * 255, abs=6)
    viewer.keys("a")
    assert viewer.text("#map-text").endswith("×50: 0 to 2 %")
    viewer.choose("#map", "error")
    assert viewer.text("#map-text") == before


def test_mask_and_kspace_are_drawn(viewer, scan):
    code = """
        const canvas = document.getElementById(arguments[0]);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, Array.from(data.filter((_, i) => i % 4 === 0))];"""
    for frame in (1, 2):
        viewer.choose("#frame", frame)
        for name, expected in (("mask", MASK[0].numpy() * 255), ("kspace", kspace_codes(scan, frame))):
            ny, nx, pixels = viewer.script(code, name)
            assert (np.reshape(pixels, (ny, nx)) == expected).all()
