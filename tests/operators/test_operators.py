"""Laws that every linear operator obeys, over shapes, odd sizes and batches."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold.coils.joint_model import SmoothMaps
from fourfold.errors import InputError
from fourfold.operators.aliasing import Aliasing
from fourfold.operators.finite_differences import FiniteDifferences, SymmetrisedDifferences
from fourfold.operators.fourier import Fourier, fft, ifft
from fourfold.operators.linear_operator import Identity, inner
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.operators.sense_encoding import CoilMaps, Encoding, Mask
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.regularisers.analysis import FirstOf
from fourfold.regularisers.sum import SumPenalty
from fourfold.regularisers.total_generalised_variation import TotalGeneralisedVariationPenalty
from fourfold.regularisers.total_variation import CountedDifferences, TotalVariationPenalty
from fourfold.regularisers.wavelet import CycleSpunPenalty
from fourfold.sampling import radial

SIZES = st.integers(2, 41)
PATTERNS = st.sampled_from(["ky", "kx", "both", "full"])


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def pattern(kind, frames, ny, nx, seed=0):
    """A mask that varies along the named axes, with at least one sample a frame."""
    sizes = {"ky": (ny, 1), "kx": (1, nx), "both": (ny, nx), "full": (1, 1)}[kind]
    mask = torch.rand(frames, *sizes, generator=torch.Generator().manual_seed(seed)) < 0.4
    mask[:, sizes[0] // 2, sizes[1] // 2] = True
    return mask.expand(frames, ny, nx).contiguous()


@st.composite
def operators(draw):
    """An operator and a point of its domain."""
    frames, sets, coils, ny, nx = (
        draw(s) for s in (st.integers(1, 3), st.integers(1, 2), st.integers(1, 4), SIZES, SIZES)
    )
    mask = pattern(draw(PATTERNS), draw(st.sampled_from([1, frames])), ny, nx)
    maps = gaussian(draw(st.sampled_from([1, frames])), sets, coils, ny, nx, seed=1)
    image, kspace = gaussian(frames, sets, ny, nx, seed=2), gaussian(frames, coils, ny, nx, seed=3)
    encoding = Encoding(mask, maps)
    return draw(
        st.sampled_from(
            [
                (Fourier(), kspace),
                (Fourier((-1,)), kspace),
                (Mask(mask), kspace),
                (CoilMaps(maps), image),
                (encoding, image),
                (encoding.H, kspace),
                ((1 - 2j) * encoding, image),
                (encoding + encoding, image),
                (Fourier() @ (Identity() + FiniteDifferences().H @ FiniteDifferences()), image),
                (FiniteDifferences(), image),
                (SymmetrisedDifferences(), FiniteDifferences().forward(image)),
                (OrthogonalWavelet((ny, nx), "db4"), image),
                (OrthogonalWavelet((ny, nx), "haar", 9), image),
                (UndecimatedWavelet((ny, nx), "sym4", 3), image),
                (Aliasing(mask[0]), kspace),
                (SmoothMaps((ny, nx), kspace), SmoothMaps((ny, nx), kspace).adjoint(kspace[0])),
                (FirstOf(UndecimatedWavelet((ny, nx), "haar", 2)), image[:1]),
                (CountedDifferences(mask[0]), image[:1]),
                (two_penalties((ny, nx)).analysis().operator, image[:1]),
                (TotalGeneralisedVariationPenalty(mask[0]).analysis().operator, gaussian(3, 1, ny, nx, seed=7)),
            ]
        )
    )


def two_penalties(size):
    return SumPenalty(1, TotalVariationPenalty(), 0.5, CycleSpunPenalty(UndecimatedWavelet(size, "haar", 2)))


def close(a, b, tolerance=1e-5):
    assert float(torch.linalg.vector_norm(a - b)) <= tolerance * float(torch.linalg.vector_norm(b)) + 1e-30


@settings(max_examples=150, deadline=None)
@given(operators())
def test_adjoint(random_operator):
    operator, x = random_operator
    ax = operator.forward(x)
    y = gaussian(*ax.shape, seed=4)
    difference = abs(complex(inner(ax, y)) - complex(inner(x, operator.adjoint(y))))
    assert difference < 1e-5 * float(torch.linalg.vector_norm(ax) * torch.linalg.vector_norm(y))


@settings(max_examples=100, deadline=None)
@given(operators())
def test_no_call_needs_another_before_it_or_changes_its_argument(random_operator):
    operator, x = random_operator
    fresh, kept = copy.deepcopy(operator), x.clone()
    y = gaussian(*operator.forward(x).shape, seed=4)
    kept_y = y.clone()
    back = fresh.adjoint(y)
    assert torch.equal(back, operator.adjoint(y))
    for call in (operator.forward, operator.normal, operator):
        assert torch.equal(call(x), call(x))
        assert torch.equal(x, kept)
    assert torch.equal(y, kept_y)


@settings(max_examples=100, deadline=None)
@given(operators())
def test_what_is_returned_belongs_to_the_caller(random_operator):
    """Writing into a result changes neither the argument nor what the operator returns later."""
    operator, x = random_operator
    y = operator.forward(x).clone()
    for call, argument in ((operator.forward, x), (operator.normal, x), (operator.adjoint, y)):
        before, first = argument.clone(), call(argument).clone()
        call(argument).fill_(float("nan"))
        assert torch.equal(argument, before)
        assert torch.equal(call(argument), first)


@settings(max_examples=100, deadline=None)
@given(operators())
def test_normal_is_adjoint_of_forward(random_operator):
    operator, x = random_operator
    close(operator.normal(x), operator.adjoint(operator.forward(x)))


@settings(max_examples=60, deadline=None)
@given(operators())
def test_linear(random_operator):
    operator, x = random_operator
    y = gaussian(*x.shape, seed=5)
    close(operator(x + (2 - 1j) * y), operator(x) + (2 - 1j) * operator(y))


@settings(max_examples=40, deadline=None)
@given(operators())
def test_gradient_is_the_true_adjoint(random_operator):
    operator, x = random_operator
    x = x.clone().requires_grad_()
    y = gaussian(*operator.forward(x.detach()).shape, seed=6)
    (gradient,) = torch.autograd.grad((operator(x) - y).abs().square().sum() / 2, x)
    close(gradient, operator.adjoint(operator.forward(x.detach()) - y))


WAYS = ["forward", "adjoint", "normal", "composed", "added"]


def applied(way, encoding, x, y):
    return {
        "forward": lambda: encoding(x),
        "adjoint": lambda: encoding.H(y),
        "normal": lambda: encoding.normal(x),
        "composed": lambda: (FiniteDifferences() @ encoding.H @ (2j * encoding))(x),
        "added": lambda: (encoding + encoding).H(y),
    }[way]()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["Cartesian", "radial"])
def test_gradients_reach_image_samples_and_coil_maps(kind, way):
    """Against how much the result changes along a random direction."""
    trajectory, mask = None, pattern("ky", 1, 12, 12)
    if kind == "radial":
        pytest.importorskip("finufft", reason="finufft is not installed")
        trajectory = radial((12, 12), 9)
        mask = torch.ones(1, trajectory.shots, trajectory.samples, dtype=torch.bool)
    maps = gaussian(1, 1, 3, 12, 12, seed=1)
    maps /= maps.abs().square().sum(dim=2, keepdim=True).sqrt()
    x, y = gaussian(1, 1, 12, 12, seed=2), gaussian(1, 3, *mask.shape[1:], seed=3)
    weights = gaussian(
        *((2,) if way == "composed" else ()),
        1,
        3 if way == "forward" else 1,
        *(mask.shape[1:] if way == "forward" else (12, 12)),
        seed=4,
    )

    def value(x, y, maps):
        encoding = Encoding(mask, maps) if trajectory is None else NonCartesianEncoding(trajectory, mask, maps)
        return (applied(way, encoding, x, y) * weights).real.sum()

    steps = [0.01 * gaussian(*tensor.shape, seed=5 + index) for index, tensor in enumerate((x, y, maps))]
    differentiable = (0, 2) if way in ("forward", "normal", "composed") else (1, 2)
    tensors = [tensor.clone().requires_grad_(index in differentiable) for index, tensor in enumerate((x, y, maps))]
    gradients = torch.autograd.grad(value(*tensors), [tensors[index] for index in differentiable])
    for index, gradient in zip(differentiable, gradients, strict=True):
        forwards, backwards = [x, y, maps], [x, y, maps]
        forwards[index] = forwards[index] + steps[index]
        backwards[index] = backwards[index] - steps[index]
        change = float(value(*forwards) - value(*backwards)) / 2
        assert change == pytest.approx(float((gradient.conj() * steps[index]).real.sum()), rel=2e-2, abs=2e-3)


def test_second_derivative_passes_through():
    operator = Fourier()
    x = gaussian(1, 1, 4, 5).to(torch.complex128).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda v: operator(v).abs().square().sum(), x)


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES)
def test_unitary_transforms_keep_energy(ny, nx):
    x = gaussian(2, ny, nx)
    for operator in (Fourier(), OrthogonalWavelet((ny, nx))):
        close(operator.forward(x).norm(), x.norm())
        close(operator.adjoint(operator.forward(x)), x)
        close(operator.forward(operator.adjoint(x)), x)
    frame = UndecimatedWavelet((ny, nx))
    close(frame.adjoint(frame.forward(x)), x)


@pytest.mark.parametrize("size", [(8, 6), (7, 9), (8, 7)])
def test_fourier_is_centred(size):
    """The zero frequency and the image's origin lie at n // 2, for even and odd sizes."""
    ny, nx = size
    delta = torch.zeros(size, dtype=torch.complex64)
    delta[ny // 2, nx // 2] = 1
    flat = torch.full(size, 1 / math.sqrt(ny * nx), dtype=torch.complex64)
    assert torch.allclose(fft(delta), flat, atol=1e-6)
    assert torch.allclose(ifft(delta), flat, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 6), (7, 9)])
def test_fourier_agrees_with_numpy_and_sigpy(size):
    x = gaussian(3, *size)
    axes = (-2, -1)
    numpy = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(x.numpy(), axes=axes), norm="ortho"), axes=axes)
    np.testing.assert_allclose(fft(x).numpy(), numpy, atol=1e-5)
    sigpy = pytest.importorskip("sigpy", reason="SigPy is not installed")
    np.testing.assert_allclose(fft(x).numpy(), sigpy.fft(x.numpy(), axes=axes), atol=1e-5)


@pytest.mark.parametrize("kind", ["lines", "columns", "both", "all"])
@pytest.mark.parametrize(("frames", "sets"), [(3, 1), (1, 3), (3, 2)])
def test_all_coils_at_once_are_the_blocks_together(kind, frames, sets):
    """What a GPU does in a few operations, the CPU does coil by coil."""
    mask = torch.ones(3, 12, 10, dtype=torch.bool)
    mask[:, ::3] &= kind not in ("lines", "both")
    mask[:, :, ::4] &= kind not in ("columns", "both")
    plan = Encoding(mask, gaussian(frames, sets, 5, 12, 10))._normal_plan
    x, y = (plan._lay_out(gaussian(3, sets, 12, 10, seed=seed)) for seed in (1, 2))
    torch.testing.assert_close(plan._at_once(x), plan._in_blocks(x), atol=1e-5, rtol=1e-5)
    at_once, in_blocks = plan._maps_gradient_at_once(x, y), plan._maps_gradient_in_blocks(x, y)
    torch.testing.assert_close(at_once, in_blocks, atol=1e-5, rtol=1e-5)


def test_norm_by_power_iteration():
    maps = gaussian(1, 1, 4, 20, 18)
    maps /= torch.linalg.vector_norm(maps, dim=2, keepdim=True)
    full = Encoding(torch.ones(1, 20, 18, dtype=torch.bool), maps)
    assert full.norm(gaussian(1, 1, 20, 18)) == pytest.approx(1, abs=1e-4)
    # Forward differences of n points have the norm 2 cos(π / 2n), in two axes √2 times that.
    like = gaussian(1, 12, 12)
    exact = 2 * math.sqrt(2) * math.cos(math.pi / 24)
    assert FiniteDifferences().norm(like, iterations=300) == pytest.approx(exact, rel=1e-3)
    assert SymmetrisedDifferences().norm(torch.stack([like, like]), iterations=300) < 8**0.5
    assert (3j * Identity()).norm(like) == pytest.approx(3, rel=1e-5)


def test_differences_of_a_ramp():
    ramp = torch.arange(5.0)[:, None] + 10 * torch.arange(4.0)[None]
    down, right = FiniteDifferences().forward(ramp.to(torch.complex64))
    assert torch.equal(down[:-1].real, torch.ones(4, 4))
    assert torch.equal(right[:, :-1].real, torch.full((5, 3), 10.0))
    assert not down[-1].any()
    assert not right[:, -1].any()


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym4"])
def test_wavelet_agrees_with_pywavelets(wavelet):
    """Same detail energy as PyWavelets' periodic transform, and none of a constant."""
    pywt = pytest.importorskip("pywt")
    x = gaussian(64, 64)
    transform = OrthogonalWavelet((64, 64), wavelet, 1)
    ours = sorted(float(band.abs().square().sum()) for band in transform.details(transform.forward(x)))
    _, *bands = pywt.wavedec2(x.numpy(), wavelet, "periodization", 1)
    horizontal, vertical, diagonal = (float((np.abs(band) ** 2).sum()) for band in bands[0])
    assert sum(ours) == pytest.approx(horizontal + vertical + diagonal, rel=0.02)
    smooth = torch.ones(64, 64, dtype=torch.complex64)
    coefficients = transform.forward(smooth)
    assert all(float(band.abs().max()) < 1e-5 for band in transform.details(coefficients))


def test_db4_ignores_cubic_polynomials():
    """Four vanishing moments: details of a cubic vanish away from the periodic border."""
    line = (torch.arange(64.0) / 64) ** 3
    transform = OrthogonalWavelet((64, 64), "db4", 1)
    coefficients = transform.forward(line.expand(64, 64).to(torch.complex64).contiguous())
    assert float(coefficients[:, 32:60].abs().max()) < 1e-5
    assert float(coefficients[:, 60:].abs().max()) > 1e-2


def test_undecimated_shrinks_as_all_shifts_averaged():
    """Coifman & Donoho 1995: cycle spinning over every shift is shrinkage in the undecimated transform."""
    from fourfold.regularisers.wavelet import CycleSpunPenalty, WaveletPenalty

    x = gaussian(16, 16)
    orthogonal = WaveletPenalty(OrthogonalWavelet((16, 16), "db2", 2))
    spun = torch.zeros_like(x)
    for dy in range(4):
        for dx in range(4):
            spun += orthogonal.prox(x.roll((dy, dx), (0, 1)), 0.3).roll((-dy, -dx), (0, 1)) / 16
    penalty = CycleSpunPenalty(UndecimatedWavelet((16, 16), "db2", 2))
    close(penalty.prox(x, 0.3), spun)
    mean = sum(orthogonal.value(x.roll((dy, dx), (0, 1))) for dy in range(4) for dx in range(4)) / 16
    assert penalty.value(x) == pytest.approx(mean, rel=1e-5)


def test_bad_operators_are_refused():
    with pytest.raises(InputError, match=r"no wavelet 'db44'.*Did you mean 'db4'"):
        OrthogonalWavelet((32, 32), "db44")
    with pytest.raises(InputError, match="not orthogonal"):
        UndecimatedWavelet((32, 32), "bior2.2")
    with pytest.raises(InputError, match=r"mask is \(8, 8\) but the coil maps are \(8, 9\)"):
        Encoding(torch.ones(1, 8, 8, dtype=torch.bool), gaussian(1, 1, 2, 8, 9))
