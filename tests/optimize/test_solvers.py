"""Solvers on problems whose answer is known."""

import pytest
import torch

from fourfold.operators.sense_encoding import Encoding
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.regularisers.wavelet import CycleSpunPenalty, WaveletPenalty


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


class Ridge:
    """R(x) = ½‖x‖², whose minimiser conjugate gradient finds too."""

    def prox(self, x, weight):
        return x / (1 + weight)

    def value(self, x):
        return float(x.abs().square().sum() / 2)


@pytest.fixture
def encoding():
    maps = gaussian(1, 1, 4, 24, 20)
    maps /= torch.linalg.vector_norm(maps, dim=2, keepdim=True)
    mask = (torch.rand(1, 24, 1, generator=torch.Generator().manual_seed(1)) < 0.5).expand(1, 24, 20).contiguous()
    return Encoding(mask, maps)


def objective(encoding, y, x, weight, penalty):
    return float((encoding.forward(x) - y).abs().square().sum(dtype=torch.float64) / 2) + weight * penalty.value(x)


def test_conjugate_gradient_solves_a_dense_system():
    matrix = gaussian(12, 12)
    hermitian = matrix @ matrix.mH + torch.eye(12)
    rhs = gaussian(12, 1)
    x, iterations = conjugate_gradient(lambda v: hermitian @ v, rhs, iterations=100, tolerance=1e-6)
    assert torch.allclose(x, torch.linalg.solve(hermitian, rhs), atol=1e-4)
    assert iterations < 40
    again, iterations = conjugate_gradient(lambda v: hermitian @ v, rhs, start=x, tolerance=1e-4)
    assert iterations == 0
    assert torch.equal(again, x)


def test_conjugate_gradient_ends_where_the_residual_underflows():
    rhs = torch.full((4,), 1e-15 + 0j, dtype=torch.complex64)
    x, iterations = conjugate_gradient(lambda v: 1e-16 * v, rhs, iterations=5, tolerance=0)
    assert iterations == 0
    assert bool(torch.isfinite(torch.view_as_real(x)).all())


def test_zero_data_gives_a_zero_image(encoding):
    zero = torch.zeros(1, 1, 24, 20, dtype=torch.complex64)
    x, iterations = conjugate_gradient(encoding.normal, zero)
    assert iterations == 0
    assert not x.any()
    x, _ = proximal_gradient(encoding.normal, zero, TotalVariationPenalty(), 0.1)
    assert not x.any()


def test_proximal_gradient_agrees_with_conjugate_gradient(encoding):
    rhs = encoding.adjoint(gaussian(1, 4, 24, 20, seed=2))
    direct, _ = conjugate_gradient(lambda v: encoding.normal(v) + 0.05 * v, rhs, iterations=200, tolerance=1e-7)
    x, iterations = proximal_gradient(encoding.normal, rhs, Ridge(), 0.05, iterations=500, tolerance=1e-6)
    assert torch.allclose(x, direct, atol=1e-4)
    assert iterations < 200


@pytest.mark.parametrize(
    "penalty",
    [
        lambda: TotalVariationPenalty(),
        lambda: WaveletPenalty(OrthogonalWavelet((24, 20), "db2", 2)),
    ],
    ids=["tv", "wavelet"],
)
def test_solution_is_a_minimum(encoding, penalty):
    """No small step in any direction lowers the objective."""
    y = encoding.mask[:, None] * gaussian(1, 4, 24, 20, seed=2)
    x, _ = proximal_gradient(encoding.normal, encoding.adjoint(y), penalty(), 0.2, iterations=2000, tolerance=1e-7)
    lowest = objective(encoding, y, x, 0.2, penalty())
    start = encoding.adjoint(y)
    assert lowest < objective(encoding, y, start, 0.2, penalty())
    for seed in range(20):
        direction = gaussian(1, 1, 24, 20, seed=seed) if seed else x - start
        step = 1e-2 * direction / torch.linalg.vector_norm(direction)
        assert objective(encoding, y, x + step, 0.2, penalty()) > lowest - 1e-5
        assert objective(encoding, y, x - step, 0.2, penalty()) > lowest - 1e-5


def test_total_variation_of_a_step_shrinks_it():
    """The proximal map of TV moves the two halves of a step towards each other by weight · edge / area."""
    step = torch.zeros(1, 1, 8, 16, dtype=torch.complex64)
    step[..., 8:] = 1
    x = TotalVariationPenalty(inner_iterations=2000).prox(step, 0.4)
    expected = torch.where(step.real > 0, 1 - 0.4 / 8, 0.4 / 8)
    assert torch.allclose(x.real, expected, atol=1e-3)
    assert TotalVariationPenalty().value(step) == pytest.approx(8)


def test_total_variation_prox_agrees_with_scikit_image():
    restoration = pytest.importorskip("skimage.restoration", reason="scikit-image is not installed")
    noisy = torch.rand(20, 24, generator=torch.Generator().manual_seed(3))
    ours = TotalVariationPenalty(inner_iterations=3000).prox(noisy.to(torch.complex64), 0.1).real
    theirs = restoration.denoise_tv_chambolle(noisy.double().numpy(), weight=0.1, eps=1e-12, max_num_iter=20000)
    assert torch.allclose(ours, torch.from_numpy(theirs).float(), atol=2e-3)


@pytest.mark.parametrize(
    "penalty", [WaveletPenalty(OrthogonalWavelet((24, 20))), CycleSpunPenalty(UndecimatedWavelet((24, 20)))]
)
def test_wavelet_shrinkage_keeps_phase_and_constants(penalty):
    x = gaussian(1, 1, 24, 20)
    phase = torch.polar(torch.tensor(1.0), torch.tensor(0.7))
    assert torch.allclose(penalty.prox(phase * x, 0.5), phase * penalty.prox(x, 0.5), atol=1e-5)
    constant = torch.full((1, 1, 24, 20), 3 + 4j)
    assert torch.allclose(penalty.prox(constant, 10.0), constant, atol=1e-4)
    assert penalty.prox(x, 0.5).abs().square().sum() < x.abs().square().sum()
    assert torch.allclose(penalty.prox(x, 0.0), x, atol=1e-5)


def test_cycle_spinning_settles(encoding):
    """With every shift averaged the iteration reaches a fixed point; the same image comes out each time."""
    rhs = encoding.adjoint(gaussian(1, 4, 24, 20, seed=2))
    penalty = CycleSpunPenalty(UndecimatedWavelet((24, 20), "db2", 2))
    x, iterations = proximal_gradient(encoding.normal, rhs, penalty, 0.1, iterations=1000, tolerance=1e-6)
    assert iterations < 1000
    longer, _ = proximal_gradient(encoding.normal, rhs, penalty, 0.1, start=x, iterations=100, tolerance=0)
    assert float(torch.linalg.vector_norm(longer - x) / torch.linalg.vector_norm(x)) < 1e-4
