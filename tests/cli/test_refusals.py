"""Bad input on the command line: one line that says what to do, status 2, and no file left behind."""

import errno
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from fourfold.cli.main import main
from fourfold.formats import npz as numpy_file
from fourfold.formats import save_scan
from fourfold.formats.registry import image_writers
from fourfold.sampling import make_sampling, undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture(scope="module")
def full() -> Scan:
    return simulate(phantom((64, 48)), coils=4)


@pytest.fixture
def scan(full) -> str:
    """Write a fully sampled scan; return its name."""
    save_scan(full, "scan.npz")
    return "scan.npz"


@pytest.fixture
def under(full) -> str:
    """Write an undersampled scan with 12 calibration lines; return its name."""
    save_scan(undersample(full, "random", 2, lines=12), "under.npz")
    return "under.npz"


@pytest.fixture
def refused(capsys, folder):
    """Run a command that must be refused, and return its sentence."""

    def run(*arguments: str) -> str:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        status = main(list(arguments))
        captured = capsys.readouterr()
        after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert status == 2
        assert captured.out == ""
        assert re.fullmatch(r"fourfold: [^\n]+\n", captured.err), captured.err
        assert before == after
        return captured.err

    return run


def arrays(scan: str, **changes: np.ndarray) -> str:
    """Write a file with the content of `scan` and other ones; return its name."""
    with np.load(scan) as loaded:
        content = {name: loaded[name] for name in ("kspace", "mask")}
    np.savez("bad.npz", **{**content, **changes})
    return "bad.npz"


def kspace_of(scan: str) -> np.ndarray:
    return np.load(scan)["kspace"]


@pytest.mark.usefixtures("scan")
def test_missing_file(refused):
    sentence = refused("recon", "scn.npz")
    assert "no file 'scn.npz'" in sentence
    assert "Did you mean 'scan.npz'?" in sentence


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
@pytest.mark.parametrize("command", ["recon", "info", "compare", "demo"])
def test_truncated_file(suffix, command, refused, full):
    save_scan(full, f"whole{suffix}")
    content = Path(f"whole{suffix}").read_bytes()
    Path(f"whole{suffix}").write_bytes(content[: len(content) // 2])
    assert "truncated" in refused(command, f"whole{suffix}")


def test_unknown_format(refused):
    Path("notes.txt").write_text("not a scan")
    assert "notes.txt" in refused("recon", "notes.txt")


def test_a_folder_is_no_file(refused):
    Path("data").mkdir()
    assert "folder" in refused("recon", "data")


def test_not_a_number_in_kspace(refused, scan):
    kspace = kspace_of(scan)
    kspace[0, 1, 5, 7] = np.nan
    assert "1 samples that are NaN or Inf" in refused("recon", arrays(scan, kspace=kspace))
    kspace[0, 1, 5, 7] = np.inf
    assert "1 samples that are NaN or Inf" in refused("info", arrays(scan, kspace=kspace))


def test_silent_coil(refused, scan):
    kspace = kspace_of(scan)
    kspace[:, 2] = 0
    assert "Coil(s) [2] contain only zeros" in refused("recon", arrays(scan, kspace=kspace))


def test_uncentred_kspace(refused, scan):
    kspace = np.fft.ifftshift(kspace_of(scan), axes=(-2, -1))
    assert "uncentred along ky and kx" in refused("recon", arrays(scan, kspace=kspace))


def test_kspace_without_samples(refused, scan):
    assert "none of them empty" in refused("recon", arrays(scan, kspace=np.zeros((1, 4, 0, 48), np.complex64)))


def test_kspace_that_is_not_complex(refused, scan):
    assert "must be complex64" in refused("recon", arrays(scan, kspace=np.ones((4, 64, 48), np.float32)))


def test_mask_in_the_file_that_does_not_fit(refused, scan):
    sentence = refused("recon", arrays(scan, mask=np.ones((1, 32, 48), bool)))
    assert "(1, 32, 48)" in sentence
    assert "64" in sentence


def test_mask_file_of_another_size(refused, scan, capsys):
    assert main(["mask", "--shape", "32x48", "--lines", "4", "-o", "mask.npz"]) == 0
    capsys.readouterr()
    sentence = refused("recon", scan, "--mask", "mask.npz")
    assert "32" in sentence
    assert "64" in sentence


def test_mask_of_samples_that_were_not_acquired(refused, under):
    np.savez("mask.npz", mask=np.ones((64, 48), bool))
    assert "not acquired" in refused("recon", under, "--mask", "mask.npz")


def test_maps_that_do_not_fit(refused, under):
    np.save("maps.npy", np.ones((4, 32, 48), np.complex64))
    sentence = refused("recon", under, "--maps", "maps.npy")
    assert "(1, 1, 4, 32, 48)" in sentence
    assert "4, 64, 48" in sentence


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("maps.npy", np.ones((4, 64, 48), np.float32), "must be complex"),
        ("maps.npy", np.ones((64, 48), np.complex64), "(coil, y, x)"),
        ("maps.npz", {"sensitivities": np.ones((4, 64, 48))}, "holds sensitivities"),
        ("maps.npz", b"PK\x03\x04 broken", "damaged"),
        ("maps.cfl", np.ones(7, np.complex64), "values"),
    ],
)
def test_maps_of_the_wrong_kind(name, array, words, refused, under):
    if isinstance(array, bytes):
        Path(name).write_bytes(array)
    elif isinstance(array, dict):
        np.savez(name, **array)
    elif name.endswith(".cfl"):
        array.tofile(name)
        Path("maps.hdr").write_text("# Dimensions\n1 64 48 4 1\n")
    else:
        np.save(name, array)
    assert words in refused("recon", under, "--maps", name)


@pytest.mark.parametrize("method", ["cg-sense", "tv", "wavelet", "grappa"])
def test_no_calibration_lines(method, refused, full):
    sampling = make_sampling("regular", full.shape, 2, lines=0)
    save_scan(full.with_sampling(sampling), "bare.npz")
    assert "calibration" in refused("recon", "bare.npz", "--method", method)


@pytest.mark.parametrize("command", [["mask", "--shape", "64x48", "-o", "m.npz"], ["compare", "scan.npz"]])
@pytest.mark.usefixtures("scan")
def test_acceleration_that_cannot_be_met(command, refused):
    assert "acceleration" in refused(*command, "--acceleration", "20", "--lines", "24").lower()


def test_pattern_with_a_typo(refused):
    assert "Did you mean 'poisson-disc'?" in refused("mask", "--shape", "64x48", "--pattern", "poison", "-o", "m.npz")


def test_shape_that_is_none(refused):
    assert "256x256" in refused("mask", "--shape", "64", "-o", "m.npz")


def test_mask_and_pattern_at_once(refused, scan):
    np.savez("mask.npz", mask=np.ones((64, 48), bool))
    assert "give one of them" in refused("compare", scan, "--mask", "mask.npz", "--acceleration", "3")


@pytest.mark.parametrize("output", ["nowhere/image.npz", "image.xyz", "image", "image.dcm"])
def test_unwritable_output_is_refused_before_the_work(output, refused, scan, monkeypatch):
    def unexpected_work(*_):
        raise AssertionError("the output should have been refused first")

    monkeypatch.setattr(numpy_file.NumpyFile, "read", unexpected_work)
    assert output.partition("/")[0] in refused("recon", scan, "--output", output)


def test_output_that_is_the_input(refused, scan):
    assert "is the input" in refused("recon", scan, "-o", scan, "--force")


def test_output_that_is_the_other_file_of_the_input(refused, full):
    save_scan(full, "scan.cfl")
    assert "is the input" in refused("recon", "scan.hdr", "-o", "scan.cfl", "--force")


@pytest.mark.parametrize("how", ["itself", "hard link", "symbolic link"])
@pytest.mark.parametrize("option", ["--mask", "--maps", "--settings", "--trajectory"])
def test_force_protects_every_input(option, how, refused, scan):
    """Each file is what its option asks for by name alone: the output is refused before any is read."""
    given = Path("given.npz")
    given.write_text("method: tv" if option == "--settings" else "precious")
    output = given if how == "itself" else Path("link.npz")
    if how == "hard link":
        output.hardlink_to(given)
    elif how == "symbolic link":
        output.symlink_to(given)
    if option == "--trajectory":
        np.savez("given.npz", trajectory=np.zeros((64, 48, 2)), matrix=(8, 8))
    sentence = refused("recon", scan, option, "given.npz", "-o", str(output), "--force")
    assert sentence == f"fourfold: The output '{output}' is the input 'given.npz' itself: choose another name.\n"


@pytest.mark.parametrize("command", ["compare", "gfactor", "mask"])
def test_force_protects_the_settings_of_every_command(command, refused, scan):
    output = "--report" if command == "compare" else "--output"
    Path("given.png").write_text("seed: 1")
    name = "given.html" if command == "compare" else "given.png"
    Path(name).write_text("seed: 1")
    file = ["--shape", "8x8"] if command == "mask" else [scan]
    method = ["--method", "grappa"] if command == "gfactor" else []
    assert "is the input" in refused(command, *file, *method, "--settings", name, output, name, "--force")


@pytest.mark.parametrize("name", ["mask.cfl", "mask.hdr"])
def test_both_files_of_a_pair_are_protected(name, refused, scan, capsys):
    assert main(["mask", "--shape", "64x48", "--acceleration", "2", "-o", "mask.cfl"]) == 0
    capsys.readouterr()
    assert f"is the input '{name}'" in refused("recon", scan, "--mask", name, "-o", "mask.cfl", "--force")


def test_output_that_exists(refused, scan):
    Path("image.npz").write_text("precious")
    assert "--force" in refused("recon", scan, "-o", "image.npz")


def test_the_other_file_of_an_output_that_is_a_pair_is_not_replaced(refused, scan):
    Path("image.hdr").write_text("precious")
    assert "The output 'image.hdr' exists" in refused("recon", scan, "-o", "image.cfl")


def test_a_link_that_leads_nowhere_is_an_output_that_exists(refused, scan):
    Path("image.npz").symlink_to("later.npz")
    assert "The output 'image.npz' exists" in refused("recon", scan, "-o", "image.npz")


@pytest.mark.parametrize("command", [["demo", "scan.npz"], ["study", "convdecoder", "scan.npz"]])
@pytest.mark.usefixtures("scan")
def test_pages_that_others_have_written_are_not_replaced(command, refused):
    Path("page").mkdir()
    Path("page/index.html").write_text("<html>precious</html>")
    assert "holds 'index.html', which fourfold has not written" in refused(*command, "-o", "page")


def test_full_disk(refused, scan, monkeypatch):
    def full_disk(path, _):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(image_writers(), ".npz", full_disk)
    assert "No space left on device" in refused("recon", scan, "-m", "zero-filled", "-o", "image.npz")


def test_a_refusal_by_the_system(refused, scan):
    Path("taken").write_text("a file where a folder is wanted")
    assert refused("demo", scan, "--output", "taken/page") == "fourfold: Not a directory: 'taken/page'.\n"


@pytest.mark.parametrize(("command", "option"), [("recon", "--method"), ("compare", "--methods")])
def test_method_with_a_typo(command, option, refused, scan):
    assert "Did you mean 'wavelet'?" in refused(command, scan, option, "wavlet")


def test_command_with_a_typo(refused):
    assert 'Did you mean "recon"?' in refused("recno", "scan.npz")


def test_option_with_a_typo(refused, scan):
    assert "Did you mean --weight?" in refused("recon", scan, "--method", "tv", "--wieght", "1")


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("weight", "-1", "greater than or equal to 0"),
        ("weight", "much", "valid number"),
        ("iterations", "1.5", "valid integer"),
        ("iterations", "0", "greater than 0"),
    ],
)
def test_settings_out_of_range_or_of_the_wrong_type(setting, value, words, refused, under):
    sentence = refused("recon", under, "--method", "tv", f"--{setting}", value)
    assert f"'{setting}' of 'tv'" in sentence
    assert words in sentence


def test_setting_of_one_of_several_methods(refused, scan):
    assert "'weight' of 'tv'" in refused("compare", scan, "--tv.weight", "-1")
    assert "Did you mean --tv.weight?" in refused("compare", scan, "--tv.wieght", "1")


def test_method_settings_without_a_method(refused, scan):
    assert "--weight" in refused("recon", scan, "--weight", "1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: tv\nwieght: 1\n", "Did you mean --weight?"),
        ("method: tv\nweight: -1\n", "greater than or equal to 0"),
        ("method: tvv\n", "Did you mean 'tv'?"),
        ("method: [tv\n", "not valid YAML"),
        ("tv\n", "holds no names with values"),
        ("3: 4\n", "holds no names with values"),
        ("method: 3\n", "The method in 'settings.yaml' is 3"),
        ("method: {name: tv}\n", "The method in 'settings.yaml'"),
    ],
)
def test_settings_file(text, words, refused, under):
    Path("settings.yaml").write_text(text)
    assert words in refused("recon", under, "--settings", "settings.yaml")


def test_settings_file_that_is_broken_or_missing(refused, under):
    Path("settings.toml").write_text("method = tv")
    assert "not valid TOML" in refused("recon", under, "--settings", "settings.toml")
    Path("settings.yaml").write_bytes(b"\xff\xfe\x00\x01")
    assert "no text in UTF-8 (byte 0)" in refused("recon", under, "--settings", "settings.yaml")
    assert "none.yaml" in refused("recon", under, "--settings", "none.yaml")


@pytest.mark.parametrize("frames", ["3", "0:9", "2:1", "-1", "one", "1:2:3"])
def test_frames_that_are_not_there(frames, refused, scan):
    assert f"The frames '{frames}'" in refused("recon", scan, f"--frames={frames}")


def test_frame_that_is_not_there(refused, scan):
    assert "The frames '7' were asked for" in refused("compare", scan, "--frame", "7")


def test_more_virtual_coils_than_coils(refused, scan):
    assert "4" in refused("recon", scan, "--coils", "9")


def test_demo_of_undersampled_data(refused, under):
    assert "fourfold recon under.npz" in refused("demo", under)


def test_threads_and_devices(refused, scan):
    assert "0 threads" in refused("recon", scan, "--threads", "0")
    assert "tpu" in refused("recon", scan, "--device", "tpu")
    if not torch.cuda.is_available():
        assert "'cuda'" in refused("recon", scan, "--device", "cuda")


def test_option_of_another_format(refused, scan):
    assert "encoding" in refused("recon", scan, "--encoding", "1")


def test_a_damaged_data_set_inside_a_whole_file(refused, full):
    save_scan(full, "scan.h5")
    with h5py.File("scan.h5", "a") as file:
        del file["kspace"]
    refused("recon", "scan.h5")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("recon", "FILE is missing; 'fourfold recon --help' shows what the command takes."),
        ("recon scan.npz tv", "'tv' is not an option: name a method with --method tv."),
        ("demo scan.npz tv", "'tv' belongs to no option; 'fourfold demo --help' shows"),
        ("recon scan.npz --output", "--output needs a value; 'fourfold recon --help' says which."),
        ("mask -o mask.npz", "--shape needs a value; 'fourfold mask --help' says which."),
        ("study convdecoder scan.npz --crop 3", "--crop needs 2 values and 1 was given;"),
        ("recon scan.npz -m tv -m wavelet", "-m is given more than once: give it once."),
        ("recon scan.npz --coils many", "--coils is 'many'; it must be a whole number."),
        ("mask --shape 8x8 -o mask.npz --acceleration four", "--acceleration is 'four'; it must be a number."),
        ("info scan.npz --frames 3", "Unknown option: --frames. Did you mean --frames-are?"),
        ("compare scan.npz tv wavlet", "Did you mean 'wavelet'?"),
    ],
)
@pytest.mark.usefixtures("scan")
def test_options_that_do_not_fit_are_refused_in_plain_words(arguments, sentence, refused):
    assert sentence in refused(*arguments.split())


def test_a_value_of_the_wrong_kind_in_a_settings_file(refused, scan):
    Path("settings.yaml").write_text("method: tv\ncoils: many\n")
    sentence = refused("recon", scan, "--settings", "settings.yaml")
    assert "coils in 'settings.yaml' is 'many'; it must be a whole number." in sentence


@pytest.mark.parametrize("arguments", [["recon"], ["recon", "a", "b"], ["recon", "scan.npz", "--output"], ["mask"]])
@pytest.mark.usefixtures("scan")
def test_missing_and_surplus_arguments(arguments, refused):
    refused(*arguments)
