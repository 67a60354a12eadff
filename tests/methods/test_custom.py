"""A regulariser of the user's own: the page's example, what each function is good for, and refusals."""

import re
from pathlib import Path

import pytest
import torch

import fourfold as ff
from fourfold.simulation.simulate import phantom, simulate

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()


def shrink(x, weight):
    return x / (1 + weight)


def ridge(x):
    return x.abs().square().sum() / 2


class Ridge:
    """R(x) = ½‖x‖²."""

    def prox(self, x, weight):
        return shrink(x, weight)

    def value(self, x):
        return float(ridge(x))


@pytest.fixture(scope="module")
def scan():
    return ff.undersample(simulate(phantom((39, 37)), coils=4, snr=60), acceleration=3)


def test_the_example_of_the_page_runs():
    (example,) = re.findall(
        r"```python\n(.*?)```", PAGE[PAGE.index("## A regulariser of your own") :], flags=re.DOTALL
    )[:1]
    images = {}
    exec(example, images)
    assert images["image"].record.method == "custom"
    assert bool(images["image"].image.any())


@pytest.mark.parametrize(
    "method",
    [
        ff.Custom(prox=shrink),
        ff.Custom(prox=shrink, solver="admm"),
        ff.Custom(prox=shrink, solver="primal-dual", stopping="change"),
        ff.Custom(prox=shrink, value=ridge, solver="nlcg"),
        ff.Custom(value=ridge),
        ff.Custom(value=ridge, gradient=lambda x: x),
        ff.Custom(regulariser=Ridge),
        ff.Custom(regulariser=Ridge()),
    ],
    ids=["fista", "admm", "primal-dual", "smoothed", "differentiated", "gradient", "class", "object"],
)
def test_every_way_gives_the_ridge_solution(method, scan):
    method = method.model_copy(update={"weight": 0.02, "iterations": 400, "tolerance": 1e-6})
    ours = method(scan)
    expected = ff.CgSense(weight=0.02, iterations=200, tolerance=1e-6)(scan).image
    assert float(torch.linalg.vector_norm(ours.image - expected) / torch.linalg.vector_norm(expected)) < 1e-2
    assert ours.record.settings["prox"] in (None, "tests.test_custom.shrink", "test_custom.shrink")
    smooth = method.prox is None and method.regulariser is None
    assert (ours.record.details["solver"] == "nlcg") == (smooth or method.solver == "nlcg")


def test_a_regulariser_by_name_gives_the_image_of_its_method(scan):
    settings = {"weight": 0.01, "iterations": 20}
    made = ff.Custom(regulariser="tv", **settings)(scan)
    assert torch.equal(made.image, ff.TotalVariation(**settings)(scan).image)
    assert made.record.settings["regulariser"] == "tv"


@pytest.mark.parametrize("scale", [1.0, 1e-29, 1e-36, 1e-42])
def test_a_value_has_a_finite_gradient_where_the_image_decays(scale):
    """Without wide vectors torch's derivative of a complex modulus is NaN at subnormal numbers."""
    image = scale * torch.randn(1, 1, 9, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    regulariser = ff.Custom(value=lambda x: x.diff(dim=-1).abs().sum(), weight=1).new_regulariser(None)
    assert bool(torch.isfinite(torch.view_as_real(regulariser.gradient(image))).all())


def test_what_cannot_work_is_refused(scan):
    with pytest.raises(ff.InputError, match="needs a function or a regulariser: name one of tgv, tv"):
        ff.Custom()(scan)
    with pytest.raises(ff.InputError, match="needs a function"):
        ff.Custom(gradient=lambda x: x)
    with pytest.raises(ff.InputError, match="given twice"):
        ff.Custom(regulariser="tv", prox=shrink)
    with pytest.raises(ff.InputError, match="'regulariser' of 'custom' is 'tz'; input should be one of tgv, tv"):
        ff.Custom(regulariser="tz")
    with pytest.raises(ff.InputError, match="need R's value"):
        ff.Custom(prox=shrink, solver="nlcg")
    with pytest.raises(ff.InputError, match="needs a proximal map"):
        ff.Custom(value=ridge, solver="admm")(scan)
    with pytest.raises(ff.InputError, match="setting 'prox' of 'custom' is 3"):
        ff.Custom(prox=3)
