"""Files whose samples do not look like k-space: each is refused with its likely cause, and valid data pass."""

import h5py
import numpy as np
import pytest
import torch
from tests.helpers.kspace_files import write_kspace

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import open_scan, save_scan
from fourfold.formats.content import find_peak
from fourfold.sampling import make_sampling


@pytest.fixture(scope="module")
def kspace():
    """(coil, ky, kx) of the sample, 8×240×200."""
    return ff.sample().kspace[0].numpy()


@pytest.fixture
def file(tmp_path):
    """Write arrays and return the opened file."""

    def write(array, suffix=".npz", **options):
        path = tmp_path / f"scan{suffix}"
        write_kspace(path, array)
        return open_scan(path, **options)

    return write


def to_image(kspace, *axes):
    return np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(kspace, axes=axes), axes=axes, norm="ortho"), axes=axes)


def radial(kspace, shots=64):
    """The nearest samples of (coil, shot, sample) spokes through the centre."""
    angle, along = np.pi * np.arange(shots) / shots, np.arange(-90, 90)
    ky, kx = (np.round(np.outer(turn, along)).astype(int) for turn in (np.sin(angle), np.cos(angle)))
    return kspace[:, 120 + ky, 100 + kx]


FAULTS = {
    "image": (lambda k: to_image(k, 1, 2), "looks like an image and no k-space"),
    "magnitude": (lambda k: abs(to_image(k, 1, 2)).astype(np.complex64), "looks like an image and no k-space"),
    "one coil's image": (lambda k: to_image(k, 1, 2)[:1], "looks like an image and no k-space"),
    "transformed along kx": (lambda k: to_image(k, 2), "look Fourier transformed along kx already"),
    "transformed along ky": (lambda k: to_image(k, 1), "look Fourier transformed along ky already"),
    "transformed without shifts": (lambda k: np.fft.ifft(k, axis=2), "look Fourier transformed along kx already"),
    "transformed, undersampled": (
        lambda k: to_image(k, 2) * (np.arange(240) % 3 == 0)[:, None],
        "look Fourier transformed along kx already",
    ),
    "coils last": (lambda k: np.moveaxis(k, 0, -1), r"axis of 240 .* looks like one of k-space; .*move the axes"),
    "coils in the middle": (lambda k: np.moveaxis(k, 0, 1), r"axis of 240 .* looks like one of k-space"),
    "coils last, few lines": (
        lambda k: np.moveaxis(k[:, 80:160, 60:140], 0, -1),
        r"axis of 80 .* looks like one of k-space",
    ),
    "volume of one coil": (
        lambda k: k[:1].repeat(24, 0) / (1 + (np.arange(24)[:, None, None] - 12) ** 2),
        "axis of 24",
    ),
    "magnitudes": (lambda k: abs(k), "holds magnitudes, .* the phase is lost: store the complex k-space"),
    "radial": (radial, "shots of a non-Cartesian scan: .* give the points as 'trajectory'"),
    "radial, shots last": (lambda k: radial(k).swapaxes(1, 2), "shots of a non-Cartesian scan"),
    "spiral": (lambda k: radial(k)[:, :, 90:], "energy at one end of kx, as shots of a spiral scan"),
    "lines cut off": (
        lambda k: k[:, 72:],
        "energy peaks at index 4[78] of 168 along ky and not at the centre, index 84",
    ),
    "echo cut off": (lambda k: k[:, :, 60:], "energy peaks at index (39|40|41) of 140 along kx and not at the centre"),
}


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_kspace_is_refused_with_its_cause(file, kspace, fault, suffix):
    damage, sentence = FAULTS[fault]
    with pytest.raises(InputError, match=sentence) as raised:
        file(damage(kspace).astype(np.complex64), suffix)[0]
    assert "\n" not in str(raised.value)
    if fault != "spiral":  # its energy at the edge is refused in any scan
        assert file(damage(kspace).astype(np.complex64), suffix, check_content=False)[0].frames == 1


def swapped_series(kspace, share):
    """Frames of a series, each with its own lines, where the coils should be."""
    pattern = np.random.default_rng(0).random((20, 240)) < share
    pattern[:, 112:128] = True
    return kspace[0] * pattern[:, :, None]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_frames_in_the_place_of_coils_are_refused(file, kspace, share):
    series = swapped_series(kspace, share)
    with pytest.raises(InputError, match=r"stands for the coils looks like one of frames.*swapaxes"):
        file(series)[0]
    assert file(series, check_content=False)[0].coils == 20
    assert file(series[:, None])[0].frames == 1


def test_coils_that_read_zeros_in_whole_numbers_are_taken(file, kspace):
    weak = kspace * np.logspace(0, -2, 8)[:, None, None]
    counts = np.round(200 * weak / abs(weak).max())
    assert file(counts.astype(np.complex64))[0].coils == 8


def test_padding_with_zeros_to_twice_the_size_is_taken(file, kspace):
    padded = np.pad(kspace, ((0, 0), (120, 120), (100, 100)))
    assert file(padded)[0].acceleration == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("kind", ["random", "regular", "equispaced", "poisson-disc", "gaussian"])
@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_undersampled_kspace_is_taken(file, kspace, kind, axis):
    mask = make_sampling(kind, (240, 200), 5 if kind == "regular" else 5.0, seed=2, axis=axis).mask[0].numpy()
    assert file(kspace * mask)[0].coils == 8


@pytest.mark.parametrize("change", ["one coil", "noisy", "partial", "off", "small", "low resolution", "wide", "even"])
def test_unusual_kspace_is_taken(file, kspace, change):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(kspace.shape) + 1j * rng.standard_normal(kspace.shape)
    small = np.zeros((8, 480, 400), np.complex64)
    small[:, 60:90, 20:50] = to_image(kspace, 1, 2)[:, 100:130, 80:110]
    lines = np.arange(240)
    changed = {
        "one coil": kspace[:1],
        "noisy": kspace + 3 * np.sqrt(np.square(abs(kspace)).mean()) * noise,
        "partial": kspace * (lines > 130)[:, None],
        # 8 of 256, and as much of 200.
        "off": np.pad(kspace, ((0, 0), (16, 0), (14, 0))),
        "small": np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(small, axes=(1, 2))), axes=(1, 2)),
        "low resolution": kspace[:, 104:136, 88:112],
        "wide": kspace[:, 112:128],
        # The centre itself is left out.
        "even": kspace * (lines % 8 == 4)[:, None],
    }
    assert file(changed[change].astype(np.complex64))[0].frames == 1


def test_noise_alone_is_taken(file):
    rng = np.random.default_rng(0)
    for shape in ((8, 64, 64), (32, 48, 20), (1, 256, 256)):
        assert file(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))[0].coils == shape[0]


def test_a_peak_is_where_lines_agree_not_where_a_spike_is():
    energy = 1 / (1 + np.square(np.arange(100.0) - 30))
    energy[70] = 50
    assert find_peak(energy) == 30
    assert find_peak(np.ones(100)) is None
    energy[::2] = 0
    assert abs(find_peak(energy) - 30) == 1


def test_the_centre_is_looked_for_in_every_frame(tmp_path, kspace):
    np.savez(tmp_path / "a.npz", kspace=np.stack([kspace, np.roll(kspace, 50, axis=1), kspace])[:2])
    opened = open_scan(tmp_path / "a.npz")
    assert opened[0].frames == 1
    for read in (lambda: opened[1], opened.load, lambda: list(opened)):
        with pytest.raises(InputError, match=r"frame 1: the energy peaks at index 1(69|70|71) of 240"):
            read()


def test_frames_are_no_axis_of_kspace(file, kspace, tmp_path):
    """Slices of an object that ends within the stack pass, and so does a series in time."""
    small = kspace[:2, 88:152, 68:132]
    rng = np.random.default_rng(0)
    noise = 0.05 * (rng.standard_normal((32, *small.shape)) + 1j * rng.standard_normal((32, *small.shape)))
    offset = np.arange(32)[:, None, None, None] - 16
    stack = np.where(abs(offset) < 4, 1, 0) * small + noise
    for frames in (stack, small.repeat(32, 0).reshape(32, 2, 64, 64)[:, :, :, ::-1] + noise, noise):
        assert len(file(frames.astype(np.complex64))[0].shape) == 2
    volume = small / (1 + np.square(offset)) + noise
    transformed = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(volume, axes=0), axis=0, norm="ortho"), axes=0)
    assert file(transformed.astype(np.complex64)).load().frames == 32
    with pytest.raises(InputError, match=r"axis that stands for the frames .* Fourier transform along the first one"):
        file(volume.astype(np.complex64))[0]
    with h5py.File(tmp_path / "last.h5", "w") as opened:
        opened["kspace"] = np.moveaxis(kspace, 0, -1)
    with pytest.raises(InputError, match=r"axis that stands for the frames .* move the axes into the order"):
        open_scan(tmp_path / "last.h5")[0]


def test_the_command_line_refuses_and_has_the_option(tmp_path, kspace, capsys):
    np.savez(tmp_path / "a.npz", kspace=to_image(kspace, 1, 2).astype(np.complex64))
    for command in (["info"], ["recon", "-o", str(tmp_path / "a.png")], ["compare"], ["demo", "-o", str(tmp_path)]):
        assert main([command[0], str(tmp_path / "a.npz"), *command[1:]]) == 2
        assert "--no-check-content" in capsys.readouterr().err.replace("\n", " ")
    assert main(["info", str(tmp_path / "a.npz"), "--no-check-content"]) == 0


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
@pytest.mark.parametrize("factor", [1e22, 1e-30])
def test_scales_that_squares_cannot_hold_are_refused_as_such(file, kspace, kind, factor):
    with pytest.raises(InputError, match=r"largest part of a k-space sample is .* between 1e-15 and 1e\+15"):
        file((kspace / abs(kspace).max()).astype(kind) * kind(factor))[0]


@pytest.mark.parametrize("factor", [1e-13, 1e13])
def test_other_scales_change_nothing(factor):
    scan = ff.undersample(ff.sample(), acceleration=4)
    scan = scan.replace(kspace=scan.kspace / scan.kspace.abs().max())
    near, far = (ff.TotalVariation(iterations=5)(scan.replace(kspace=scan.kspace * by)).magnitude for by in (1, factor))
    assert torch.allclose(far / factor, near, rtol=1e-3, atol=1e-3 * float(near.max()))


def test_real_scans_are_taken(data, tmp_path):
    paths = [*(data / "raw_multicoil").glob("*.npz"), *(data / "raw_undersampled").glob("*.npz")]
    paths += [*(data / "formats" / "bart_cfl").glob("*.hdr"), *(data / "formats" / "ismrmrd").glob("*.h5")]
    paths += [data / "single_coil" / f"{name}.npz" for name in ("brain1_T2_256x340", "knee1_raw256")]
    for path in paths:
        if "sens" not in path.name:
            opened = open_scan(path)
            scan = opened.load()
            again = open_scan(save_scan(scan, tmp_path / "again.npz"))
            assert again.load().frames == len(opened)


@pytest.mark.parametrize(("signs", "axes"), [((1, 0), "ky"), ((0, 1), "kx"), ((1, 1), "ky and kx")])
def test_alternating_signs_leave_a_note(kspace, file, signs, axes):
    ky, kx = np.mgrid[: kspace.shape[1], : kspace.shape[2]]
    turned = kspace * (-1.0) ** (signs[0] * ky + signs[1] * kx)
    (note,) = file(turned.astype(np.complex64))[0].source.notes
    assert f"around the edges of the field of view along {axes}: the samples may alternate in sign" in note
    assert file(kspace)[0].source.notes == ()


def test_what_was_refused_once_is_refused_again(kspace, file):
    opened = file(np.moveaxis(kspace, 0, -1))
    for _ in range(2):
        with pytest.raises(InputError, match="looks like one of k-space"):
            opened[0]
