"""The figure of images and error maps."""

import matplotlib
import matplotlib.image
import pytest
from tests.helpers.report_images import NX, NY, gallery_of

from fourfold.report.figures import COLUMN, GAP, HEAD, figure


def test_grey_values_and_error_colours_of_the_figure(comparison, tmp_path):
    dpi = 100
    path = figure(comparison, tmp_path / "figure.png", dpi=dpi)
    picture = matplotlib.image.imread(path)
    height = COLUMN * NY * 1.5 / NX  # of an image of 48 × 40 pixels of 1.5 mm × 1 mm, in inches
    gallery = gallery_of(comparison.reference, voxel=(1.5, 1.0))
    _, white = gallery.window()
    box = gallery.detail()

    def pixel(place, top, y, x):
        row = HEAD + top + (y + 0.5) / NY * height
        left = GAP + place * (COLUMN + GAP) + (x + 0.5) / NX * COLUMN
        return picture[round(row * dpi), round(left * dpi), :3]

    y, x = next(at for at in ((12, 20), (36, 20)) if not box.y - 2 < at[0] < box.y + box.height + 2)
    for place, extra in ((0, 0), (1, 0), (2, 2)):
        grey = min(1, float(comparison.reference[1, y, x] + extra) / white)
        assert pixel(place, 0, y, x) == pytest.approx([grey] * 3, abs=0.04)
    detail = COLUMN / gallery.aspect(box.height, box.width)
    black, even = pixel(1, height + detail + 2 * GAP, y, x), pixel(2, height + detail + 2 * GAP, 0, 0)
    factor = gallery_of(
        comparison.reference, *(entry.reconstruction.magnitude for entry in comparison.entries)
    ).amplification()
    inferno = matplotlib.colormaps["inferno"]
    assert black == pytest.approx(inferno(0.0)[:3], abs=0.02)
    assert even == pytest.approx(inferno(2 * factor / 100)[:3], abs=0.02)


def test_figure_without_reference(comparison, tmp_path):
    path = figure([comparison.entries[2].reconstruction], tmp_path / "figure.png", frame=0)
    assert matplotlib.image.imread(path).shape[0] > 100
    assert list(tmp_path.iterdir()) == [path]
