"""Lines of MRD files that were acquired more than once, and files whose lines are all of one partition."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from tests.helpers.mrd import MrdHeader, cropped, make_image, mrd_line, numpy_fft, slice_lines, volume_lines, write_mrd

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.formats.lines.repeats import NOTED_DIFFERENCE, difference, ranks
from fourfold.operators.fourier import ifft
from fourfold.simulation.simulate import loop_maps, phantom

SIZE = 32
PROTOCOL = MrdHeader(
    matrix=(SIZE, SIZE, 1),
    fov=(128.0, 128.0, 5.0),
    recon_matrix=(SIZE, SIZE, 1),
    recon_fov=(128.0, 128.0, 5.0),
    centre=(SIZE // 2, 0),
)
HEAD = (phantom((SIZE, SIZE)) * loop_maps((SIZE, SIZE), 4)).squeeze().numpy()
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5


def noisy(image, seed, deviation=2e-3):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=image.shape) + 1j * rng.normal(size=image.shape)
    return (image + deviation * noise).astype(np.complex64)


def echo(number):
    """Return the image after `number` echo times in a field that varies over the head."""
    return HEAD * np.exp(number * (-0.3 + 1.2j * np.pi * np.sin(2 * np.pi * ROWS)))


def read(path, lines, **options):
    return open_scan(write_mrd(path, PROTOCOL, lines), **options)


def test_repeats_that_differ_by_noise_are_averaged_and_counted(tmp_path):
    lines = [part for seed in range(3) for part in slice_lines(noisy(HEAD, seed))]
    scan = read(tmp_path / "a.h5", lines)[0]
    assert scan.source.notes == (
        "Every line was acquired 3 times (3 under the same counters); the repeats were averaged.",
    )
    one = read(tmp_path / "b.h5", slice_lines(noisy(HEAD, 9)))[0]
    errors = [float((ifft(each.kspace)[0] - torch.from_numpy(HEAD)).abs().square().mean()) for each in (one, scan)]
    assert errors[0] / errors[1] == pytest.approx(3, rel=0.1)
    assert one.source.notes == ()


def test_averages_are_counted_by_their_distinct_values_and_an_incomplete_one_has_a_note(tmp_path):
    lines = [part for average in (0, 2, 4) for part in slice_lines(noisy(HEAD, average), average=average)]
    lines += slice_lines(noisy(HEAD, 10), average=10)[10:22]
    scan = read(tmp_path / "a.h5", lines)[0]
    assert scan.source.details["averages"] == 4
    assert scan.source.notes == ("Lines were acquired 3 to 4 times (4 averages); the repeats were averaged.",)


def test_averages_that_are_repeated_themselves_name_both_numbers(tmp_path):
    lines = [part for seed in range(4) for part in slice_lines(noisy(HEAD, seed), average=seed // 2)]
    notes = read(tmp_path / "a.h5", lines)[0].source.notes
    assert notes[0].startswith("Every line was acquired 4 times (2 averages, 2 under the same counters)")


@pytest.mark.parametrize("average", [False, True])
def test_echoes_without_an_echo_counter_are_refused_and_read_by_an_option(tmp_path, average):
    images = [noisy(echo(number), number) for number in range(3)]
    lines = [
        part for number, image in enumerate(images) for part in slice_lines(image, average=number if average else 0)
    ]
    path = write_mrd(tmp_path / "a.h5", PROTOCOL, lines)
    with pytest.raises(InputError, match=r"repeats in frame 0 differ by \d+% of their signal.*--repeats frames"):
        open_scan(path)[0]
    file = open_scan(path, repeats="frames")
    assert file.labels(range(3)).numbers["average"] == (0, 1, 2)
    for scan, image in zip(file, images, strict=True):
        np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), image, atol=1e-5)
        assert "each repeat is a frame of its own" in scan.source.notes[0]
    mean = open_scan(path, repeats="average")[0]
    np.testing.assert_allclose(ifft(mean.kspace)[0].numpy(), np.mean(images, axis=0), atol=1e-5)
    assert mean.source.notes[1] == "Repeated lines differ by more than 50% of their signal, which is not noise."


def test_the_command_line_takes_the_option_and_the_notes_stand_in_the_record(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_mrd("a.h5", PROTOCOL, [part for number in range(2) for part in slice_lines(noisy(echo(number), number))])
    assert main(["recon", "a.h5", "--method", "zero-filled"]) == 2
    assert "--repeats frames" in " ".join(capsys.readouterr().err.split())
    assert main(["recon", "a.h5", "--method", "zero-filled", "--repeats", "frames", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"][0] == 2
    assert facts["notes"][0].startswith("Every line was acquired 2 times")
    with pytest.raises(InputError, match=r"repeats is 'frame'; it must be average or frames.*Did you mean 'frames'"):
        open_scan("a.h5", repeats="frame")


def test_repeats_of_other_parts_of_the_readout_are_no_averages(tmp_path):
    # At the edge of k-space, where no line is compared.
    protocol = dataclasses.replace(PROTOCOL, matrix=(SIZE, 64, 1), recon_matrix=(SIZE, 64, 1), centre=(32, 0))
    image = noisy((phantom((64, SIZE)) * loop_maps((64, SIZE), 4)).squeeze().numpy(), 0)
    path = write_mrd(
        tmp_path / "a.h5",
        protocol,
        slice_lines(image) + slice_lines(image)[1:] + slice_lines(image, discard_post=4)[:1],
    )
    for repeats in (None, "average"):
        with pytest.raises(InputError, match="repeats in frame 0 cover different parts of the readout"):
            open_scan(path, repeats=repeats)[0]
    assert len(open_scan(path, repeats="frames").load().kspace) == 2


def test_slices_without_a_slice_counter_are_refused(tmp_path):
    heights = (0, 5, 10)
    lines = [part for z in heights for part in slice_lines(noisy(HEAD, z), geometry={"position": (1, 2, z)})]
    path = write_mrd(tmp_path / "a.h5", PROTOCOL, lines)
    with pytest.raises(InputError, match="lie 10 mm apart: they seem to be slices without a slice counter"):
        open_scan(path)[0]
    file = open_scan(path, repeats="frames")
    assert [scan.geometry.placements[0].centre for scan in file] == [(1, 2, z) for z in heights]
    assert "Every line was acquired 3 times" in open_scan(path, repeats="average")[0].source.notes[0]


def test_moderate_differences_are_averaged_with_a_note(tmp_path):
    darker = 0.75 * HEAD
    scan = read(tmp_path / "a.h5", slice_lines(noisy(HEAD, 0), average=0) + slice_lines(noisy(darker, 1), average=1))[0]
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), (HEAD + darker) / 2, atol=0.02)
    assert scan.source.notes[1] == "Repeated lines differ by more than 10% of their signal, which is not noise."


def test_every_frame_is_compared_and_iteration_keeps_the_notes(tmp_path):
    lines = [part for number in range(2) for part in slice_lines(noisy(HEAD, number), slice=0)]
    lines += [part for number in (0, 1) for part in slice_lines(noisy(echo(number), number), slice=1)]
    file = read(tmp_path / "a.h5", lines)
    assert len(file[0].source.notes) == 1
    with pytest.raises(InputError, match="repeats in frame 1 differ"):
        file[1]


def test_volumes_are_compared_too(tmp_path):
    images = [make_image((2, 12, 20, 32), seed) for seed in range(2)]
    protocol = MrdHeader((32, 20, 12), (128.0, 60.0, 36.0), (32, 20, 12), (128.0, 60.0, 36.0), (10, 6))
    smooth = np.exp(-((np.arange(32) - 16) ** 2) / 8)
    kspaces = [ifft_volume(numpy_fft(image, (-3, -2, -1)) * smooth) for image in images]
    lines = [part for image in kspaces for part in volume_lines(image, np.ones((12, 20), bool))]
    path = write_mrd(tmp_path / "a.h5", protocol, lines)
    with pytest.raises(InputError, match="repeats in frame 0 differ"):
        open_scan(path)[0]
    scans = list(open_scan(path, repeats="average"))
    assert len(scans) == 12
    assert all(len(scan.source.notes) == 2 for scan in scans)


def ifft_volume(kspace):
    axes = (-3, -2, -1)
    return np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(kspace, axes=axes), axes=axes, norm="ortho"), axes=axes)


def places(*images):
    """Return the lines of the images' k-space as `difference` takes them."""
    kspaces = np.stack([numpy_fft(image) for image in images])
    return [kspaces[:, :, row] for row in range(SIZE)]


def test_difference_of_noise_is_none_however_strong():
    for deviation in (1e-3, 0.1, 1):
        assert difference(places(noisy(HEAD, 0, deviation), noisy(HEAD, 1, deviation))) < NOTED_DIFFERENCE
    assert difference(places(*(noisy(0 * HEAD, seed) for seed in range(3)))) < NOTED_DIFFERENCE


def test_difference_has_known_values():
    assert difference(places(HEAD, HEAD)) == 0
    assert difference(places(HEAD, HEAD * np.exp(2j))) == pytest.approx(0, abs=1e-3)
    assert difference(places(HEAD, np.roll(HEAD, 3, axis=-2))) == pytest.approx(0, abs=1e-3)
    # |1 - a|² over the mean of 1 and a², less what the ends of the readout take for noise.
    assert difference(places(HEAD, HEAD / 2)) == pytest.approx(0.5 / np.sqrt(0.625), rel=0.1)
    assert difference(places(HEAD, HEAD, HEAD / 2)) == pytest.approx(0.5 / np.sqrt(0.625), rel=0.1)
    other = HEAD[..., ::-1] * np.exp(4j * np.pi * COLUMNS)
    assert 1 < difference(places(HEAD, other)) < np.sqrt(2)


def test_ranks_follow_the_average_then_the_file():
    cells = np.array([[0, 1], [0, 2], [0, 1], [0, 1], [0, 2]])
    averages = np.array([4, 0, 2, 4, 0])
    assert ranks(cells, averages).tolist() == [1, 0, 0, 2, 1]


@pytest.mark.parametrize("centre", [0, 1, 5])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("field_of_view", [5.0, 10.0])
def test_lines_of_one_partition_are_slices_whatever_the_matrix(tmp_path, centre, step, field_of_view):
    protocol = MrdHeader(
        (SIZE, SIZE, 2), (128.0, 128.0, 10.0), (SIZE, SIZE, 2), (128.0, 128.0, field_of_view), (SIZE // 2, centre)
    )
    images = [noisy(HEAD * (1 + index), index) for index in range(3)]
    lines = [
        part
        for index, image in enumerate(images)
        for part in slice_lines(
            image, slice=index, kspace_encode_step_2=step, geometry={"position": (0, 0, 6.0 * index)}
        )
    ]
    file = open_scan(write_mrd(tmp_path / "a.h5", protocol, lines))
    assert file.shape == (3, 4, SIZE, SIZE)
    assert file.volume.voxel_size == (6, 4, 4)
    assert file.details["split_along"] is None
    for scan, image in zip(file, images, strict=True):
        np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), image, atol=1e-5)
    assert "has 2 partitions, but all lines are of the same one" in file.notes[0]
    assert open_scan(write_mrd(tmp_path / "b.h5", protocol, lines[:SIZE])).volume.voxel_size == (field_of_view, 4, 4)


def test_two_partitions_stay_a_volume(tmp_path):
    protocol = MrdHeader((SIZE, SIZE, 2), (128.0, 128.0, 10.0), (SIZE, SIZE, 2), (128.0, 128.0, 10.0), (SIZE // 2, 1))
    lines = [part for step in (0, 1) for part in slice_lines(noisy(HEAD, step), kspace_encode_step_2=step)]
    file = open_scan(write_mrd(tmp_path / "a.h5", protocol, lines))
    assert (len(file), file.notes, file.details["split_along"]) == (2, (), "partitions")


def test_segments_that_hold_the_same_lines_are_frames_of_their_own(tmp_path):
    images = [make_image((2, 20, 32), seed) for seed in range(2)]
    lines = [line for segment, image in enumerate(images) for line in slice_lines(image, segment=segment)]
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), lines)
    scan = open_scan(path, repeats="frames").load()
    assert scan.labels.numbers == {"slice": (0, 0), "segment": (0, 1)}
    for frame, image in enumerate(images):
        np.testing.assert_allclose(ifft(scan.kspace)[frame].numpy(), cropped(image), atol=1e-5)


def test_segments_of_different_lines_make_one_frame(tmp_path):
    image = make_image((2, 20, 32))
    kspace = numpy_fft(image)
    lines = [mrd_line(kspace[:, ky], ky, segment=ky % 4) for ky in range(20)]
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines)).load()
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=1e-5)
