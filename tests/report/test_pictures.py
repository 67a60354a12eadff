"""How images, details, errors and k-space are shown."""

import numpy as np
import pytest
import torch
from tests.helpers.report_images import MASK, gallery_of, object_image

from fourfold.report.pictures import kspace_codes


def test_kspace_picture(scan):
    codes = kspace_codes(scan, 1)
    assert ((codes > 0) == MASK[0].numpy()).all()
    assert codes.max() == 255
    magnitude = scan.kspace[1].abs().square().sum(0).sqrt().numpy()
    decibel = (codes[MASK[0]] - 1) / 254 * 100 - 100
    expected = 20 * np.log10(magnitude[MASK[0]] / magnitude.max())
    assert np.abs(decibel - np.maximum(expected, -100)).max() < 0.2


def test_detail_is_where_the_fine_structure_is():
    image = object_image(1, 120, 120)
    image = torch.where(image > 90, 100.0, torch.where(image > 0, 50.0, 0.0))
    image[0, 70:90, 40:60:2] = 40.0
    gallery = gallery_of(image)
    box = gallery.detail()
    assert box.y <= 72
    assert box.y + box.height >= 88
    assert box.x <= 42
    assert box.x + box.width >= 57


def test_detail_lies_in_the_image_and_has_its_shape_in_millimetres():
    for ny, nx, voxel in ((30, 200, (4.0, 0.5)), (7, 9, (1.0, 1.0)), (101, 64, (0.7, 1.1))):
        gallery = gallery_of(object_image(2, ny, nx), voxel=voxel)
        box = gallery.detail()
        assert 0 <= box.y <= ny - box.height
        assert 0 <= box.x <= nx - box.width
        assert box.height * voxel[0] <= ny * voxel[0]
        if min(ny, nx) > 30:
            assert gallery.aspect(box.height, box.width) == pytest.approx(4 / 3, rel=0.05)


@pytest.mark.parametrize(("error", "amplification"), [(70.0, 1), (18.0, 5), (4.0, 20), (0.0, 100)])
def test_amplification_fills_the_scale(error, amplification):
    reference = object_image(1)
    assert gallery_of(reference, reference + error).amplification() == amplification
