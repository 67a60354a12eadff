"""MRD files whose header puts the centre of k-space elsewhere than the samples do."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.helpers.mrd import MrdHeader, ismrmrd, mrd_line, write_mrd

import fourfold as ff
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.scan.kspace_checks import check_mask_centre

NY, NX, START = 96, 128, 24
CENTRE = NY // 2 - START
"""The step at the centre, where lines are counted from the first one that partial Fourier acquires."""


@pytest.fixture(scope="module")
def kspace():
    """(coil, ky, kx) of a head with four coils."""
    samples = ff.sample().kspace[0, ::2]
    return samples[:, 120 - NY // 2 : 120 + NY // 2, 100 - NX // 2 : 100 + NX // 2].numpy()


def protocol(centre, ny=NY, nz=1, lines=(0, 0)):
    fov = (float(NX), float(ny), 5.0 * nz)
    return MrdHeader(matrix=(NX, ny, nz), fov=fov, recon_matrix=(NX, ny, nz), recon_fov=fov, centre=(centre, lines[1]))


def partial(path, kspace, centre, step=1, **fields):
    """Write lines from START on but for the last eight, every `step`-th of them outside of the middle 16."""
    acquired = [ky for ky in range(START, NY - 8) if (ky - NY // 2) % step == 0 or abs(ky - NY // 2) < 8]
    return write_mrd(path, protocol(centre), [mrd_line(kspace[:, ky], ky - START, **fields) for ky in acquired])


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("wrong", [(NY - START) // 2, NY // 2, 0])
def test_a_wrong_centre_of_lines_is_refused_and_taken_from_the_data(tmp_path, kspace, wrong, step):
    right = open_scan(partial(tmp_path / "right.h5", kspace, CENTRE, step))[0]
    path = partial(tmp_path / "wrong.h5", kspace, wrong, step)
    with pytest.raises(InputError, match=r"centre.*--centre data") as refusal:
        open_scan(path)[0]
    if wrong:  # lines from 0 do not even fit the grid
        message = f"kspace_encode_step_1 = {CENTRE}, but the centre of kspace_encoding_step_1 is {wrong}:"
        assert message in str(refusal.value)
    for centre in ("data", f"line={CENTRE}"):
        scan = open_scan(path, centre=centre)[0]
        assert torch.equal(scan.kspace, right.kspace)
        assert torch.equal(scan.mask, right.mask)
        assert f"encoding step 1 {CENTRE} instead of {wrong}" in scan.source.notes[0]


def test_what_the_user_gives_is_checked_too(tmp_path, kspace):
    path = partial(tmp_path / "a.h5", kspace, 40)
    with pytest.raises(InputError, match=f"kspace_encode_step_1 = {CENTRE}, but the centre .* is 45"):
        open_scan(path, centre="line=45")[0]
    assert open_scan(path, centre="line=45", check_content=False)[0].frames == 1
    for text in ("line", "row=3", "line=-3", "line=3.5", ""):
        with pytest.raises(InputError, match="it must be 'data', or places such as 'line=32'"):
            open_scan(path, centre=text)


@pytest.mark.parametrize("off", [-6, -2, 3, 6])
def test_a_peak_some_samples_off_is_taken_and_kept(tmp_path, kspace, off):
    path = partial(tmp_path / "a.h5", kspace, CENTRE + off)
    assert torch.equal(open_scan(path)[0].kspace, open_scan(path, centre="data")[0].kspace)
    assert open_scan(path, centre="data").notes == ()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_wrong_centre_of_the_readout_is_refused_and_taken_from_the_data(tmp_path, kspace, reverse):
    flags = [ismrmrd.ACQ_IS_REVERSE] if reverse else []

    def lines(centre):
        """Partial echoes from sample 40 on, every second one reversed or none."""
        for ky in range(NY):
            turned = reverse and ky % 2
            samples = kspace[:, ky, 40:]
            samples = samples[:, ::-1] if turned else samples
            yield mrd_line(samples, ky, centre=centre if turned or not reverse else 24, flags=flags if turned else ())

    right = open_scan(write_mrd(tmp_path / "right.h5", protocol(NY // 2), list(lines(24))))[0]
    # Of reversed lines the sample may have been counted before they are turned round.
    wrong = 88 - 1 - 24 if reverse else 44
    path = write_mrd(tmp_path / "wrong.h5", protocol(NY // 2), list(lines(wrong)))
    kind = "reversed lines, turned round, peak" if reverse else "lines peak"
    with pytest.raises(InputError, match=rf"the {kind} at sample 2\d, but their center_sample is {wrong}:"):
        open_scan(path)[0]
    file = open_scan(path, centre="data")
    if reverse:
        # The mirrored sample is exact, so that the lines of both directions fit together.
        assert torch.equal(file[0].kspace, right.kspace)
    else:
        assert abs(file.centre.forward - (24 - wrong)) <= 2
    assert torch.equal(open_scan(path, centre="sample=24")[0].kspace, right.kspace)


@pytest.mark.parametrize("full", [True, False])
def test_a_wrong_centre_of_partitions_is_refused_and_taken_from_the_data(tmp_path, kspace, full):
    """A volume that is split along its partitions, and one along its readout; the former hides kz from the frames."""
    ny, nz = 32, 24
    envelope = 1 / (1 + np.square(np.arange(nz) - nz // 2))
    volume = envelope[:, None, None, None] * kspace[:, NY // 2 - 16 : NY // 2 + 16].swapaxes(0, 1)
    kept = [(kz, ky) for kz in range(8, nz) for ky in range(ny) if full or (ky + kz) % 2 == 0 or abs(ky - 16) < 4]
    lines = [mrd_line(volume[kz, ky], ky, kz - 8) for kz, ky in kept]

    def file(name, centre):
        return write_mrd(tmp_path / name, protocol(ny // 2, ny, nz, (0, centre)), lines)

    right = open_scan(file("right.h5", nz // 2 - 8))
    path = file("wrong.h5", nz // 2)
    assert right.by_readout is not full
    with pytest.raises(InputError, match="kspace_encode_step_2 = 4, but the centre of kspace_encoding_step_2 is 12:"):
        open_scan(path)[3]
    assert torch.equal(open_scan(path, centre="data")[3].kspace, right[3].kspace)


def test_nothing_is_claimed_of_noise(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, NY, NX)) + 1j * rng.standard_normal((2, NY, NX))
    path = partial(tmp_path / "a.h5", noise, 40)
    assert open_scan(path)[0].frames == 1
    with pytest.raises(InputError, match=r"have no clear peak.*--centre line=32"):
        open_scan(path, centre="data")


def test_the_first_frame_may_be_noise(tmp_path, kspace):
    rng = np.random.default_rng(0)
    noise = 1e-3 * (rng.standard_normal((4, NY, NX)) + 1j * rng.standard_normal((4, NY, NX)))
    slices = [noise, kspace, noise]
    lines = [
        mrd_line(samples[:, ky], ky - START, slice=index, geometry={"position": (0, 0, 5 * index)})
        for index, samples in enumerate(slices)
        for ky in range(START, NY)
    ]
    file = open_scan(write_mrd(tmp_path / "a.h5", protocol(40), lines), centre="data")
    assert "encoding step 1 24 instead of 40" in file.notes[0]
    assert file.load().frames == 3


def test_partial_fourier_may_stop_short_of_the_centre(tmp_path, kspace):
    lines = [mrd_line(kspace[:, ky], ky) for ky in range(NY // 2 + 9, NY)]
    assert open_scan(write_mrd(tmp_path / "a.h5", protocol(NY // 2), lines))[0].frames == 1


def test_imaging_lines_without_the_centre_are_distinguished_from_a_wrong_mask(tmp_path, kspace):
    calibration = range(NY // 2 - 12, NY // 2 + 12)
    flags = [ismrmrd.ACQ_IS_PARALLEL_CALIBRATION]
    lines = [mrd_line(kspace[:, ky], ky, flags=flags if ky in calibration else ()) for ky in range(NY)]
    path = write_mrd(tmp_path / "a.h5", protocol(NY // 2), lines)
    with pytest.raises(InputError, match=r"lines are flagged as calibration alone: .* --embedded"):
        open_scan(path)[0]
    assert open_scan(path, embedded=True)[0].fully_sampled
    modes = dataclasses.replace(protocol(NY // 2), calibration_mode="embedded")
    whole = open_scan(write_mrd(tmp_path / "b.h5", modes, lines))
    assert whole[0].fully_sampled
    check_mask_centre(whole[0].mask)


def ramped(kspace, lines, samples=0):
    """Return k-space whose peak a linear phase moves by `lines` and `samples`, as fields do in late echoes."""
    return np.roll(kspace, (lines, samples), axis=(1, 2))


def echoes(path, first, second, **fields):
    lines = [
        mrd_line(k[:, ky], ky, contrast=echo, **fields) for echo, k in enumerate((first, second)) for ky in range(NY)
    ]
    return open_scan(write_mrd(path, protocol(NY // 2), lines))


@pytest.mark.parametrize("shift", [(14, 0), (0, 14)])
def test_a_late_echo_may_peak_elsewhere(tmp_path, kspace, shift):
    file = echoes(tmp_path / "a.h5", kspace, ramped(kspace, *shift))
    axis = "lines" if shift[0] else "readout"
    assert file[0].source.notes == ()
    assert f"Along the {axis} the energy peaks 14 off the centre" in file[1].source.notes[0]
    with pytest.raises(InputError, match="peak"):
        echoes(tmp_path / "b.h5", ramped(kspace, *shift), kspace)[0]
    with pytest.raises(InputError, match="peak"):
        echoes(tmp_path / "c.h5", ramped(kspace, *shift), ramped(kspace, *shift))[1]
