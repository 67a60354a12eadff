"""What single operators are: transforms, differences and wavelets against other libraries and known results."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.operator_examples import gaussian

from fourfold.errors import InputError
from fourfold.operators.finite_differences import FiniteDifferences, SymmetrisedDifferences
from fourfold.operators.fourier import Fourier, fft, ifft
from fourfold.operators.linear_operator import Identity
from fourfold.operators.sense_encoding import Encoding
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet

SIZES = st.integers(2, 41)


def close(a, b, tolerance=1e-5):
    assert float(torch.linalg.vector_norm(a - b)) <= tolerance * float(torch.linalg.vector_norm(b)) + 1e-30


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
