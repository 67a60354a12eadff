"""Total generalised variation: what it leaves alone, and that solvers reach its minimum."""

import pytest
import torch

from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.regularisers.total_generalised_variation import TotalGeneralisedVariationPenalty
from fourfold.regularisers.total_variation import TotalVariationPenalty

WEIGHT, RATIO = 0.15, 2.0


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def ramp():
    """Brightness that rises evenly from corner to corner, its phase the same everywhere."""
    y, x = torch.meshgrid(torch.arange(17.0), torch.arange(14.0), indexing="ij")
    return ((1 + 0.5j) * (0.3 * y - 0.1 * x + 2))[None, None]


def test_even_slopes_cost_nothing(ramp):
    assert TotalGeneralisedVariationPenalty().value(ramp) < 1e-2 * TotalVariationPenalty().value(ramp)
    penalty, kept = TotalGeneralisedVariationPenalty(inner_iterations=100), ramp
    for _ in range(30):
        kept = penalty.prox(ramp, 0.5)
    assert torch.allclose(kept, ramp, atol=1e-3)
    flattened = TotalVariationPenalty(inner_iterations=2000).prox(ramp, 0.5)
    assert not torch.allclose(flattened, ramp, atol=0.1)


def test_is_total_variation_where_bending_is_dear():
    x = gaussian(1, 1, 15, 12)
    expected = TotalVariationPenalty(inner_iterations=2000).prox(x, 0.2)

    def difference(ratio):
        ours = TotalGeneralisedVariationPenalty(ratio=ratio, inner_iterations=100).prox(x, 0.2)
        return float((ours - expected).abs().max())

    # Even slopes do not bend, so that they cost nothing at any ratio; these random numbers hardly have any.
    assert difference(1e4) < 4e-2
    assert difference(0.3) > 2e-1


def test_phase_changes_nothing_else_and_edges_of_the_support_cost_nothing():
    x, turn = gaussian(1, 1, 12, 13), torch.polar(torch.tensor(1.0), torch.tensor(0.8))
    turned = TotalGeneralisedVariationPenalty().prox(turn * x, 0.3)
    assert torch.allclose(turned, turn * TotalGeneralisedVariationPenalty().prox(x, 0.3), atol=1e-5)
    support = torch.zeros(1, 1, 12, 13, dtype=torch.bool)
    support[..., 3:9, 4:10] = True
    step = support.to(torch.complex64)
    assert TotalGeneralisedVariationPenalty(support).value(step) == pytest.approx(0, abs=1e-3)
    assert torch.allclose(TotalGeneralisedVariationPenalty(support).prox(step, 0.3), step, atol=1e-5)


def minimum_by_primal_dual(normal, rhs, iterations=3000):
    """Return the minimiser over (x, w) by an independent program: Condat–Vũ on dense difference matrices, complex."""
    ny, nx = rhs.shape[-2:]

    def forward(n):
        return torch.diff(torch.eye(n, dtype=torch.complex64), dim=0)

    down, right = forward(ny), forward(nx).mT.contiguous()
    x = rhs[0, 0].clone()
    # w lives where differences exist along its own axis; the missing ones are free, so they are variables too.
    wy, wx = torch.zeros_like(x), torch.zeros_like(x)
    p, q = x.new_zeros(2, ny, nx), x.new_zeros(3, ny, nx)
    tau, tau_w, sigma = 1 / 3, 0.3, 0.25
    half = 0.5**0.5

    def first(x, wy, wx):
        field = x.new_zeros(2, ny, nx)
        field[0, :-1] = down @ x - wy[:-1]
        field[1, :, :-1] = x @ right - wx[:, :-1]
        return field

    def second(wy, wx):
        field = wy.new_zeros(3, ny, nx)
        field[0, 1:] = down @ wy
        field[1, :, 1:] = wx @ right
        field[2, :, 1:] += half * (wy @ right)
        field[2, 1:] += half * (down @ wx)
        return field

    def ball(field, radius):
        return field / (torch.linalg.vector_norm(field, dim=0) / radius).clamp_min(1)

    for _ in range(iterations):
        gradient = normal(x[None, None])[0, 0] - rhs[0, 0] + down.mT @ p[0, :-1] + p[1, :, :-1] @ right.mT
        gy = down.mT @ q[0, 1:] + half * (q[2, :, 1:] @ right.mT)
        gx = q[1, :, 1:] @ right.mT + half * (down.mT @ q[2, 1:])
        gy[:-1] -= p[0, :-1]
        gx[:, :-1] -= p[1, :, :-1]
        new = x - tau * gradient, wy - tau_w * gy, wx - tau_w * gx
        bar = [2 * after - before for after, before in zip(new, (x, wy, wx), strict=True)]
        x, wy, wx = new
        p = ball(p + sigma * first(*bar), WEIGHT)
        q = ball(q + sigma * second(*bar[1:]), RATIO * WEIGHT)
    total = torch.linalg.vector_norm(first(x, wy, wx), dim=0).sum()
    total += RATIO * torch.linalg.vector_norm(second(wy, wx), dim=0).sum()
    return x[None, None], float(total)


def test_few_inner_iterations_reach_the_minimum_of_the_whole_problem():
    maps = gaussian(1, 1, 4, 24, 21)
    maps /= torch.linalg.vector_norm(maps, dim=2, keepdim=True)
    mask = (torch.rand(1, 24, 1, generator=torch.Generator().manual_seed(1)) < 0.5).expand(1, 24, 21).contiguous()
    encoding = Encoding(mask, maps)
    y = encoding.mask[:, None] * gaussian(1, 4, 24, 21, seed=2)
    rhs = encoding.adjoint(y)

    def misfit(x):
        return float((encoding.forward(x) - y).abs().square().sum()) / 2

    expected, value = minimum_by_primal_dual(encoding.normal, rhs)
    penalty = TotalGeneralisedVariationPenalty(ratio=RATIO)
    x, _ = proximal_gradient(encoding.normal, rhs, penalty, WEIGHT, iterations=500, tolerance=1e-6)
    assert penalty.value(x) == pytest.approx(value, rel=1e-3)
    assert misfit(x) + WEIGHT * penalty.value(x) == pytest.approx(misfit(expected) + WEIGHT * value, rel=2e-4)
    assert float(torch.linalg.vector_norm(x - expected) / torch.linalg.vector_norm(expected)) < 5e-3
