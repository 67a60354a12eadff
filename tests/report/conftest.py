"""What the tests of pages share: a comparison, its page, and a browser."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.report_images import (
    FRAMES,
    GEOMETRY,
    MARKUP,
    MASK,
    NX,
    NY,
    SAMPLING,
    SOURCE,
    object_image,
    reconstruction,
    with_members,
)
from tests.helpers.viewer import Viewer

from fourfold.metrics import METRICS
from fourfold.report import write_report
from fourfold.scan import Scan
from fourfold.studies import Comparison, Entry
from fourfold.studies.ensemble import ensemble_scores


@pytest.fixture(scope="session")
def scan():
    generator = torch.Generator().manual_seed(0)
    kspace = torch.randn(FRAMES, 2, NY, NX, dtype=torch.complex64, generator=generator)
    y, x = torch.meshgrid(torch.arange(NY) - NY // 2, torch.arange(NX) - NX // 2, indexing="ij")
    kspace *= torch.exp(-(y**2 + x**2) / 60.0) + 1e-3
    return Scan(torch.where(MASK[:, None], kspace, 0), SAMPLING, geometry=GEOMETRY, source=SOURCE)


@pytest.fixture(scope="session")
def comparison(scan):
    """The reference itself as a method, one that is 2 % of the maximum too bright, one that is blurred along x."""
    reference = object_image()
    blurred = (reference + reference.roll(1, -1) + reference.roll(-1, -1)) / 3
    entries = (
        Entry(reconstruction(reference, "exact"), {"psnr": math.inf, "nmse": 0.0}),
        Entry(reconstruction(reference + 2, MARKUP), {"psnr": 34.0, "nmse": 0.0012}),
        Entry(
            reconstruction(
                blurred,
                "tv",
                settings={"weight": 0.012, "iterations": 80},
                iterations=240,
                scale=0.25,
                notes=("The weight was chosen by held-out samples.",),
                details={"objective": list(np.linspace(1, 0.1, 50))},
            ),
            {"psnr": 27.5, "nmse": math.nan},
        ),
    )
    omitted = (("vif", "vif: the images are 48×40 pixels; it needs 41×41 or more."),)
    failures = (("grappa-like", "There are 8 calibration lines; expected 12 or more; use <another> method."),)
    metrics = (METRICS["psnr"], METRICS["nmse"])
    return Comparison(reference, "known object", scan, entries, metrics, failures, omitted)


@pytest.fixture(scope="session")
def page(comparison, tmp_path_factory):
    return write_report(comparison, tmp_path_factory.mktemp("page") / "index.html", MARKUP)


@pytest.fixture(scope="session")
def ensemble_comparison(comparison):
    result, metrics = with_members(), (METRICS["psnr"], METRICS["nmse"])
    scores = {each.name: each.evaluate(result.magnitude, comparison.reference)[0] for each in metrics}
    ensemble = ensemble_scores(result.members, comparison.reference, metrics)
    entries = (comparison.entries[1], Entry(result, scores, ensemble=ensemble))
    return replace(comparison, entries=entries)


@pytest.fixture
def viewer(driver, page):
    return Viewer(driver, page)
