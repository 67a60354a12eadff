"""Homodyne detection and POCS: k-space that reaches farther to one side of its centre than to the other."""

import numpy as np
import pytest
import torch
from tests.helpers.psnr import psnr

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.kspace.partial_fourier import Coverage, PartialFourier, has_gaps, lacks_a_side
from fourfold.methods.classical.homodyne import Homodyne
from fourfold.methods.classical.pocs import Pocs
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import make_sampling, undersample
from fourfold.scan import Sampling
from fourfold.simulation.simulate import phantom, simulate

METHODS = [Homodyne(), Pocs()]
IDS = ["homodyne", "pocs"]


def covered(scan, rows=slice(None), columns=slice(None)):
    mask = torch.zeros(scan.shape, dtype=torch.bool)
    mask[rows, columns] = True
    return scan.with_sampling(Sampling((mask & scan.mask[0])[None]))


@pytest.mark.parametrize("size", [10, 11])
@pytest.mark.parametrize("missing", ["left", "right"])
def test_weights_of_mirrored_samples_add_to_two(size, missing):
    centre = size // 2
    side = Coverage(size, centre - 2, size - 1) if missing == "left" else Coverage(size, 0, centre + 2)
    assert side.partial
    assert side.reach == 2
    weights = side.homodyne_weights(torch.zeros(1))
    for k in range(size):
        assert float(weights[k] + weights[(2 * centre - k) % size]) == pytest.approx(2)
    absent = weights[: centre - 2] if missing == "left" else weights[centre + 3 :]
    assert (absent[size % 2 == 0 and missing == "left" :] == 0).all()


@pytest.mark.parametrize(
    ("size", "first", "last", "partial"),
    [(10, 0, 9, False), (10, 1, 9, False), (11, 0, 10, False), (10, 2, 9, True), (11, 0, 9, True)],
)
def test_the_far_sample_of_an_even_size_has_no_counterpart(size, first, last, partial):
    assert Coverage(size, first, last).partial == partial


@pytest.mark.parametrize("method", METHODS, ids=IDS)
@pytest.mark.parametrize("shape", [(64, 48), (63, 49)])
@pytest.mark.parametrize("where", ["top", "bottom", "left", "right"])
def test_smooth_phase_is_recovered_from_five_eighths(method, shape, where):
    scan = simulate(phantom(shape), coils=1, snr=None, seed=2)
    rows, columns = round(0.625 * shape[0]), round(0.625 * shape[1])
    part = {
        "top": covered(scan, rows=slice(shape[0] - rows, None)),
        "bottom": covered(scan, rows=slice(rows)),
        "left": covered(scan, columns=slice(shape[1] - columns, None)),
        "right": covered(scan, columns=slice(columns)),
    }[where]
    truth = ifft(scan.kspace)[0, 0]
    error = (method(part).image[0] - truth).norm() / truth.norm()
    assert error < 0.6 * (ZeroFilled()(part).image[0] - truth).norm() / truth.norm()
    assert error < 0.11


@pytest.mark.parametrize("method", [*METHODS, Pocs(symmetry_weight=1.0)], ids=[*IDS, "full weight"])
def test_measured_samples_are_kept(method):
    part = covered(simulate(phantom((64, 48)), coils=1), rows=slice(20, None))
    assert torch.allclose(torch.where(part.mask, fft(method(part).image), 0), part.kspace[:, 0], atol=1e-4)


def test_pocs_is_that_of_plain_loops():
    part = covered(simulate(phantom((32, 24)), coils=1, seed=3), rows=slice(11, None))
    k, known = part.kspace[0, 0].numpy(), part.mask[0].numpy()

    def to_image(kspace):
        return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace), norm="ortho"))

    centre = np.zeros_like(k)
    for row in range(32):
        if abs(row - 16) <= 5:
            centre[row] = k[row] * np.cos(np.pi * (row - 16) / 12) ** 2
    phase = np.exp(1j * np.angle(to_image(centre)))
    image = to_image(k)
    for _ in range(7):
        real = np.maximum(np.real(image * np.conj(phase)), 0) * phase
        filled = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(real), norm="ortho"))
        filled[known] = k[known]
        image = to_image(filled)
    ours = Pocs(iterations=7, tolerance=0, symmetry_weight=1.0)(part).image[0].numpy()
    assert np.allclose(ours, image, atol=1e-4 * np.abs(image).max())


def test_zero_trust_gives_the_zero_filled_image():
    part = covered(simulate(phantom((64, 48)), coils=4), rows=slice(20, None))
    image = Pocs(symmetry_weight=0.0)(part).magnitude
    assert torch.allclose(image, ZeroFilled()(part).magnitude, atol=1e-4)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_a_rough_phase_is_not_trusted(method):
    shape = (64, 48)
    rough = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 * torch.pi
    full = simulate(phantom(shape), coils=1, snr=None, phase=False)
    full = full.replace(kspace=fft(ifft(full.kspace) * torch.polar(torch.ones(shape), rough)))
    part = covered(full, rows=slice(20, None))
    result = method(part)
    reference = ifft(full.kspace).abs()[0, 0]
    assert psnr(result.image[0], reference) > psnr(ZeroFilled()(part).image[0], reference) - 0.3
    assert result.record.details["symmetry_weight"] < 0.5


def test_both_axes_are_left_to_pocs():
    full = simulate(phantom((64, 48)), coils=1, snr=None)
    part = covered(full, slice(22, None), slice(30))
    truth = ifft(full.kspace)[0, 0]
    assert (Pocs()(part).image[0] - truth).norm() < 0.8 * (ZeroFilled()(part).image[0] - truth).norm()
    with pytest.raises(InputError, match="partial along ky and kx"):
        Homodyne()(part)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_grappa_fills_gaps_first(method):
    full = simulate(phantom((64, 48)), coils=6, snr=60)
    part = covered(undersample(full, "regular", 2, lines=16), rows=slice(20, None))
    reference = root_sum_of_squares(ifft(full.kspace))
    result = method(part)
    assert psnr(result.image, reference) > psnr(ZeroFilled()(part).image, reference) + 2
    assert "GRAPPA filled" in result.record.notes[0]


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_refuses_what_is_not_partial(method):
    full = simulate(phantom((64, 48)), coils=1)
    refusals = (
        (full, "symmetric about its centre"),
        (covered(full, rows=slice(8, 57)), "symmetric about its centre"),
        (covered(full, rows=slice(30, None)), "Along ky 2 samples were acquired on both sides"),
        (undersample(full, "random", 2, lines=12), "have gaps"),
    )
    for scan, words in refusals:
        with pytest.raises(InputError, match=words):
            method(scan)


def test_gaps_are_distinguished_from_a_rectangle():
    mask = torch.zeros(6, 5, dtype=torch.bool)
    mask[1:4, 2:] = True
    assert not has_gaps(mask)
    mask[5, 2:] = True
    assert has_gaps(mask)
    mask[4, 2:4] = True
    assert has_gaps(mask)


@pytest.mark.parametrize("seed", range(6))
def test_random_lines_are_no_partial_fourier(seed):
    for lines in (96, 128):
        assert not lacks_a_side(make_sampling("random", (lines, 96), 4, lines=8, seed=seed).mask[0])


def test_coverage_on_a_mask():
    mask = torch.zeros(16, 12, dtype=torch.bool)
    mask[3:] = True
    partial = PartialFourier.of(mask)
    assert partial.axes == ("ky",)
    assert partial.coverage[0] == Coverage(16, 3, 15)
    assert partial.shortened(mask) is None


@pytest.mark.parametrize("method", METHODS, ids=IDS)
@pytest.mark.parametrize(("name", "gain"), [("brain8_full_T1", 1.2), ("head8_T1_256", 1.8)])
def test_beats_zero_filling_on_measured_heads(raw, method, name, gain):
    full = raw(name)
    reference = root_sum_of_squares(ifft(full.kspace))
    part = covered(full, rows=slice(full.shape[0] - round(0.625 * full.shape[0]), None))
    assert psnr(method(part).image, reference) > psnr(ZeroFilled()(part).image, reference) + gain
