"""ESPIRiT against true maps, its own definition, real scans and other implementations."""

from itertools import product

import numpy as np
import pytest
import torch
from tests.helpers.bart import needs_bart, read_cfl, run_bart, write_cfl

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.espirit import espirit
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.noise.covariance import noise_covariance
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Scan, crop_centre
from fourfold.simulation.sample import sample_image
from fourfold.simulation.simulate import in_object, loop_maps, phantom, simulate


def correlation(maps, others):
    """Cosine of the angle between the coil vectors (coil, y, x) of every pixel."""
    overlap = (maps.conj() * others).sum(dim=0).abs()
    return overlap / (root_sum_of_squares(maps) * root_sum_of_squares(others)).clamp_min(1e-12)


def span_correlation(maps, others):
    """Smallest cosine of a principal angle between the spans of orthonormal sets (set, coil, y, x)."""
    overlap = torch.einsum("acyx,bcyx->yxab", maps.conj(), others)
    return torch.linalg.svdvals(overlap)[..., -1]


@pytest.mark.parametrize(("shape", "coils"), [((96, 80), 8), ((75, 91), 6), ((64, 64), 16)])
def test_finds_the_true_maps_inside_the_object(shape, coils):
    image = phantom(shape)
    scan = simulate(image, coils=coils, snr=100)
    result = espirit(central_calibration(scan), shape)
    inside = in_object(image)
    assert result.maps.shape == (1, 1, coils, *shape)
    assert result.maps.dtype == torch.complex64
    agreement = correlation(result.maps[0, 0], loop_maps(shape, coils)[0, 0])[inside]
    assert agreement.quantile(0.01) > 0.999
    assert result.eigenvalues[0, 0][inside].quantile(0.01) > 0.98
    assert result.eigenvalues.max() < 1 + 1e-5


def test_maps_have_unit_norm_where_kept_and_are_zero_elsewhere():
    scan = simulate(phantom((72, 64)), coils=6)
    result = espirit(central_calibration(scan), scan.shape, sets=2, eigenvalue_threshold=0.9)
    kept = result.eigenvalues > 0.9
    norm = root_sum_of_squares(result.maps)
    assert 0 < kept[0, 0].float().mean() < 1
    assert torch.allclose(norm[kept], torch.ones(()), atol=1e-5)
    assert not result.maps.movedim(2, -1)[~kept].any()
    assert result.thresholds == (0.9,)
    all_maps = espirit(central_calibration(scan), scan.shape, eigenvalue_threshold=0)
    assert torch.allclose(root_sum_of_squares(all_maps.maps), torch.ones(()), atol=1e-5)


def test_the_operator_equals_its_definition():
    """Kernels from the SVD of the calibration matrix, zero-padded, transformed and decomposed pixel by pixel."""
    coils, lines, kernel, shape = 5, 14, 4, (19, 16)
    calibration = central_calibration(simulate(phantom((40, 36)), coils=coils, snr=20), size=lines)
    data = calibration[0].numpy()
    positions = product(range(lines - kernel + 1), repeat=2)
    matrix = np.stack([data[:, y : y + kernel, x : x + kernel].ravel() for y, x in positions])
    _, singular, rows = np.linalg.svd(matrix)
    signal = rows[np.flatnonzero(singular**2 > 0.001 * singular[0] ** 2)].reshape(-1, coils, kernel, kernel)
    padded = np.zeros((*signal.shape[:2], *shape), dtype=complex)
    padded[..., :kernel, :kernel] = signal
    images = np.fft.fftshift(np.fft.ifft2(padded), axes=(-2, -1)) * np.prod(shape) / kernel
    values, vectors = np.linalg.eigh(np.einsum("kcyx,kdyx->yxcd", images, images.conj()))
    result = espirit(calibration, shape, sets=2, kernel_size=kernel, eigenvalue_threshold=0)
    for index in range(2):
        expected = torch.from_numpy(values[..., -1 - index]).float()
        assert torch.allclose(result.eigenvalues[0, index], expected, atol=2e-4)
    distinct = torch.from_numpy(values[..., -1] - values[..., -2] > 0.01)
    expected = torch.from_numpy(vectors[..., -1]).movedim(-1, 0).to(torch.complex64)
    assert distinct.float().mean() > 0.9
    assert correlation(result.maps[0, 0], expected)[distinct].min() > 0.9999


def test_two_sets_describe_an_object_that_folds_over():
    shape, coils = (96, 96), 8
    image, true = (phantom(shape) > 0).float(), loop_maps(shape, coils)[0, 0]
    scan = simulate(image, coils=coils, snr=200)
    # The central half of the field of view, by leaving out every other column: the outer halves fold in.
    aliased = Scan(scan.kspace[..., ::2].contiguous())
    result = espirit(central_calibration(aliased), aliased.shape, sets=2, eigenvalue_threshold=0)
    inner = slice(24, 72)
    pair = torch.stack([true[:, :, inner], true.roll(48, dims=-1)[:, :, inner]])
    inside = in_object(image)
    twice = inside[:, inner] & inside.roll(48, dims=-1)[:, inner]
    once = inside[:, inner] ^ inside.roll(48, dims=-1)[:, inner]
    orthonormal = torch.linalg.qr(pair.permute(2, 3, 1, 0)).Q.permute(3, 2, 0, 1)
    assert twice.sum() > 100
    agreement = span_correlation(result.maps[0], orthonormal)[twice]
    assert agreement.median() > 0.99
    assert agreement.quantile(0.1) > 0.95
    assert result.eigenvalues[0, 1][twice].median() > 0.85
    assert result.eigenvalues[0, 1][once].median() < 0.5
    overlap = torch.linalg.vector_norm((result.maps[0, 0].conj() * result.maps[0, 1]).sum(dim=0))
    assert overlap < 1e-3


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_maps_do_not_depend_on_the_units(factor):
    calibration = central_calibration(simulate(phantom((48, 44)), coils=6))
    one, other = (espirit(data, (48, 44), sets=2) for data in (calibration, factor * calibration))
    assert torch.allclose(one.maps, other.maps, atol=2e-3)
    assert torch.allclose(one.eigenvalues, other.eigenvalues, atol=1e-5)


def test_permuted_coils_give_permuted_maps():
    calibration = central_calibration(simulate(phantom((48, 44)), coils=6))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    one, other = espirit(calibration, (48, 44)), espirit(calibration[:, order], (48, 44))
    kept = one.eigenvalues[0, 0] > 0.97
    assert torch.allclose(one.eigenvalues, other.eigenvalues, atol=1e-4)
    assert correlation(one.maps[0, 0][order], other.maps[0, 0])[kept].min() > 0.9999


def test_frames_are_solved_one_by_one():
    scans = [simulate(phantom((40, 48)), coils=4, seed=seed) for seed in (0, 1)]
    each = [central_calibration(scan) for scan in scans]
    both = espirit(torch.cat(each), (40, 48))
    for index, calibration in enumerate(each):
        single = espirit(calibration, (40, 48))
        assert torch.equal(both.maps[index], single.maps[0])
        assert both.thresholds[index] == single.thresholds[0]


def test_other_noise_gives_nearly_the_same_maps():
    image = phantom((64, 64))
    maps = [estimate_maps(simulate(image, coils=8, snr=50, seed=0), threshold=0)]
    noise = torch.randn(1, 8, 64, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(9))
    scan = simulate(image, coils=8, snr=50, seed=0)
    maps.append(estimate_maps(Scan(scan.kspace + 0.01 * noise), threshold=0))
    assert correlation(maps[0][0, 0], maps[1][0, 0])[in_object(image)].quantile(0.01) > 0.999


@pytest.mark.parametrize(("snr", "lines", "times"), [(10, 24, 1.8), (50, 24, 2), (10, 14, 2), (50, 14, 2.5)])
def test_the_automatic_threshold_keeps_the_object_and_leaves_out_most_of_the_background(snr, lines, times):
    image = torch.nn.functional.pad(phantom((96, 96)), (32, 32, 32, 32))
    scan = simulate(image, coils=8, snr=snr)
    result = espirit(central_calibration(scan, size=lines), scan.shape)
    kept = root_sum_of_squares(result.maps)[0, 0] > 0
    inside = image > 0.05
    assert (kept & inside).sum() > 0.995 * inside.sum()
    assert kept.float().mean() < times * inside.float().mean()
    variance = float(noise_covariance(scan).diagonal().real.mean())
    note = espirit(central_calibration(scan, size=lines), scan.shape, noise_variance=variance)
    assert abs((root_sum_of_squares(note.maps) > 0).float().mean() - kept.float().mean()) < 0.06


@pytest.mark.parametrize("snr", [5, 8])
def test_the_automatic_threshold_keeps_the_object_seen_by_few_coils_in_noise(snr):
    """Two coils' patches have few directions that hold noise alone; an object that is cut is lost to every method."""
    truth = sample_image()[::2, ::2]
    scan = simulate(truth, coils=2, snr=snr, seed=3)
    for size in ((20, 20), (12, 24)):
        result = espirit(crop_centre(scan.kspace, size), scan.shape)
        kept = result.maps[0, 0].any(dim=0)[truth > 0.1 * truth.max()].float().mean()
        assert float(kept) > 0.99


def test_calibration_data_of_noise_alone_crop_nothing():
    noise = torch.randn(1, 4, 24, 24, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    result = espirit(noise, (64, 64), noise_variance=10.0)
    assert result.thresholds == (0.0,)
    assert (root_sum_of_squares(result.maps) > 0).all()


@pytest.mark.parametrize(
    ("name", "area"),
    [("brain8_full_T1", 0.8), ("head8_T1_256", 0.75), ("mprage4_T1_256", 0.6), ("gephantom8_GRE_3slices", 0.45)],
)
def test_maps_of_real_scans_leave_only_noise_unexplained(raw, name, area):
    scan = raw(name).frame(0)
    maps = estimate_maps(scan)[0, 0]
    images = ifft(scan.kspace[0])
    inside = in_object(root_sum_of_squares(images))
    kept = root_sum_of_squares(maps) > 0
    assert kept.float().mean() < area
    assert (kept & inside).sum() > 0.998 * inside.sum()
    explained = maps * (maps.conj() * images).sum(dim=0)
    left = (images - explained)[:, inside].abs().square().mean(dim=1).sum()
    assert left < noise_covariance(scan).diagonal().real.sum()


def test_a_second_set_explains_a_real_scan_that_folds_over(raw):
    scan = raw("brain8_smallfov_T1")
    images = ifft(scan.kspace[0])
    left = []
    for sets in (1, 2):
        maps = estimate_maps(scan, sets=sets)[0]
        explained = (maps * (maps.conj() * images).sum(dim=1, keepdim=True)).sum(dim=0)
        left.append(float(torch.linalg.vector_norm(images - explained) / torch.linalg.vector_norm(images)))
    assert left[1] < 0.7 * left[0]


@pytest.mark.parametrize(("name", "expected"), [("brain8_smallfov_T1", 2), ("brain8_full_T1", 1)])
@pytest.mark.parametrize("size", [(24, 24), (24, 13), (14, 24)])
def test_fold_over_is_found_with_few_calibration_lines_too(name, expected, size, raw):
    calibration = crop_centre(raw(name).kspace, size).contiguous()
    assert espirit(calibration, (48, 48), sets="auto").maps.shape[1] == expected


def on_grid(calibration, shape):
    """The calibration k-space (coil, ky, kx) on a grid of zeros."""
    full = calibration.new_zeros((calibration.shape[0], *shape))
    crop_centre(full, tuple(calibration.shape[-2:]))[:] = calibration
    return full


@needs_bart
def test_agrees_with_bart(tmp_path):
    # Brighter towards one corner, so that one mixture of the symmetric coils is the principal one.
    shading = torch.linspace(0.2, 1, 80)[:, None] * torch.linspace(0.5, 1, 70)
    scan = simulate(shading * phantom((80, 70)), coils=6, snr=40)
    calibration = central_calibration(scan)
    write_cfl(tmp_path / "kspace", on_grid(calibration[0], scan.shape).permute(1, 2, 0).numpy()[:, :, None])
    run_bart(tmp_path, "ecalib", "-m2", "-c0", "kspace", "maps", "values")
    maps = torch.from_numpy(read_cfl(tmp_path / "maps")[:, :, 0].transpose(3, 2, 0, 1).copy())
    values = torch.from_numpy(read_cfl(tmp_path / "values").real[:, :, 0, 0].transpose(2, 0, 1).copy())
    ours = espirit(calibration, scan.shape, sets=2, eigenvalue_threshold=0)
    # Where the first two eigenvalues are close, BART's 30 power iterations have not converged.
    distinct = (values[0] - values[1] > 0.3) & (values[0] > 0.9)
    assert distinct.float().mean() > 0.3
    assert (ours.eigenvalues[0, 0] - values[0])[distinct].abs().max() < 1e-3
    assert correlation(ours.maps[0, 0], maps[0])[distinct].min() > 0.9999
    # The phase is that of the calibration's principal coil mixture in both, up to the mixture's own.
    ours_there, theirs = ours.maps[0, 0][:, distinct], maps[0][:, distinct]
    turn = torch.vdot(ours_there.flatten(), theirs.flatten())
    overlap = (ours_there.conj() * theirs).sum(dim=0) * turn.conj() / turn.abs()
    assert overlap.real.quantile(0.02) > 0.999


def test_agrees_with_sigpy():
    app = pytest.importorskip("sigpy.mri.app")
    scan = simulate(phantom((64, 56)), coils=6, snr=100)
    theirs = app.EspiritCalib(
        scan.kspace[0].numpy(), calib_width=24, thresh=0.001**0.5, crop=0, max_iter=200, show_pbar=False
    ).run()
    ours = espirit(central_calibration(scan), scan.shape, eigenvalue_threshold=0).maps[0, 0]
    assert correlation(ours, torch.from_numpy(theirs))[in_object(phantom((64, 56)))].min() > 0.999


def test_fewer_patches_than_unknowns_and_the_converse_agree_with_the_true_maps():
    shape = (64, 64)
    image = phantom(shape)
    for coils, lines in ((16, 12), (4, 32)):
        scan = simulate(image, coils=coils, snr=200)
        maps = espirit(central_calibration(scan, size=lines), shape, eigenvalue_threshold=0).maps[0, 0]
        assert correlation(maps, loop_maps(shape, coils)[0, 0])[in_object(image)].quantile(0.05) > 0.99


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kernel_size": 25}, "has 24 lines; an ESPIRiT kernel of 25"),
        ({"sets": 0}, "0 sets of coil maps are not possible; with 4 coils"),
        ({"sets": 5}, "5 sets of coil maps are not possible; with 4 coils"),
        ({"eigenvalue_threshold": 1.5}, "threshold of coil maps is 1.5"),
        ({"eigenvalue_threshold": -0.1}, "threshold of coil maps is -0.1"),
    ],
)
def test_refuses_settings_out_of_range(settings, words):
    calibration = central_calibration(simulate(phantom((32, 32)), coils=4))
    with pytest.raises(InputError, match=words):
        espirit(calibration, (32, 32), **settings)


def test_refuses_calibration_data_of_zeros():
    with pytest.raises(InputError, match="frame of zeros"):
        espirit(torch.zeros(1, 4, 24, 24, dtype=torch.complex64), (32, 32))


def test_leaves_its_input_alone():
    calibration = central_calibration(simulate(phantom((32, 40)), coils=4))
    before = calibration.clone()
    espirit(calibration, (32, 40))
    assert torch.equal(calibration, before)


def test_maps_multiplied_by_an_image_give_its_coil_images():
    """The convention: coil image = map · image, in the same centred grid as the k-space's transform."""
    shape = (48, 40)
    image = phantom(shape)
    scan = simulate(image, coils=6, snr=None)
    maps = espirit(central_calibration(scan), shape).maps[0, 0]
    images = ifft(scan.kspace[0])
    combined = (maps.conj() * images).sum(dim=0)
    assert torch.linalg.vector_norm(fft(maps * combined) - scan.kspace[0]) < 0.02 * torch.linalg.vector_norm(
        scan.kspace
    )
