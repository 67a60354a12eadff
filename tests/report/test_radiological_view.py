"""Images turned to the radiological view, with letters and a scale bar."""

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.report_images import FRAMES, NX, object_image, reconstruction
from tests.helpers.report_pages import embedded, facts, visible_text
from tests.helpers.viewer import Viewer

from fourfold.report import write_report
from fourfold.report.results import Results
from fourfold.scan import Geometry, Placement


@pytest.mark.parametrize(
    ("axes", "turn", "pixel"),
    [
        (((1.0, 0.0, 0.0), (0.0, -1.0, 0.0)), lambda image: image[:, ::-1], "2 × 3 mm"),
        (((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), lambda image: image.swapaxes(1, 2), "3 × 2 mm"),
    ],
)
def test_images_are_turned_to_the_radiological_view(axes, turn, pixel, tmp_path):
    image = torch.arange(48.0).reshape(1, 6, 8)
    geometry = Geometry((5.0, 2.0, 3.0), placements=(Placement(*axes, (0.0, 0.0, 1.0)),))
    page = write_report([replace(reconstruction(image, "a"), geometry=geometry)], tmp_path / "page.html")
    data = embedded(page)
    expected = turn(image.numpy())
    assert data["size"] == list(expected.shape[1:])
    codes = np.frombuffer(base64.b64decode(data["images"][0]["pixels"][0]), "<u2").reshape(data["size"])
    assert codes * data["images"][0]["step"] == pytest.approx(expected[0] * 100 / 47, abs=0.001)
    assert facts(page)["Pixel"] == pixel
    assert "radiological" in visible_text(page)


RECORD_DRAWING = """
    window.drawn = { texts: [], paths: [], path: [] };
    const context = CanvasRenderingContext2D.prototype;
    const { fillText, beginPath, lineTo } = context;
    context.fillText = function (text, x, y) {
      if (this.canvas.className === "image") drawn.texts.push([text, x / this.canvas.width, y / this.canvas.height]);
      fillText.call(this, text, x, y);
    };
    context.beginPath = function () { drawn.paths.push((drawn.path = [])); beginPath.call(this); };
    context.lineTo = function (x, y) { drawn.path.push(x / this.canvas.width); lineTo.call(this, x, y); };"""


def texts_and_bars(viewer, key):
    """The texts on the images, and the scale bars' lengths as parts of the image's width, after a key."""
    viewer.script("Object.assign(window.drawn, { texts: [], paths: [] })")
    viewer.keys(key)
    drawn = viewer.script("return window.drawn")
    # The bar is the one line of four points.
    return drawn["texts"], {round(path[2] - path[1], 6) for path in drawn["paths"] if len(path) == 4}


def test_letters_and_scale_bar_follow_orientation_and_zoom(driver, tmp_path):
    # Stored axes grow to the right and to the front: both are turned for the radiological view.
    placement = Placement((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    geometry = Geometry((5.0, 3.0, 5.0), placements=(placement,) * FRAMES)
    page = write_report([replace(reconstruction(object_image(), "a"), geometry=geometry)], tmp_path / "page.html")
    assert embedded(page)["edges"] == [["R", "A", "L", "P"]] * FRAMES
    assert facts(page)["Orientation"] == "axial"
    viewer = Viewer(driver, page)
    viewer.script(RECORD_DRAWING)
    for zooms, length, text in ((0, 50, "5 cm"), (5, 10, "1 cm")):
        viewer.keys("0", *"+" * zooms)
        texts, bars = texts_and_bars(viewer, "s")
        assert {one[0] for one in texts} == {"R", "A", "L", "P", text}
        places = {one[0]: one[1:] for one in texts}
        assert places["R"][0] < 0.1 < 0.9 < places["L"][0]
        assert places["A"][1] < 0.1 < 0.9 < places["P"][1]
        visible_width = NX * 5.0 / (viewer.number("#zoom-value") / 100)
        assert list(bars) == [pytest.approx(length / visible_width, rel=0.01)]


def test_unknown_orientation_and_pixel_size_are_not_drawn(driver, tmp_path):
    unknown = replace(reconstruction(object_image(), "a"), geometry=Geometry())
    page = write_report([unknown], tmp_path / "page.html")
    assert (embedded(page)["edges"], embedded(page)["pixel"]) == (None, None)
    assert facts(page)["Pixel"] == facts(page)["Orientation"] == "not known"
    viewer = Viewer(driver, page)
    viewer.script(RECORD_DRAWING)
    assert texts_and_bars(viewer, "s") == ([], set())


def test_frames_of_several_planes_are_each_turned_and_lettered(tmp_path):
    axial = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    feet_up = Placement((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
    sagittal = Placement((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    image = torch.arange(36.0).reshape(2, 3, 6)
    result = replace(reconstruction(image, "a"), geometry=Geometry((5.0, 2.0, 1.0), placements=(axial, feet_up)))
    data = embedded(write_report([result], tmp_path / "page.html"))
    assert data["edges"] == [["R", "A", "L", "P"], ["R", "S", "L", "I"]]
    np.testing.assert_array_equal(Results.of([result]).turn(image), np.stack([image[0], image[1].flip(0)]))
    # Rows and columns of one of them alone would have to be exchanged: all are shown as they are stored.
    result = replace(result, geometry=Geometry((5.0, 2.0, 1.0), placements=(axial, sagittal)))
    data = embedded(write_report([result], tmp_path / "page.html"))
    assert data["edges"] == [["R", "A", "L", "P"], ["S", "A", "I", "P"]]
    np.testing.assert_array_equal(Results.of([result]).turn(image), image)
