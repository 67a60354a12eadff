"""Patch dictionaries: the transform is one, learning finds what is there, and the images are better for it."""

import itertools
import math

import pytest
import torch

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.denoisers.dictionary import DictionaryDenoiser, learn_atoms
from fourfold.denoisers.patches import PatchTransform, cosine_atoms
from fourfold.errors import InputError
from fourfold.methods.classical.dictionary import Dictionary
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.operators.fourier import ifft
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom


def random_image(*shape):
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))


def sparse_patches(size=3, count=4000):
    """Return orthonormal atoms, the first constant, and patches of a constant and two more of them."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(size**2, size**2, generator=generator)
    start[:, 0] = 1
    atoms = torch.linalg.qr(start)[0].mT.contiguous()
    codes = torch.zeros(2, size**2, count)
    for column, chosen in enumerate(torch.rand(count, size**2 - 1, generator=generator).argsort(dim=1)[:, :2]):
        codes[:, chosen + 1, column] = torch.randn(2, 2, generator=generator).sign()
    codes[:, 0] = torch.randn(2, count, generator=generator)
    return atoms, atoms.mT @ codes


def objective(patches, atoms, threshold):
    codes = atoms @ patches
    kept = codes.square().sum(dim=0) > threshold**2
    kept[0] = True
    return float((codes * ~kept).square().sum() + threshold**2 * kept.sum())


@pytest.mark.parametrize("size", [2, 5])
def test_transform_of_patches_is_orthonormal_and_wraps(size):
    transform = PatchTransform(cosine_atoms(size))
    image = random_image(11, 14)
    codes = transform.forward(image)
    assert float(codes.square().sum()) == pytest.approx(size**2 * float(image.abs().square().sum()), rel=1e-5)
    weights = torch.rand(1, 1, 11, 14, generator=torch.Generator().manual_seed(2)) + 0.1
    assert torch.allclose(transform.mean(codes * weights, weights), image, atol=1e-5)
    moved = transform.forward(image.roll((3, 4), (0, 1)))
    assert torch.allclose(moved, codes.roll((3, 4), (2, 3)), atol=1e-5)


def test_learning_recovers_the_dictionary_that_made_the_patches():
    atoms, patches = sparse_patches()
    learned = cosine_atoms(3)
    for _ in range(60):
        learned = learn_atoms(patches, learned, threshold=0.9)
    likeness = (learned @ atoms.mT).abs().amax(dim=0)
    assert float(likeness.min()) > 0.99


def test_no_round_of_learning_raises_the_objective():
    image = random_image(24, 24).cumsum(dim=0).cumsum(dim=1) / 20
    patches = PatchTransform(cosine_atoms(4)).patches(image)
    atoms, values = cosine_atoms(4), []
    for _ in range(8):
        values.append(objective(patches, atoms, 0.3))
        atoms = learn_atoms(patches, atoms, 0.3)
    assert all(after <= before * (1 + 1e-5) for before, after in itertools.pairwise(values))
    assert values[-1] < values[0]
    assert torch.allclose(atoms @ atoms.mT, torch.eye(16), atol=1e-5)
    assert torch.allclose(atoms[0].abs(), torch.full((16,), 0.25), atol=1e-5)


def test_denoising_removes_noise_at_any_scale_and_for_every_image_alike():
    clean = phantom((48, 40)).to(torch.complex64)
    noisy = clean + 0.1 / math.sqrt(2) * random_image(48, 40)
    denoised = DictionaryDenoiser(5)(noisy[None], 0.1 / math.sqrt(2))[0]
    assert float((denoised - clean).abs().square().mean()) < 0.35 * float((noisy - clean).abs().square().mean())
    scaled = DictionaryDenoiser(5)(1e3 * noisy[None], 1e3 * 0.1 / math.sqrt(2))[0]
    assert torch.allclose(scaled / 1e3, denoised, atol=1e-4)
    assert torch.equal(DictionaryDenoiser(5)(noisy[None], 0.0)[0], noisy)


def test_image_smaller_than_a_patch_is_refused():
    with pytest.raises(InputError, match="give a smaller patch"):
        DictionaryDenoiser(8)(random_image(1, 6, 20), 0.1)


@pytest.mark.parametrize("name", ["brain8_full_T1", "head8_T1_256"])
def test_measured_heads_come_out_better_than_with_total_variation(raw, name):
    full = raw(name)
    reference = root_sum_of_squares(ifft(full.kspace))
    scan = undersample(full, "random", 4, centre=0.08, seed=0)

    def error(method):
        return float((method(scan).magnitude - reference).square().mean())

    # A decibel and 0.3 dB were measured.
    assert error(Dictionary(noise_std=0.02)) < 0.95 * error(TotalVariation())
