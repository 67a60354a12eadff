"""Files of sampling patterns: written, read back, and refused where they are damaged or do not fit."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from tests.helpers.bart import needs_bart, read_cfl, run_bart

from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.sampling import (
    make_sampling,
    read_sampling,
    undersample,
    write_sampling,
)
from fourfold.scan import Sampling, Scan


def scan_of(frames: int = 3, shape: tuple[int, int] = (48, 40), **fields) -> Scan:
    generator = torch.Generator().manual_seed(0)
    return Scan(torch.randn((frames, 2, *shape), dtype=torch.complex64, generator=generator), **fields)


def sample_patterns() -> list[Sampling]:
    return [
        make_sampling("random", (37, 24), 37 / 9, seed=3),
        make_sampling("kt-interleaved", (36, 25), 4, frames=3, axis="ky"),
        make_sampling("poisson-disc", (30, 33), 4, box=(5, 4)),
        make_sampling("regular", (30, 33), 4, lines=4, axis="kx"),
    ]


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".cfl"])
@pytest.mark.parametrize("sampling", sample_patterns(), ids=lambda sampling: sampling.kind)
def test_masks_survive_a_file(tmp_path, sampling, suffix):
    path = tmp_path / f"mask{suffix}"
    write_sampling(sampling, path)
    again = read_sampling(path)
    assert torch.equal(again.mask, sampling.mask)
    if suffix == ".npz":
        assert again.summary() == sampling.summary()
    else:
        assert (again.kind, again.details["file"]) == ("file", path.name)


def test_a_bart_pair_may_be_named_by_either_file(tmp_path):
    sampling = sample_patterns()[2]
    write_sampling(sampling, tmp_path / "mask.cfl")
    assert torch.equal(read_sampling(tmp_path / "mask.hdr").mask, sampling.mask)


@needs_bart
def test_bart_reads_our_mask_and_we_read_its(tmp_path):
    write_sampling(sample_patterns()[2], tmp_path / "ours.cfl")
    assert "1\t30\t33\t1" in run_bart(tmp_path, "show", "-m", "ours")
    run_bart(tmp_path, "poisson", "-Y40", "-Z50", "-y2", "-z2", "-C8", "theirs")
    sampling = read_sampling(tmp_path / "theirs.cfl")
    assert sampling.mask.shape == (1, 40, 50)
    assert sampling.mask[0, 16:24, 21:29].all()
    assert 2 < sampling.acceleration < 8


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_a_bart_mask_fits_the_k_space_beside_it(tmp_path, axis):
    scan = undersample(scan_of(line_axis=axis), "kt-interleaved", 4)
    save_scan(scan, tmp_path / "kspace.cfl")
    write_sampling(scan.sampling, tmp_path / "mask.cfl")
    kspace, mask = (read_cfl(tmp_path / name) for name in ("kspace", "mask"))
    assert np.array_equal(np.broadcast_to(mask == 1, kspace.shape), kspace != 0)


def test_the_picture_is_white_where_samples_were_acquired(tmp_path):
    sampling = sample_patterns()[1]
    write_sampling(sampling, tmp_path / "mask.png")
    picture = np.asarray(Image.open(tmp_path / "mask.png"))
    assert np.array_equal(picture, np.concatenate(list(sampling.mask.numpy()), axis=1) * 255)


def test_fastmri_masks_lie_along_the_last_axis(tmp_path):
    lines = np.arange(24) % 3 == 0
    with h5py.File(tmp_path / "test.h5", "w") as file:
        file["kspace"] = np.zeros((2, 4, 24, 24), dtype=np.complex64)
        file["mask"] = lines.astype(np.float32)
    mask = read_sampling(tmp_path / "test.h5").mask
    assert mask.shape == (1, 24, 24)
    assert torch.equal(mask[0], torch.from_numpy(lines).expand(24, 24))


@pytest.mark.parametrize(("shape", "axis"), [((24, 30), "ky"), ((30, 24), "kx")])
def test_a_list_of_lines_goes_where_it_fits(tmp_path, shape, axis):
    lines = torch.arange(24) % 4 == 0
    np.save(tmp_path / "lines.npy", lines.numpy())
    mask = read_sampling(tmp_path / "lines.npy", shape).mask[0]
    assert torch.equal(mask, (lines[:, None] if axis == "ky" else lines).expand(shape))
    assert torch.equal(mask, read_sampling(tmp_path / "lines.npy", shape, axis).mask[0])


def test_an_axis_of_size_one_stands_for_the_whole_axis(tmp_path):
    lines = np.arange(24) % 4 == 0
    np.save(tmp_path / "lines.npy", lines[:, None])
    mask = read_sampling(tmp_path / "lines.npy", (24, 24)).mask[0]
    assert torch.equal(mask, torch.from_numpy(lines)[:, None].expand(24, 24))


# ---- what is refused


def write_bytes(path, content=b"nonsense"):
    path.write_bytes(content)
    return path


def saved(path, array):
    np.save(path, array)
    return path


def saved_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def saved_cfl(path, sizes, values):
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
    np.full(values, 1, np.complex64).tofile(path)
    return path


def truncated(path):
    write_sampling(sample_patterns()[0], path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


LINES = np.arange(24) % 2 == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "gone.npz", "There is no file"),
        (lambda folder: write_bytes(folder / "a.tiff"), "cannot be read from a '.tiff' file.*use .npz"),
        (lambda folder: write_bytes(folder / "a.npx"), "Did you mean '.np"),
        (lambda folder: write_bytes(folder / "a.npz"), "damaged"),
        (lambda folder: write_bytes(folder / "a.npy"), "damaged"),
        (lambda folder: write_bytes(folder / "a.h5"), "damaged"),
        (lambda folder: write_bytes(folder / "a.cfl"), "There is no file '.*a.hdr'"),
        (lambda folder: truncated(folder / "a.npz"), "damaged"),
        (lambda folder: truncated(folder / "a.npy"), "damaged"),
        (lambda folder: truncated(folder / "a.cfl"), "damaged"),
        (lambda folder: saved_cfl(folder / "a.cfl", [4, 4, 1, 2], 32), "none of coils"),
        (lambda folder: saved_cfl(folder / "a.cfl", [4, 4, 4], 64), "a mask has two in space"),
        (lambda folder: saved_hdf5(folder / "a.h5", kspace=np.ones(3)), "holds kspace but no data set 'mask'"),
        (lambda folder: saved(folder / "a.npy", np.full((24, 30), 0.5)), "values other than 0 and 1"),
        (lambda folder: saved(folder / "a.npy", np.array(["x"])), "values other than 0 and 1"),
        (lambda folder: saved(folder / "a.npy", np.ones((1, 1, 24, 30))), "it must be"),
        (lambda folder: saved(folder / "a.npy", np.ones((24, 31))), "grid of 24×31 but this one is 24×30"),
        (lambda folder: saved(folder / "a.npy", np.ones(25)), "25 lines, which does not fit a grid of 24×30"),
        (lambda folder: saved(folder / "a.npy", np.zeros((24, 30))), "without any sample"),
    ],
)
def test_bad_mask_files_are_refused(tmp_path, make, words):
    with pytest.raises(InputError, match=words):
        read_sampling(make(tmp_path), (24, 30))


def test_a_list_of_lines_needs_a_grid_that_it_fits_in_one_way(tmp_path):
    path = saved(tmp_path / "lines.npy", LINES)
    with pytest.raises(InputError, match="give the grid it is for"):
        read_sampling(path)
    with pytest.raises(InputError, match="fits both axes of the grid; say which"):
        read_sampling(path, (24, 24))
    with pytest.raises(InputError, match="does not fit a grid of 24×30 along kx"):
        read_sampling(path, (24, 30), "kx")


def test_an_archive_without_a_mask_or_with_a_foreign_provenance_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", image=LINES)
    with pytest.raises(InputError, match="holds image but no array 'mask'"):
        read_sampling(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", mask=np.ones((4, 4)), provenance="[1, 2]")
    with pytest.raises(InputError, match="damaged"):
        read_sampling(tmp_path / "b.npz")


def test_nothing_is_written_where_it_cannot_be(tmp_path):
    with pytest.raises(InputError, match=r"has the suffix '\.gif', which says no format"):
        write_sampling(sample_patterns()[0], tmp_path / "mask.gif")
    with pytest.raises(InputError, match="does not exist: create it first"):
        write_sampling(sample_patterns()[0], tmp_path / "no" / "mask.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".cfl", ".png"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"mask{suffix}"
    write_sampling(sample_patterns()[0], path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(InputError, match="No space left on device"):
        write_sampling(sample_patterns()[2], path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
