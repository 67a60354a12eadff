"""Sizes that come from outside are compared with the memory before anything is made of them."""

import io
import json
import pickle
import resource
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from fourfold import memory
from fourfold.cli.main import main
from fourfold.datasets.images import NumpyImages
from fourfold.datasets.photographs import Photographs
from fourfold.datasets.settings import DataSettings, Images
from fourfold.errors import InputError
from fourfold.files.hdf5 import open_hdf5
from fourfold.files.numpy_arrays import stored_array
from fourfold.formats import open_scan, read_maps
from fourfold.memory import array_bytes, is_out_of_memory, memory_at_hand, readable_size, require_memory
from fourfold.methods.untrained.deep_decoder import DeepDecoder
from fourfold.networks.build import build
from fourfold.sampling import make_sampling, read_sampling
from fourfold.sampling.trajectories import radial
from fourfold.scan import FrameLabels
from fourfold.scan.trajectory import Trajectory
from fourfold.simulation.simulate import loop_maps

RNG = np.random.default_rng(0)
KSPACE = (RNG.normal(size=(2, 3, 16, 16)) + 1j).astype(np.complex64)
NEEDS = r"needs [\d.,]+ [kMGTP]B of memory, more than half of the [\d.,]+ [kMGTP]B that are free: "


@pytest.fixture
def free(monkeypatch):
    """Set the memory at hand."""
    return lambda count: monkeypatch.setattr(memory, "memory_at_hand", lambda: count)


@pytest.fixture(autouse=True)
def _eight_gigabytes(free):
    free(8 * 10**9)


def declared(shape, descr, name="kspace", **others):
    """Return a deflated npz whose array stands for any size in a few bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
        archive.writestr(f"{name}.npy", header.getvalue() + bytes(1000))
        for key, array in others.items():
            stored = io.BytesIO()
            np.save(stored, array)
            archive.writestr(f"{key}.npy", stored.getvalue())
    return content.getvalue()


# How much is free


def test_half_of_the_memory_may_be_taken(free):
    free(2000)
    require_memory(1000, "A thing", "take less")
    with pytest.raises(
        InputError, match=r"A thing needs 1 kB of memory, more than half of the 2 kB that are free: take"
    ):
        require_memory(1001, "A thing", "take less")
    free(None)
    require_memory(10**30, "A thing", "take less")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (7, "7 bytes"), (1001, "1 kB"), (205_400_000_000, "205 GB"), (5 * 10**21, "5,000,000 PB")],
)
def test_sizes_are_readable(count, words):
    assert readable_size(count) == words


def test_sizes_do_not_overflow():
    assert array_bytes(np.array([10**6, 10**6, 10**6], np.int32), 8) == 8 * 10**18


def test_a_limit_on_the_address_space_counts():
    code = """
        import resource
        from fourfold.memory import memory_at_hand
        without = memory_at_hand()
        resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, resource.RLIM_INFINITY))
        assert 0 < memory_at_hand() < 3 * 10**9
        resource.setrlimit(resource.RLIMIT_AS, (10**7, resource.RLIM_INFINITY))
        assert memory_at_hand() == 0, memory_at_hand()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("0::/batch/job", ("memory.max", "memory.current", "inactive_file")),
        ("5:cpu,memory:/batch/job", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ],
)
def test_the_control_group_counts(tmp_path, monkeypatch, line, names):
    limit, used, reclaimable = names
    kind = "" if line.startswith("0") else "memory"
    monkeypatch.setitem(memory._GROUPS, kind, (str(tmp_path), *names))
    lines = memory._lines
    monkeypatch.setattr(memory, "_lines", lambda path: [line] if str(path) == "/proc/self/cgroup" else lines(path))
    assert list(memory._of_groups()) == []
    for folder, most in (("batch/job", 5000), ("batch", 4000)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / limit).write_text(f"{most}\n")
        (tmp_path / folder / used).write_text("3000\n")
    (tmp_path / "batch" / "job" / "memory.stat").write_text(f"anon 1\n{reclaimable} 600\n")
    assert sorted(memory._of_groups()) == [1000, 2600]
    (tmp_path / "batch" / limit).write_text("max\n")
    assert list(memory._of_groups()) == [2600]


def test_the_free_memory_is_read_from_the_system():
    assert memory_at_hand() is None or memory_at_hand() > 0


# Running out of it


def test_lack_of_memory_is_recognised():
    with pytest.raises((MemoryError, RuntimeError)) as numpys:
        np.empty(2**62, np.uint8)
    with pytest.raises((MemoryError, RuntimeError)) as torchs:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_out_of_memory(numpys.value)
    assert is_out_of_memory(torchs.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(OSError(28, "No space left on device"))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")]
)
def test_lack_of_memory_is_one_sentence(tmp_path, monkeypatch, capsys, error):
    def read(*_):
        raise error

    np.savez(tmp_path / "a.npz", kspace=KSPACE)
    monkeypatch.setattr("fourfold.formats.npz.NumpyFile.read", read)
    assert main(["info", str(tmp_path / "a.npz")]) == 2
    assert capsys.readouterr().err.startswith("fourfold: The memory does not suffice: choose fewer frames")


def test_other_errors_are_raised_unchanged(tmp_path, monkeypatch):
    def read(*_):
        raise RuntimeError("a fault")

    np.savez(tmp_path / "a.npz", kspace=KSPACE)
    monkeypatch.setattr("fourfold.formats.npz.NumpyFile.read", read)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["info", str(tmp_path / "a.npz")])


def test_lack_of_memory_is_not_called_damage(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kspace"] = KSPACE
    with pytest.raises(MemoryError), open_hdf5(tmp_path / "a.h5"):
        raise MemoryError
    np.savez_compressed(tmp_path / "a.npz", kspace=KSPACE)

    def read_array(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_array", read_array)
    with pytest.raises(MemoryError):
        stored_array(tmp_path / "a.npz", "kspace").read()


# Files of a few bytes that declare anything


def test_any_number_of_frames_may_be_declared(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kspace = file.create_dataset("kspace", (10**8, 3, 16, 16), np.complex64, chunks=(1, 3, 16, 16))
        kspace[0] = KSPACE[0]
    assert (tmp_path / "a.h5").stat().st_size < 20_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = pickle.loads(pickle.dumps(open_scan(tmp_path / "a.h5")))
    facts = file.summary()
    # A list of 10⁸ labels would take gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert facts["frames"] == 10**8
    assert file.labels([10**8 - 1, 3]) == FrameLabels({"slice": [10**8 - 1, 3]})
    assert file[0].labels == FrameLabels({"slice": [0]})
    with pytest.raises(InputError, match=rf"block of 100000000 frames of '.*a.h5' {NEEDS}load a part of the frames"):
        file.load()


@pytest.mark.parametrize(
    ("name", "shape", "options", "words"),
    [
        ("kspace", (2, 8, 10**5, 10**5), {"chunks": (1, 1, 9, 9)}, "One frame of '.*a.h5'"),
        ("mask", (10**6, 10**6), {"chunks": (9, 9)}, "Reading all of 'mask'"),
        ("coil_maps", (1, 1, 3, 10**6, 10**6), {"chunks": (1, 1, 1, 9, 9)}, "Reading all of 'coil_maps'"),
        ("ismrmrd_header", (10**12,), {"chunks": (9,)}, "Reading all of 'ismrmrd_header'"),
        ("fourfold", (10**12,), {"chunks": (9,)}, "Reading all of 'fourfold'"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused(tmp_path, name, shape, options, words):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(name, shape, np.complex64, **options)
        if name != "kspace":
            file["kspace"] = KSPACE
    with pytest.raises(InputError, match=rf"{words}.* {NEEDS}export a smaller part"):
        open_scan(tmp_path / "a.h5").summary()


def test_chunks_that_do_not_fit_are_refused(tmp_path, free):
    shape = (900, 8, 99, 99)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", shape, np.complex64, chunks=shape, compression="gzip")
    free(8 * 10**8)
    with pytest.raises(InputError, match=rf"Unpacking a chunk \(900, 8, 99, 99\) of 'kspace' .* {NEEDS}export"):
        open_scan(tmp_path / "a.h5")[0]


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(declared((8, 10**6, 10**6), "<c8"))
    with pytest.raises(InputError, match=rf"One frame of '.*a.npz' {NEEDS}"):
        open_scan(path)[0]
    path.write_bytes(declared((10**6, 10**6), "<U9", "label", kspace=KSPACE))
    with pytest.raises(InputError, match=rf"Reading all of 'label' of shape .* {NEEDS}"):
        open_scan(path)
    path.write_bytes(declared((3, 10**6, 10**6), "<c8", "coil_maps"))
    with pytest.raises(InputError, match=NEEDS):
        read_maps(path)
    path.write_bytes(declared((10**6, 10**6), "|b1", "mask"))
    with pytest.raises(InputError, match=NEEDS):
        read_sampling(path)


def test_arrays_that_are_mapped_must_fit_before_they_are_copied(tmp_path, free):
    np.savez(tmp_path / "a.npz", coil_maps=KSPACE, mask=np.ones((900, 16, 16), bool))
    np.save(tmp_path / "a.npy", np.ones((900, 16, 16), np.float32))
    free(2 * KSPACE.nbytes - 2)
    with pytest.raises(InputError, match=NEEDS):
        read_maps(tmp_path / "a.npz")
    with pytest.raises(InputError, match=rf"Reading 800 of 900 entries of 'mask' of shape \(900, 16, 16\) .* {NEEDS}"):
        stored_array(tmp_path / "a.npz", "mask").rows(range(800))
    with pytest.raises(InputError, match=NEEDS):
        read_sampling(tmp_path / "a.npz")
    with pytest.raises(InputError, match=NEEDS):
        NumpyImages(tmp_path / "a.npy", Images(path="a"))


@pytest.mark.parametrize("frames", [[0], [1, 0, 1]])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_frames_of_an_npz_are_read_alone(tmp_path, free, frames, save):
    large = np.concatenate([KSPACE] * 50)
    save(tmp_path / "a.npz", kspace=large, mask=np.ones((100, 16, 16), bool))
    free(2 * 3 * KSPACE.nbytes)
    file = open_scan(tmp_path / "a.npz")
    np.testing.assert_array_equal(file.load(frames[0]).kspace.numpy(), large[frames[:1]])
    np.testing.assert_array_equal(stored_array(tmp_path / "a.npz", "kspace").rows(frames), large[frames])
    with pytest.raises(InputError, match=NEEDS):
        file.load()


def test_a_large_compressed_file_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("fourfold.formats.npz.BLOCK_BYTES", 2 * KSPACE[0].nbytes)
    np.savez_compressed(tmp_path / "a.npz", kspace=np.concatenate([KSPACE, KSPACE, KSPACE[:1]]))
    file = open_scan(tmp_path / "a.npz")
    assert file.block == 2
    kspace = torch.cat([scan.kspace for scan in file])
    np.testing.assert_array_equal(kspace.numpy(), np.concatenate([KSPACE, KSPACE, KSPACE[:1]]))


def sparse_cfl(path, sizes):
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
    with path.open("wb") as file:
        file.truncate(8 * int(np.prod(sizes)))
    return path


@pytest.mark.parametrize("sizes", [(40000, 40000, 1, 8), (2000, 2000, 2000, 2)])
def test_cfl_that_does_not_fit_is_refused(tmp_path, sizes):
    path = sparse_cfl(tmp_path / "a.cfl", sizes)
    with pytest.raises(InputError, match=NEEDS):
        open_scan(path)[0]
    with pytest.raises(InputError, match=NEEDS):
        read_maps(sparse_cfl(tmp_path / "maps.cfl", (40000, 40000, 1, 8)))
    with pytest.raises(InputError, match=NEEDS):
        read_sampling(path)


def test_a_trajectory_that_reaches_too_far_is_refused():
    points = torch.tensor([[[[-4e5, 3e5], [4e5, 0.0]]]])
    with pytest.raises(InputError, match=rf"image of 1×1000000×1000000 {NEEDS}give the matrix"):
        Trajectory(points, (10**6, 10**6))


# What settings ask for


@pytest.mark.parametrize("kind", ["random", "regular", "gaussian", "equispaced", "poisson-disc", "regular-2d"])
def test_patterns_that_do_not_fit_are_refused(kind):
    with pytest.raises(InputError, match=rf"grid of 100000×100000 {NEEDS}"):
        make_sampling(kind, (10**5, 10**5))
    if kind != "regular-2d":
        with pytest.raises(InputError, match=rf"pattern of 1000000000 frames {NEEDS}"):
            make_sampling(kind, (64, 64), frames=10**9)


def test_simulations_and_trajectories_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=NEEDS):
        loop_maps((64, 64), 10**9)
    with pytest.raises(InputError, match=NEEDS):
        radial((64, 64), 10**9)


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("resnet", {"blocks": 10**9}),
        ("unet", {"pools": 40}),
        ("unet", {"channels": 10**9}),
        ("varnet", {"cascades": 10**9}),
        ("varnet", {"sensitivity_channels": 10**9}),
        ("cascade", {"subnetworks": 10**9}),
        ("kspace-cnn", {"layers": 10**9}),
        ("unet", {"seed": 10**30}),
    ],
)
def test_networks_of_absurd_settings_are_refused(network, settings):
    name = next(iter(settings))
    with pytest.raises(InputError, match=f"The setting '{name}' of '{network}' is .*less than"):
        build(network, settings)


def test_networks_that_do_not_fit_are_refused(free):
    free(2 * 10**6)
    with pytest.raises(InputError, match=rf"network of 7,756,418 weights {NEEDS}choose one with fewer channels"):
        build("unet", {})
    free(10**5)
    from fourfold.simulation.simulate import phantom, simulate

    with pytest.raises(InputError, match=rf"networks of [\d,]+ weights {NEEDS}choose fewer members"):
        DeepDecoder(iterations=1)(simulate(phantom((32, 32)), coils=1))


@pytest.mark.parametrize("threads", ["100000", "-1"])
def test_absurd_numbers_of_threads_are_refused(tmp_path, monkeypatch, capsys, threads):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", kspace=KSPACE)
    assert main(["recon", "a.npz", "--threads", threads]) == 2
    assert f"{threads} threads were asked for; give 1 to " in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        {"simulation": {"coils": 10**9}},
        {"augmentation": {"zoom": (1, 1e9)}},
        {"augmentation": {"sizes": [[10**9, 10**9]]}},
        {"sources": [{"kind": "images", "path": "a", "crop": [10**9, 10**9]}]},
    ],
)
def test_absurd_settings_of_data_are_refused(settings):
    with pytest.raises(InputError, match="less than or equal to"):
        DataSettings(**{"sources": [{"kind": "images", "path": "a"}], **settings})


def test_pictures_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    Image.new("L", (32, 32)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"a.png' is not a readable picture .*decompression bomb"):
        Photographs([tmp_path / "a.png"], Images(path="a"))


def test_a_volume_of_nifti_that_does_not_fit_is_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    from fourfold.datasets.nifti_images import NiftiImages

    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    image.header["dim"][1:4] = 30000
    header = image.header.copy()
    header["dim"][1:4] = 30000
    content = bytearray(header.binaryblock) + bytes(1000)
    Path(tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match=rf"The volume in '.*a.nii' {NEEDS}"):
        NiftiImages(tmp_path / "a.nii", Images(path="a"))


def test_an_mrd_matrix_that_does_not_fit_is_refused(tmp_path, free):
    pytest.importorskip("ismrmrd", reason="needs the ismrmrd package to write test files")
    from tests.helpers.mrd import MrdHeader, mrd_line, write_mrd

    path = write_mrd(tmp_path / "a.h5", MrdHeader(), [mrd_line(np.ones((3, 32)), ky=ky) for ky in range(20)])
    assert open_scan(path).frames == 1
    free(150_000)
    with pytest.raises(InputError, match=rf"The encoded matrix 32×20×1 of .*, with 3 coils, {NEEDS}"):
        open_scan(path)


def test_info_on_compressed_zeros_takes_little_memory(tmp_path):
    """In a process of its own, whose peak is that of these refusals alone."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", (10**8, 8, 9999, 9999), np.complex64, chunks=(1, 1, 9, 9), compression="gzip")
    (tmp_path / "a.npz").write_bytes(declared((10**8, 8, 9999, 9999), "<c8"))
    sparse_cfl(tmp_path / "a.cfl", (40000, 40000, 1, 8))
    code = f"""
        import json, resource
        from fourfold.errors import InputError
        from fourfold.formats import open_scan
        resource.setrlimit(resource.RLIMIT_AS, (6 * 10**9, resource.RLIM_INFINITY))
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = []
        for name in ("a.h5", "a.npz", "a.cfl"):
            try:
                open_scan({str(tmp_path)!r} + "/" + name).summary()
            except InputError as error:
                said.append(str(error))
        print(json.dumps([said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    message, megabytes = json.loads(done.stdout)
    assert len(message) == 3
    assert all("of memory, more than half of the" in sentence for sentence in message)
    assert megabytes < 100
