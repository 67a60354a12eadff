"""Principal eigenvectors against LAPACK's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold.coils.eigenvectors import principal_eigenvectors


def with_spectrum(values, count, seed=0):
    """Random Hermitian matrices (count, n, n) of given eigenvalues, and their eigenvectors."""
    generator = torch.Generator().manual_seed(seed)
    size = len(values)
    basis = torch.linalg.qr(torch.randn(count, size, size, dtype=torch.complex128, generator=generator)).Q
    matrices = basis @ torch.diag(torch.tensor(values, dtype=torch.complex128)) @ basis.mH
    return matrices.to(torch.complex64), basis.to(torch.complex64)


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(1, 12), count=st.integers(1, 40), seed=st.integers(0, 10**6), scale=st.sampled_from([1e-8, 1, 1e8])
)
def test_equals_lapack(size, count, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(count, size, 3, dtype=torch.complex64, generator=generator)
    matrices = scale * factor @ factor.mH
    vectors, values = principal_eigenvectors(matrices)
    expected, basis = torch.linalg.eigh(matrices.to(torch.complex128))
    assert torch.allclose(values[:, 0].double(), expected[:, -1], rtol=1e-4)
    assert torch.allclose(torch.linalg.vector_norm(vectors, dim=-2), torch.ones(()), atol=1e-5)
    gap = 1 - expected[:, -2] / expected[:, -1] if size > 1 else torch.ones(count)
    overlap = (basis[:, :, -1].conj() * vectors[:, :, 0]).sum(dim=-1).abs()
    assert (overlap[gap > 0.01] > 0.9999).all()


@pytest.mark.parametrize("second", [0.0, 0.5, 0.9, 0.99])
def test_several_eigenvectors_are_orthonormal_and_in_order(second):
    matrices, basis = with_spectrum([1.0, second, 0.3 * second, 0.0], 50)
    vectors, values = principal_eigenvectors(matrices, 2)
    assert torch.allclose(values, torch.tensor([1.0, second]), atol=1e-3)
    assert torch.allclose(vectors.mH @ vectors, torch.eye(2, dtype=torch.complex64), atol=1e-3)
    assert ((basis[:, :, 0].conj() * vectors[:, :, 0]).sum(dim=-1).abs() > 0.999).all()


def test_equal_eigenvalues_give_vectors_of_their_space():
    matrices, basis = with_spectrum([1.0, 1.0, 0.2], 20)
    vectors, values = principal_eigenvectors(matrices, 2)
    assert torch.allclose(values, torch.ones(20, 2), atol=1e-4)
    overlap = torch.linalg.svdvals(basis[..., :2].mH @ vectors)
    assert (overlap > 0.999).all()


def test_a_matrix_of_zeros_gives_a_vector_of_zeros():
    matrices = torch.zeros(3, 4, 4, dtype=torch.complex64)
    matrices[1] = torch.eye(4)
    vectors, values = principal_eigenvectors(matrices)
    assert not vectors[[0, 2]].any()
    assert values[:, 0].tolist() == pytest.approx([0, 1, 0])


def test_leaves_its_input_alone_and_keeps_batch_axes():
    matrices, _ = with_spectrum([1.0, 0.4, 0.1], 6)
    before = matrices.clone()
    vectors, values = principal_eigenvectors(matrices.view(2, 3, 3, 3), 2)
    assert torch.equal(matrices, before)
    assert vectors.shape == (2, 3, 3, 2)
    assert values.shape == (2, 3, 2)
