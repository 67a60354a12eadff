"""Public entry points name what they were given, what they take and how to get it."""

import numpy as np
import pytest
import torch

import fourfold as ff
from fourfold.errors import InputError
from fourfold.formats import read_maps, writer
from fourfold.sampling import read_sampling

WRONG = {
    "a NumPy array": np.ones((1, 2, 8, 8), np.complex64),
    "of type list": [[1.0, 2.0]],
    "None": None,
    "of type int": 3,
    "of type dict": {},
}
NAMES = {key: value for key, value in WRONG.items() if key != "None"}


@pytest.fixture(scope="module")
def scan():
    generator = torch.Generator().manual_seed(0)
    return ff.Scan(torch.randn(1, 4, 32, 32, dtype=torch.complex64, generator=generator))


@pytest.fixture(scope="module")
def image(scan):
    return ff.ZeroFilled()(scan)


SCANS = {
    "method": ff.TotalVariation(),
    "trained method": ff.VarNet(),
    "save_scan": lambda value: ff.save_scan(value, "a.npz"),
    "compare": ff.compare,
    "gfactor": lambda value: ff.gfactor(value, ff.CgSense()),
    "choose_method": ff.choose_method,
    "trust": lambda value: ff.trust(ff.ZeroFilled(), value),
    "undersample": ff.undersample,
}


@pytest.mark.parametrize("entry", SCANS)
@pytest.mark.parametrize("what", WRONG)
def test_what_takes_a_scan_says_so(entry, what):
    with pytest.raises(InputError, match=rf"^The scan is {what}; it must be of type Scan: read a file with"):
        SCANS[entry](WRONG[what])


PATHS = {
    "load": ff.load,
    "open_scan": ff.open_scan,
    "writer": writer,
    "read_maps": read_maps,
    "read_sampling": read_sampling,
}


@pytest.mark.parametrize("entry", PATHS)
@pytest.mark.parametrize("what", WRONG)
def test_what_takes_a_path_says_so(entry, what):
    with pytest.raises(InputError, match=rf"^The file's name is {what}; it must be of type str or PathLike: give it"):
        PATHS[entry](WRONG[what])


@pytest.mark.parametrize("what", WRONG)
def test_what_takes_an_image_says_so(scan, image, what, tmp_path):
    entries = (
        lambda value: ff.save(value, tmp_path / "a.npz"),
        ff.join_volume,
        writer(tmp_path / "b.npz").add,
        lambda value: ff.write_report([value], tmp_path / "a.html"),
    )
    for entry in entries:
        with pytest.raises(InputError, match=rf"is {what}; it must be of type Reconstruction: reconstruct"):
            entry(WRONG[what])
    for entry in (lambda path: ff.save(image, path), lambda path: ff.save_scan(scan, path)):
        with pytest.raises(InputError, match="file's name is"):
            entry(WRONG[what])
    with pytest.raises(InputError, match=f"What the report shows is {what}|An image of the report is of type float"):
        ff.write_report(WRONG[what][0] if what == "of type list" else WRONG[what], tmp_path / "a.html")


@pytest.mark.parametrize("what", WRONG)
def test_arrays_must_be_tensors(scan, image, what):
    value = WRONG[what]
    makers = {
        "complex64": (ff.Scan, ff.split_volume, lambda array: ff.Reconstruction(array, image.record)),
        "bool": (ff.Sampling,),
        "float32": (lambda array: ff.Trajectory(array, (8, 8)),),
    }
    for dtype, entries in makers.items():
        for entry in entries:
            with pytest.raises(InputError, match=rf"is {what}; it must be of type Tensor: convert .*") as raised:
                entry(value)
            assert f"dtype='{dtype}'" in str(raised.value) or entry is ff.split_volume
    # The advice is sound.
    assert ff.Scan(torch.from_numpy(np.asarray(WRONG["a NumPy array"], dtype="complex64"))).coils == 2
    if value is not None:
        for field in ("coil_maps", "calibration_kspace", "noise"):
            with pytest.raises(InputError, match=f"^{field} is {what}; it must be of type Tensor"):
                scan.replace(**{field: value})


@pytest.mark.parametrize("what", NAMES)
def test_parts_of_a_scan_and_of_a_comparison(scan, what):
    value = NAMES[what]
    for field, kind in (("geometry", "Geometry"), ("source", "Source"), ("trajectory", "Trajectory")):
        with pytest.raises(InputError, match=rf"^The {field} is {what}; it must be of type {kind}"):
            scan.replace(**{field: value})
    for entry in (scan.with_sampling, lambda given: ff.compare(scan, ["zero-filled"], sampling=given)):
        with pytest.raises(InputError, match=rf"^The sampling is {what}; it must be of type Sampling: make one with"):
            entry(value)
    with pytest.raises(InputError, match="list of methods"):
        ff.compare(scan, value)
    with pytest.raises(InputError, match="list of metrics"):
        ff.compare(scan, ["zero-filled"], metrics=value)
    with pytest.raises(InputError, match=f"^The reference is {what}"):
        ff.compare(scan, ["zero-filled"], reference=value)
    with pytest.raises(InputError, match=f"^The method is {what}"):
        ff.gfactor(scan, value)


def test_a_name_is_no_list_of_letters(scan):
    with pytest.raises(InputError, match=r"^The list of methods is of type str; .* such as \['grappa', 'tv'\]"):
        ff.compare(scan, "tv")


@pytest.mark.parametrize("frames", [0.0, "0", [0], np.zeros(1)])
def test_frames_are_an_index_or_a_slice(tmp_path, frames):
    path = ff.save_scan(ff.sample(), tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"^The choice of frames is .* give an index, or slice"):
        ff.load(path, frames)


def test_real_samples_get_the_right_advice():
    pairs = torch.ones(1, 2, 8, 8, 2)
    with pytest.raises(InputError, match=r"join real and imaginary parts with torch.view_as_complex"):
        ff.Scan(pairs)
    assert ff.Scan(torch.view_as_complex(pairs.float().contiguous())).coils == 2
    with pytest.raises(InputError, match=r"torch.complex128 of shape .* convert it with .to\(torch.complex64\)"):
        ff.Scan(torch.ones(1, 2, 8, 8, dtype=torch.complex128))


def lines(*kept):
    mask = torch.zeros(1, 96, 96, dtype=torch.bool)
    mask[:, list(kept)] = True
    return mask


GOOD = lines(*range(0, 96, 3), *range(36, 60))


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (~GOOD, "leaves out the centre of k-space, .* no sample nearer than 13 to index 48 along ky; .* inverted"),
        (~GOOD.mT, "no sample nearer than 13 to index 48 along kx"),
        (torch.fft.fftshift(GOOD, dim=1), r"at the edges of ky and not at the centre, .* apply fftshift to the mask"),
        (torch.fft.fftshift(GOOD), r"at the edges of ky and not at the centre"),
        (torch.fft.fftshift(GOOD & GOOD.mT), r"at the edges of ky and kx and not at the centre"),
        (
            ~(GOOD[:, 30:66].any(dim=1)[:, None] & lines(*range(36, 60)) & lines(*range(36, 60)).mT),
            "leaves out the centre",
        ),
        (GOOD[:, :48], r"mask has shape \(1, 48, 96\) but the scan's is \(1, 96, 96\)"),
    ],
)
def test_masks_that_miss_the_centre(mask, sentence):
    scan = ff.Scan(torch.ones(1, 2, 96, 96, dtype=torch.complex64))
    with pytest.raises(InputError, match=sentence):
        scan.with_sampling(ff.Sampling(mask))


@pytest.mark.parametrize(
    "mask",
    [
        GOOD,
        lines(*range(1, 96, 2)),
        lines(*range(4, 96, 8)),
        lines(*range(56, 96)),
        lines(*range(30)),
        lines(*range(40, 56)),
        torch.rand(1, 96, 96, generator=torch.Generator().manual_seed(0)) < 0.1,
    ],
)
def test_masks_that_are_only_sparse_or_partial(mask):
    scan = ff.Scan(torch.ones(1, 2, 96, 96, dtype=torch.complex64))
    assert scan.with_sampling(ff.Sampling(mask)).frames == 1


def test_a_transposed_mask_leaves_a_note(tmp_path):
    scan = ff.Scan(torch.ones(1, 2, 96, 96, dtype=torch.complex64))
    assert scan.with_sampling(ff.Sampling(GOOD)).source.notes == ()
    (note,) = ff.ZeroFilled()(scan.with_sampling(ff.Sampling(GOOD.mT))).record.notes[:1]
    assert "leaves out lines along kx, but the scan's phase encoding is along ky" in note
    np.save(tmp_path / "mask.npy", GOOD[0, :, :64].numpy())
    with pytest.raises(InputError, match="or transpose this one, which then fits"):
        read_sampling(tmp_path / "mask.npy", (64, 96))
