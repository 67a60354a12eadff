"""Lines that run both ways, as those of raw EPI, and lines that are shifted against each other."""

import numpy as np
import pytest
import torch
from tests.helpers.kspace_files import write_kspace

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.formats.line_direction import check_direction
from fourfold.sampling import make_sampling

REFUSED = r"every second line along ky runs backwards, as in raw EPI.*--no-check-content"
SHIFTED = "Odd and even lines along ky are shifted by more than 0.3 samples"


@pytest.fixture(scope="module")
def kspace():
    """(coil, ky, kx) of a head, 4×240×200."""
    return ff.sample().kspace[0, ::2].numpy()


def reversed_lines(kspace, group=1, axis=1):
    """Turn every second line (or group of lines) round, as n − 1 − x."""
    lines = kspace.swapaxes(1, axis).copy()
    acquired = np.flatnonzero(lines.any(axis=(0, 2)))
    turned = acquired[np.arange(len(acquired)) // group % 2 == 1]
    lines[:, turned] = lines[:, turned, ::-1]
    return lines.swapaxes(1, axis)


def delayed(kspace, samples, phase=0.0):
    """Shift every second line by so many samples, and turn its phase."""
    lines = np.fft.fft(np.fft.ifftshift(kspace[:, 1::2], axes=2), axis=2)
    lines = lines * np.exp(2j * np.pi * samples * np.fft.fftfreq(kspace.shape[2]) + 1j * phase)
    changed = kspace.copy()
    changed[:, 1::2] = np.fft.fftshift(np.fft.ifft(lines, axis=2), axes=2)
    return changed


def masked(kspace, kind, acceleration=4):
    return kspace * make_sampling(kind, kspace.shape[1:], acceleration=acceleration, seed=1).mask[0].numpy()


def with_noise(kspace, level):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, *kspace.shape))
    scale = level * np.sqrt(np.mean(np.abs(kspace) ** 2) / 2)
    return (kspace + scale * (noise[0] + 1j * noise[1])).astype(np.complex64)


ACCEPTED = {
    "as it is": lambda k: k,
    "one coil": lambda k: k[:1],
    "noise": lambda k: with_noise(k, 0.5),
    "noise alone": lambda k: with_noise(0 * k, 1) if k.any() else k,
    "equispaced": lambda k: masked(k, "equispaced"),
    "random": lambda k: masked(k, "random", 8),
    "poisson": lambda k: masked(k, "poisson-disc"),
    "every sixth line": lambda k: k * (np.arange(240) % 6 == 0)[:, None],
    "lines missing": lambda k: k * (np.arange(240) > 90)[:, None],
    "echo off centre": lambda k: np.roll(k, 5, axis=2),
    "echo cut short": lambda k: k * (np.arange(200) > 70),
    "object off centre": lambda k: k * np.exp(0.4j * np.pi * np.arange(200)),
    "small": lambda k: k[:, 104:136, 84:116],
    "few lines": lambda k: k[:, 114:126],
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_lines_in_one_direction_get_no_note(kspace, name):
    assert check_direction(ACCEPTED[name](kspace), "a scan") == []


def test_real_data_get_no_note(data):
    for name in ("raw_multicoil", "raw_undersampled"):
        for path in sorted((data / name).glob("*.npz")):
            if "kspace" in np.load(path).files:
                assert not any("lines along" in note for note in open_scan(path)[0].source.notes), path


@pytest.mark.parametrize("group", [1, 2, 3, 8])
def test_every_second_group_that_runs_backwards_is_refused(kspace, group):
    words = "line" if group == 1 else f"group of {group} lines"
    with pytest.raises(InputError, match=f"a scan: every second {words} along ky runs backwards"):
        check_direction(reversed_lines(kspace, group), "a scan")
    with pytest.raises(InputError, match=f"every second {words} along kx runs backwards"):
        check_direction(reversed_lines(kspace, group, axis=2), "a scan")


@pytest.mark.parametrize("name", ["one coil", "noise", "equispaced", "lines missing", "echo off centre"])
def test_reversed_lines_are_seen_in_any_sampling(kspace, name):
    with pytest.raises(InputError, match="along ky runs backwards"):
        check_direction(reversed_lines(ACCEPTED[name](kspace)), "a scan")


@pytest.mark.parametrize("offset", [0, 4, 9])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_drawn_ellipses_get_no_note(size, offset):
    """Their hard edges make odd and even lines differ; of symmetric ones nothing can be said either way."""
    y, x = np.mgrid[-size // 2 : size // 2, -size // 2 : size // 2] * 64 / size
    image = (np.hypot(y / 20, x / 25) < 1) + 0.5 * (np.hypot((y - offset) / 6, x / 9) < 1)
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image)))[None].astype(np.complex64)
    for lines in (kspace, kspace.swapaxes(1, 2)):
        assert check_direction(lines, "a scan") == []
    if offset == 0:
        assert not any("backwards" in note for note in check_direction(reversed_lines(kspace), "a scan"))


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
def test_every_format_is_looked_at(tmp_path, kspace, suffix, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    changed, name = reversed_lines(kspace), f"a{suffix}"
    write_kspace(tmp_path / name, changed)
    with pytest.raises(InputError, match=f"'{name}', frame 0: {REFUSED}"):
        open_scan(name)[0]
    assert np.array_equal(open_scan(name, check_content=False)[0].kspace[0], changed)
    assert main(["recon", name, "--method", "zero-filled", "-o", "a.png"]) == 2
    assert "runs backwards" in " ".join(capsys.readouterr().err.split())
    assert main(["recon", name, "--method", "zero-filled", "-o", "a.png", "--no-check-content"]) == 0


@pytest.mark.parametrize(
    ("samples", "phase", "words"),
    [
        (0.5, 0.0, SHIFTED),
        (-2.0, 0.2, SHIFTED),
        (0.0, 0.4, "Odd and even lines along ky differ by more than 0.3 rad of phase"),
    ],
)
def test_odd_and_even_lines_that_do_not_fit_leave_a_note(tmp_path, kspace, samples, phase, words):
    np.savez(tmp_path / "a.npz", kspace=delayed(kspace, samples, phase))
    (note,) = open_scan(tmp_path / "a.npz")[0].source.notes
    assert note.startswith(words)
    assert check_direction(delayed(kspace, 0.1, 0.1), "a scan") == []


def test_lines_turned_round_by_one_sample_too_far_leave_a_note(kspace):
    """Of an even number of samples x ↦ n − 1 − x moves the centre by one, which ghosts."""
    right = kspace.copy()
    right[:, 1::2] = np.roll(right[:, 1::2, ::-1], 1, axis=2)  # as EPI reads it, around the centre
    with pytest.raises(InputError, match="runs backwards"):
        check_direction(right, "a scan")
    right[:, 1::2] = right[:, 1::2, ::-1]
    (note,) = check_direction(right, "a scan")
    assert note.startswith(SHIFTED)


@pytest.mark.parametrize("flagged", [True, False])
def test_mrd_lines_without_the_flag_of_reversal_are_refused(tmp_path, kspace, flagged):
    mrd = pytest.importorskip("test_formats_mrd", reason="ismrmrd is not installed")
    size = (200.0, 240.0, 5.0)
    protocol = mrd.Protocol((200, 240, 1), size, (200, 240, 1), size, (120, 0))
    lines = [mrd.line(k, ky) for ky, k in enumerate(reversed_lines(kspace).swapaxes(0, 1))]
    if flagged:
        for ky in range(1, 240, 2):
            lines[ky] = mrd.line(kspace[:, ky, ::-1], ky, flags=[mrd.ismrmrd.ACQ_IS_REVERSE])
    path = mrd.write(tmp_path / "a.h5", protocol, lines)
    if flagged:
        scan = open_scan(path)[0]
        assert not any("lines along" in note for note in scan.source.notes)
        assert torch.allclose(scan.kspace[0].abs(), torch.from_numpy(kspace).abs(), rtol=1e-4, atol=1e-6)
    else:
        with pytest.raises(InputError, match=r"runs backwards.*in MRD files mark them as reversed"):
            open_scan(path)[0]
