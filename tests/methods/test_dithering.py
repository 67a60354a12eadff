"""Dithering: noise of the level and the spectrum that it states, marked in the record."""

import json
import math

import pytest
import torch

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.methods.dithering import dither
from fourfold.operators.fourier import fft
from fourfold.simulation.simulate import in_object, phantom, simulate

SIZE = (96, 88)
SNR = 40.0


@pytest.fixture(scope="module")
def scan():
    return simulate(phantom(SIZE), coils=6, snr=SNR, seed=1)


@pytest.fixture(scope="module")
def image(scan):
    return ff.ZeroFilled()(ff.undersample(scan, acceleration=3))


def noise_of(image, scan, level=1.0, count=8):
    """Return so many realisations of the noise, (number, y, x)."""
    return torch.cat([dither(image, scan, level, seed=seed).image - image.image for seed in range(count)])


def test_the_level_is_that_of_the_scans_noise(scan, image):
    """At level 1 each part has the noise of a fully sampled scan, as it was simulated, everywhere in the object."""
    truth = phantom(SIZE).abs().reshape(SIZE)
    simulated = float(truth[in_object(truth)].mean()) / SNR
    undersampled = ff.undersample(scan, acceleration=3)
    noise = noise_of(image, undersampled)
    inside = in_object(image.magnitude[0]) & in_object(truth)
    for part in (noise.real, noise.imag):
        local = part.square().mean(dim=0).sqrt()
        assert float(local[inside].mean()) == pytest.approx(simulated, rel=0.1)
        # The same in every quarter of the object.
        quarters = [local[rows][inside[rows]].mean() for rows in torch.arange(SIZE[0]).chunk(4)]
        assert max(quarters) / min(quarters) < 1.2
    assert float(noise_of(image, undersampled, 0.25, 4).std()) == pytest.approx(float(noise[:4].std()) / 4, rel=1e-3)


def test_the_level_is_the_one_in_the_record(scan, image):
    undersampled = ff.undersample(scan, acceleration=3)
    facts = dither(image, undersampled, 0.5, seed=3).record.details["dithering"]
    noise = noise_of(image, undersampled, 0.5, count=4)
    inside = in_object(phantom(SIZE).abs().reshape(SIZE))
    assert facts["std"] == pytest.approx(float(noise.real[:, inside].std()), rel=0.04)
    assert (facts["level"], facts["seed"]) == (0.5, 3)
    assert facts["kspace_extent"] == list(SIZE)


def test_the_spectrum_is_white_over_the_acquired_extent_and_empty_beyond(scan):
    """A scan of the central two thirds of the lines: the added noise has no finer structure than the image can have."""
    kept = scan.mask.clone()
    kept[:, :16] = kept[:, -15:] = False
    partial = scan.with_sampling(ff.Sampling(kept))
    image = ff.ZeroFilled()(partial)
    spectrum = fft(noise_of(image, partial, count=6)).abs().square().mean(dim=0)
    rows = dither(image, partial).record.details["dithering"]["kspace_extent"][0]
    assert rows == 65
    inner, outer = spectrum[24:-24], torch.cat([spectrum[:8], spectrum[-8:]])
    assert float(outer.mean()) < 0.02 * float(inner.mean())
    strips = [float(part.mean()) for part in inner.chunk(4)]
    assert max(strips) / min(strips) < 1.2


def test_frames_have_noise_of_their_own_that_a_seed_repeats(scan, image):
    undersampled = ff.undersample(scan, acceleration=3)
    first = dither(image, undersampled).image
    assert torch.equal(first, dither(image, undersampled).image)
    others = [dither(image, undersampled, seed=1).image, dither(image, undersampled, first_frame=1).image]
    assert not any(torch.equal(first, other) for other in others)


def test_members_and_geometry_stay(scan, image):
    undersampled = ff.undersample(scan, acceleration=3)
    made = dither(image, undersampled, 0.3)
    assert made.geometry == image.geometry
    assert made.record.method == image.record.method
    assert "Noise was added for the reader" in made.record.notes[-1]


@pytest.mark.parametrize("level", [0.0, -1.0, 2.5, math.nan])
def test_other_levels_are_refused(scan, image, level):
    with pytest.raises(InputError, match="must lie above 0"):
        dither(image, scan, level)


def test_frames_must_be_those_of_the_scan(scan, image):
    twice = scan.replace(kspace=scan.kspace.repeat(2, 1, 1, 1))
    with pytest.raises(InputError, match="1 frames and the scan 2"):
        dither(image, twice)


def test_recon_dithers_and_says_so(scan, tmp_path, capsys):
    volume = scan.replace(kspace=scan.kspace.repeat(2, 1, 1, 1))
    save_scan(volume, tmp_path / "a.npz")
    images = {}
    for name, words in (("plain", []), ("dithered", ["--dither", "0.5"])):
        output = tmp_path / f"{name}.npz"
        command = ["recon", str(tmp_path / "a.npz"), "--method", "zero-filled", "-o", str(output), "--json", *words]
        assert main(command) == 0
        images[name] = json.loads(capsys.readouterr().out)
    assert images["dithered"]["details"]["dithering"]["level"] == 0.5
    assert "dithering" not in images["plain"]["details"]
    assert main([*command[:-1], "9"]) == 2
