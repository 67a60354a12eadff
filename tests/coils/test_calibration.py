"""Where calibration data come from, and which coil maps methods get."""

import pytest
import torch

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.scan import Sampling, Scan
from fourfold.simulation.simulate import in_object, loop_maps, phantom, simulate


def with_lines(scan, lines, every=4):
    """Keep every `every`-th row and the `lines` rows around the centre."""
    ny, nx = scan.shape
    rows = torch.zeros(ny, dtype=torch.bool)
    rows[1::every] = True
    rows[ny // 2 - lines // 2 : ny // 2 - lines // 2 + lines] = True
    return scan.with_sampling(Sampling(rows[None, :, None].expand(1, ny, nx).clone()))


@pytest.fixture
def scan():
    return simulate(phantom((64, 52)), coils=6, snr=100)


@pytest.mark.parametrize("lines", [12, 17])
def test_takes_the_fully_sampled_centre_and_cuts_the_readout(scan, lines):
    result = central_calibration(with_lines(scan, lines))
    assert result.shape == (1, 6, lines, 24)
    rows = slice(32 - lines // 2, 32 - lines // 2 + lines)
    assert torch.equal(result, scan.kspace[:, :, rows, 26 - 12 : 26 + 12])


def test_size_limits_both_axes_or_none(scan):
    assert central_calibration(scan).shape == (1, 6, 24, 24)
    assert central_calibration(scan, size=9).shape == (1, 6, 9, 9)
    assert torch.equal(central_calibration(scan, size=None), scan.kspace)


def test_data_acquired_apart_come_first(scan):
    separate = torch.ones(1, 6, 10, 30, dtype=torch.complex64)
    assert torch.equal(central_calibration(scan.replace(calibration_kspace=separate)), separate[..., 3:27])


@pytest.mark.parametrize(("lines", "minimum"), [(0, 6), (4, 6), (12, 13)])
def test_refuses_too_few_lines_in_a_sentence(scan, lines, minimum):
    words = f"has {max(lines, 1)} fully sampled calibration lines .* at least {minimum}: give coil_maps"
    if not lines:
        words = r"has \d fully sampled calibration lines .* at least 6"
    with pytest.raises(InputError, match=words):
        central_calibration(with_lines(scan, lines), minimum=minimum)


def test_maps_given_with_the_scan_are_used(scan):
    maps = loop_maps(scan.shape, 6)
    assert estimate_maps(scan.replace(coil_maps=maps)) is maps


def test_a_single_coil_needs_no_calibration():
    scan = with_lines(simulate(phantom((32, 32)), coils=1), 0)
    assert torch.equal(estimate_maps(scan), torch.ones(1, 1, 1, 32, 32, dtype=torch.complex64))


@pytest.mark.parametrize("approach", ["espirit", "walsh"])
def test_maps_come_from_the_calibration_lines_alone(scan, approach):
    few = with_lines(scan, 20)
    maps = estimate_maps(few, algorithm=approach)
    other = few.kspace.clone()
    other[:, :, :22] *= 2
    other[:, :, 42:] = 0
    again = estimate_maps(few.replace(kspace=other), algorithm=approach)
    assert torch.equal(maps, again)
    overlap = (maps.conj() * loop_maps(scan.shape, 6)).sum(dim=2).abs()[0, 0]
    assert overlap[in_object(phantom((64, 52)))].quantile(0.05) > 0.99


def test_walsh_works_with_fewer_lines_than_a_kernel(scan):
    few = with_lines(scan, 4)
    with pytest.raises(InputError, match="has 4 fully sampled calibration lines"):
        estimate_maps(few)
    maps = estimate_maps(few, algorithm="walsh")
    overlap = (maps.conj() * loop_maps(scan.shape, 6)).sum(dim=2).abs()[0, 0]
    assert overlap[in_object(phantom((64, 52)))].quantile(0.1) > 0.9
    with pytest.raises(InputError, match="2 sets of coil maps"):
        estimate_maps(few, sets=2, algorithm="walsh")


def test_a_noise_scan_sets_the_automatic_threshold_at_the_edge_of_the_object(scan):
    unit = torch.randn(6, 500, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    maps = [estimate_maps(scan.replace(noise=deviation * unit)) for deviation in (1e-4, 0.1)]
    weak_noise, strong_noise = ((root_sum_of_squares(each) > 0).float().mean() for each in maps)
    assert strong_noise < weak_noise - 0.05


def test_every_frame_gets_its_own_maps():
    scans = [simulate(phantom((40, 40)), coils=4, seed=seed) for seed in (1, 2)]
    both = Scan(torch.cat([scan.kspace for scan in scans]))
    maps = estimate_maps(both)
    for index, scan in enumerate(scans):
        assert torch.equal(maps[index : index + 1], estimate_maps(scan))
