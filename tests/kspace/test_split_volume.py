"""Volumes: split along the readout into frames, and joined again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fourfold.errors import InputError
from fourfold.kspace.split_volume import join_volume, split_volume
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import poisson_disc
from fourfold.scan import Geometry, Placement
from fourfold.simulation.simulate import loop_maps

NZ, NY, NX = 32, 36, 9


@pytest.fixture(scope="module")
def kspace():
    """An ellipsoid off the centre, seen by four coils: (coil, kz, ky, kx)."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in (NZ, NY, NX)), indexing="ij")
    body = torch.from_numpy(((z / 0.7) ** 2 + ((y - 0.1) / 0.6) ** 2 + ((x + 0.2) / 0.7) ** 2 < 1).astype(np.float32))
    maps = loop_maps((NZ, NY), 4)[0, 0]
    generator = torch.Generator().manual_seed(0)
    full = fft(maps[..., None] * body, axes=(-3, -2, -1))
    return full + 1e-3 * torch.randn(full.shape, dtype=full.dtype, generator=generator)


def test_full_volume_comes_back_as_it_is(kspace):
    scan = split_volume(kspace)
    assert scan.frames == NX
    assert scan.shape == (NY, NZ)
    image = join_volume(ZeroFilled()(scan))
    truth = ifft(kspace, axes=(-3, -2, -1)).abs().square().sum(dim=0).sqrt()
    assert torch.allclose(image.abs(), truth, atol=1e-5)


def test_undersampled_along_both_phase_encodings(kspace):
    mask = poisson_disc((NZ, NY), 2.5, seed=1, box=(12, 12)).mask[0]
    scan = split_volume(torch.where(mask[..., None], kspace, 0))
    assert torch.equal(scan.mask[0], mask.mT)
    truth = ifft(kspace, axes=(-3, -2, -1)).abs().square().sum(dim=0).sqrt()
    errors = [float((join_volume(method(scan)).abs() - truth).square().mean()) for method in (CgSense(), ZeroFilled())]
    assert errors[0] < errors[1] / 4


def test_voxels_keep_their_place(kspace):
    slices = Geometry.stack((3.0, 2.0, 1.0), Placement((0, 1, 0), (0, 0, -1), (1, 0, 0), (10.0, -20.0, 30.0)), NZ)
    frames = split_volume(kspace, slices).geometry
    voxel = np.array([4, 11, 7])  # x, y, z
    as_slices = slices.ras_affine((NY, NX)) @ [*voxel, 1]
    as_frames = frames.ras_affine((NY, NZ)) @ [voxel[2], voxel[1], voxel[0], 1]
    assert np.allclose(as_slices, as_frames)


def test_an_undersampled_readout_is_refused(kspace):
    with pytest.raises(InputError, match="readout fully sampled"):
        split_volume(torch.where(torch.arange(NX) % 2 == 0, kspace, 0))
    with pytest.raises(InputError, match="complex64 of shape"):
        split_volume(kspace[0])


def test_frames_solved_together_give_what_they_give_alone(kspace, monkeypatch):
    """As a GPU does it with as many as fit into its memory."""
    mask = poisson_disc((NZ, NY), 2.5, seed=1, box=(12, 12)).mask[0]
    scan = split_volume(torch.where(mask[..., None], kspace, 0)).part(2, 7)
    method = TotalVariation(weight=0.002, tolerance=1e-5)
    single = method(scan)
    monkeypatch.setattr(TotalVariation, "frames_at_once", lambda *_: 3)
    together = method(scan)
    assert together.record.iterations < single.record.iterations
    assert float((together.image - single.image).abs().max()) < 0.02 * float(single.image.abs().max())


def test_memory_limits_the_frames_at_once(kspace):
    scan = split_volume(kspace)
    assert CgSense().frames_at_once(scan) == 1
    elsewhere = SimpleNamespace(kspace=torch.empty(0, device="meta"), coils=10, shape=(100, 100))
    assert CgSense(gpu_memory=1).frames_at_once(elsewhere) == 104
    assert CgSense(gpu_memory=0.001).frames_at_once(elsewhere) == 1
