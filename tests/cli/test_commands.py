"""The command line: what it does, what it prints where, and that it agrees with the Python interface."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
import yaml

import fourfold
from fourfold.cli.console import progress_bar
from fourfold.cli.main import main
from fourfold.coils.calibration import estimate_maps
from fourfold.formats import load, save_scan
from fourfold.formats import npz as numpy_file
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.registry import methods, quick_methods
from fourfold.sampling import undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate
from fourfold.studies import compare

COMMANDS = ("info", "recon", "compare", "study", "train", "finetune", "gfactor", "trust", "mask", "methods", "demo")


@pytest.fixture(scope="module")
def full() -> Scan:
    """Return three fully sampled slices, 4 coils, 64×48."""
    slices = [simulate(phantom((64, 48)), coils=4, snr=40.0, seed=seed).kspace for seed in range(3)]
    return Scan(torch.cat(slices))


@pytest.fixture(scope="module")
def under(full) -> Scan:
    """Return the same slices, undersampled with 12 calibration lines."""
    return undersample(full, "random", 2.0, lines=12)


def run(capsys, *arguments: str | Path) -> tuple[str, str]:
    """Run a command that must succeed; return its stdout and stderr."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out, captured.err


def image_of(path: str) -> torch.Tensor:
    return torch.from_numpy(np.load(path)["image"])


def record_of(path: str) -> dict:
    return json.loads(str(np.load(path)["record"]))


def test_the_overview_names_every_command(capsys):
    printed, _ = run(capsys, "--help")
    assert all(re.search(rf"│ {command}\b", printed) for command in COMMANDS)


def test_version(capsys):
    assert run(capsys, "--version")[0].strip() == fourfold.__version__


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command, capsys):
    printed, _ = run(capsys, command, "--help")
    options = re.findall(r"^│ \*? +(--.*?)│$|^│ (--.*?)│$", printed, flags=re.MULTILINE)
    assert options
    for line in ("".join(option) for option in options):
        assert re.search(r"\S  +\S", line.strip()), f"no explanation: {line}"


@pytest.mark.parametrize("name", methods())
def test_a_method_s_settings_become_flags_with_their_docstrings(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    printed, _ = run(capsys, "recon", "--method", name, "--help")
    flags = re.findall(r"^│ \*? *--([a-z-]+)", printed, flags=re.MULTILINE)
    assert len(flags) == len(set(flags)), "a setting has the name of one of the command's own options"
    text = " ".join(re.sub("[│\n]", " ", printed).split())
    for setting, field in methods()[name].model_fields.items():
        assert setting.replace("_", "-") in flags
        assert " ".join(field.description.replace("`", "").split())[:40] in text


def test_methods_lists_names_and_defaults(capsys):
    printed, _ = run(capsys, "methods")
    assert all(name in printed for name in methods())
    schema = json.loads(run(capsys, "methods", "--json")[0])
    assert schema["tv"]["properties"]["weight"]["default"] == TotalVariation().weight


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
def test_recon_equals_the_python_interface_on_every_format(suffix, under, capsys):
    save_scan(under, f"scan{suffix}")
    out, _ = run(capsys, "recon", f"scan{suffix}", "--method", "tv", "--iterations", "5", "-o", "image.npz")
    assert "image.npz" in out
    expected = TotalVariation(iterations=5)(load(f"scan{suffix}")).image
    torch.testing.assert_close(image_of("image.npz"), expected)


def test_recon_takes_frames_one_at_a_time(under, capsys, monkeypatch):
    save_scan(under, "scan.npz")
    taken = []
    read = numpy_file.NumpyFile.read
    monkeypatch.setattr(
        numpy_file.NumpyFile, "read", lambda self, frames: taken.append(list(frames)) or read(self, frames)
    )
    run(capsys, "recon", "scan.npz", "--method", "zero-filled", "-o", "image.npz")
    assert {len(frames) for frames in taken} == {1}
    assert image_of("image.npz").shape[0] == 3


def test_recon_of_a_volume_takes_little_more_memory_than_of_one_frame():
    frames, coils, size = 32, 8, 256
    kspace = torch.randn(coils, size, size, dtype=torch.complex64).expand(frames, -1, -1, -1)
    save_scan(Scan(kspace), "scan.h5")
    program = """
import resource, sys
from fourfold.cli.console import progress_bar
from fourfold.cli.main import main
assert main(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

    def peak(*options: str) -> int:
        arguments = ["recon", "scan.h5", "--method", "zero-filled", "-o", "image.npz", "--force", *options]
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1]) * 1024

    volume = kspace.numel() * kspace.element_size()
    assert peak() - peak("--frames", "0") < volume / 2


@pytest.mark.parametrize(("text", "frames"), [("1", [1]), ("1:3", [1, 2]), ("1:", [1, 2]), (":2", [0, 1])])
def test_recon_of_some_frames(text, frames, full, capsys):
    save_scan(full, "scan.npz")
    run(capsys, "recon", "scan.npz", "--method", "zero-filled", "--frames", text, "-o", "image.npz")
    torch.testing.assert_close(image_of("image.npz"), ZeroFilled()(full).image[frames])


def test_quick_recon_without_a_method_says_which_and_why_and_writes_nifti(under, capsys):
    save_scan(under.frame(0), "scan.npz")
    out, err = run(capsys, "recon", "scan.npz", "--quick")
    assert re.match(r"The method 'wavelet' was chosen: 4 coils at 2\.0× with calibration lines", err)
    assert "scan_wavelet.nii.gz" in out
    image = np.asarray(nibabel.load("scan_wavelet.nii.gz").dataobj)
    expected = Wavelet()(under.frame(0)).magnitude
    assert sorted(image.shape) == sorted(expected.shape)
    assert np.corrcoef(np.sort(image.ravel()), np.sort(expected.numpy().ravel()))[0, 1] > 0.9999


def test_json_alone_stands_on_stdout(under, capsys):
    save_scan(under, "scan.npz")
    out, _ = run(capsys, "recon", "scan.npz", "--method", "tv", "--iterations", "3", "--json")
    record = json.loads(out)
    assert record["output"] == "scan_tv.nii.gz"
    assert record["shape"] == [3, 64, 48]
    assert record["frames"] == [0, 1, 2]
    assert record["method"] == "tv"
    assert record["settings"]["iterations"] == 3
    assert record["iterations"] == 9
    assert record["seconds"] > 0
    assert record["sampling"]["acceleration"] == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tv.yaml", "method: tv\nweight: 0.5\niterations: 4\n"),
        ("tv.toml", 'method = "tv"\nweight = 0.5\niterations = 4\n'),
    ],
)
def test_settings_come_from_a_file_and_flags_win(name, text, under, capsys):
    save_scan(under.frame(0), "scan.npz")
    Path(name).write_text(text)
    run(capsys, "recon", "scan.npz", "--settings", name, "--weight", "0.25", "-o", "image.npz")
    settings = record_of("image.npz")["settings"]
    assert (settings["weight"], settings["iterations"]) == (0.25, 4)


def test_the_command_s_own_options_come_from_a_file_too(full, capsys):
    save_scan(full, "scan.npz")
    Path("run.yaml").write_text(yaml.safe_dump({"method": "zero-filled", "frames": "1:2", "output": "image.npz"}))
    run(capsys, "recon", "scan.npz", "--settings", "run.yaml")
    assert image_of("image.npz").shape[0] == 1


def test_recon_with_a_mask_from_a_file(full, capsys):
    save_scan(full.frame(0), "scan.npz")
    run(capsys, "mask", "--shape", "64x48", "--pattern", "poisson-disc", "--box", "12", "12", "-o", "mask.npz")
    run(capsys, "recon", "scan.npz", "--mask", "mask.npz", "--method", "zero-filled", "-o", "image.npz")
    sampling = record_of("image.npz")["sampling"]
    assert sampling["kind"] == "poisson-disc"
    assert sampling["acceleration"] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".cfl"])
def test_recon_with_coil_maps_from_a_file(suffix, under, capsys):
    scan = under.frame(0)
    maps = estimate_maps(scan).flip(3)  # unlike those that the method would estimate
    if suffix == ".npy":
        np.save("maps.npy", maps[0, 0].numpy())
    elif suffix == ".npz":
        np.savez("maps.npz", coil_maps=maps.numpy())
    else:
        maps[0].permute(0, 1, 3, 2).numpy().tofile("maps.cfl")
        Path("maps.hdr").write_text("# Dimensions\n1 64 48 4 1\n")
    save_scan(scan, "scan.npz")
    run(capsys, "recon", "scan.npz", "--maps", f"maps{suffix}", "--method", "cg-sense", "-o", "image.npz")
    expected = methods()["cg-sense"]()(scan.replace(coil_maps=maps)).image
    torch.testing.assert_close(image_of("image.npz"), expected)
    assert not torch.allclose(expected, methods()["cg-sense"]()(scan).image)


def test_the_noise_scan_is_used_with_a_note(under, capsys):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4, 4000, dtype=torch.complex64, generator=generator) * torch.tensor([1, 2, 3, 4])[:, None]
    save_scan(under.frame(0).replace(noise=noise), "scan.npz")
    _, err = run(capsys, "recon", "scan.npz", "--method", "zero-filled", "-o", "white.npz")
    assert "noise was made white" in err
    assert "noise was made white" in record_of("white.npz")["notes"][0]
    _, err = run(capsys, "recon", "scan.npz", "--method", "zero-filled", "--no-prewhiten", "-o", "raw.npz")
    assert err == ""
    torch.testing.assert_close(image_of("raw.npz"), ZeroFilled()(under.frame(0)).image)
    assert not torch.allclose(image_of("white.npz"), image_of("raw.npz"))


def test_prewhitening_without_a_noise_scan_says_where_the_noise_is_from(full, capsys):
    save_scan(full.frame(0), "scan.npz")
    _, err = run(capsys, "recon", "scan.npz", "--method", "zero-filled", "--prewhiten")
    assert "corners of k-space" in err


def test_coil_compression_keeps_the_image(full, capsys):
    save_scan(full.frame(0), "scan.npz")
    run(capsys, "recon", "scan.npz", "--method", "zero-filled", "--coils", "3", "-o", "image.npz")
    expected = ZeroFilled()(full.frame(0)).image
    assert torch.linalg.norm(image_of("image.npz") - expected) < 0.1 * torch.linalg.norm(expected)


def test_recon_writes_a_page(under, capsys):
    save_scan(under, "scan.npz")
    run(capsys, "recon", "scan.npz", "--method", "zero-filled", "--report", "page.html")
    assert "frame 1" in Path("page.html").read_text()


def test_pages_of_ensembles_show_their_members(full, under, capsys):
    tiny = {"members": "2", "iterations": "4", "channels": "4", "layers": "3", "weight": "0.002"}
    save_scan(under.frame(0), "scan.npz")
    flags = [part for name, value in tiny.items() for part in (f"--{name}", value)]
    run(capsys, "recon", "scan.npz", "--method", "convdecoder", *flags, "--report", "page.html")
    page = Path("page.html").read_text()
    assert "ConvDecoder: 2 members" in page
    assert "Held-out error of each member" in page
    assert "Mean of 2 members" not in page
    save_scan(full.frame(0), "full.npz")
    flags = [part for name, value in tiny.items() for part in (f"--convdecoder.{name}", value)]
    pattern = ("--acceleration", "2", "--lines", "12")
    run(capsys, "compare", "full.npz", "--methods", "convdecoder", *flags, *pattern, "--report", "both.html")
    assert "Mean of 2 members" in Path("both.html").read_text()


def test_existing_output_is_replaced_with_force_only(full, capsys):
    save_scan(full.frame(0), "scan.npz")
    Path("image.npz").write_text("precious")
    assert main(["recon", "scan.npz", "-m", "zero-filled", "-o", "image.npz"]) == 2
    assert Path("image.npz").read_text() == "precious"
    run(capsys, "recon", "scan.npz", "-m", "zero-filled", "-o", "image.npz", "--force")
    assert image_of("image.npz").shape == (1, 64, 48)


def test_info_shows_what_the_file_holds(under, capsys):
    save_scan(under, "scan.npz")
    facts = json.loads(run(capsys, "info", "scan.npz", "--json")[0])
    assert (facts["frames"], facts["coils"], facts["matrix"]) == (3, 4, [64, 48])
    assert facts["method_chosen"] == "wavelet"
    printed, _ = run(capsys, "info", "scan.npz")
    assert re.search(r"matrix +64 × 48", printed)
    assert re.search(r"acceleration 2\b", printed)


def test_compare_prints_the_scores_that_python_computes(full, capsys):
    save_scan(full, "scan.npz")
    arguments = ("compare", "scan.npz", "--methods", "tv,zero-filled", "--tv.iterations", "4", "--lines", "12")
    output = json.loads(
        run(capsys, *arguments, "--acceleration", "2", "--frame", "1", "--metrics", "psnr", "--json")[0]
    )
    expected = compare(
        full.frame(1),
        [TotalVariation(iterations=4), ZeroFilled()],
        undersample(full, "random", 2.0, lines=12).sampling,
        ["psnr"],
    )
    assert [row["method"] for row in output["results"]] == ["tv", "zero-filled"]
    for row, entry in zip(output["results"], expected.entries, strict=True):
        assert row["scores"]["psnr"] == pytest.approx(entry.scores["psnr"])


def test_compare_takes_settings_of_several_methods_from_a_file(full, capsys):
    save_scan(full.frame(0), "scan.npz")
    Path("all.yaml").write_text("methods: [tv, wavelet]\ntv: {iterations: 2}\nwavelet: {iterations: 3}\nlines: 12\n")
    output = json.loads(run(capsys, "compare", "scan.npz", "--settings", "all.yaml", "--tv.weight", "0.5", "--json")[0])
    assert [row["iterations"] for row in output["results"]] == [2, 3]
    assert output["results"][0]["settings"]["weight"] == 0.5
    assert output["sampling"]["acs_shape"][0] >= 12


def test_compare_of_undersampled_data_has_no_scores(under, capsys):
    save_scan(under.frame(0), "scan.npz")
    out, _ = run(capsys, "compare", "scan.npz", "--methods", "zero-filled", "--report", "page.html")
    assert "undersampled as acquired" in out
    assert "psnr" not in out
    assert Path("page.html").exists()


def test_demo_on_a_file_of_one_s_own(full, capsys):
    save_scan(full, "scan.npz")
    out, _ = run(capsys, "demo", "scan.npz")
    assert all(name in out for name in quick_methods(full.frame(0)))
    assert "homodyne" not in out
    assert "fourfold-demo/index.html" in out
    assert "<html" in Path("fourfold-demo/index.html").read_text()


def test_demo_says_that_the_sample_is_simulated(capsys, monkeypatch):
    small = simulate(phantom((48, 40)), coils=4)
    monkeypatch.setattr("fourfold.simulation.sample.sample", lambda: small)
    out, err = run(capsys, "demo", "--output", "here")
    assert "simulated" in err
    assert "simulated" in out
    assert "simulated" in Path("here/index.html").read_text()


@pytest.mark.parametrize(("suffix", "shape"), [(".npz", (1, 32, 24)), (".npy", (1, 32, 24))])
def test_the_mask_command_writes_a_mask_and_prints_its_facts(suffix, shape, capsys):
    out, _ = run(capsys, "mask", "--shape", "32×24", "--lines", "4", "-o", f"mask{suffix}", "--json")
    loaded = np.load(f"mask{suffix}")
    pattern = loaded if suffix == ".npy" else loaded["mask"]
    assert pattern.shape == shape
    assert json.loads(out)["acceleration"] == pytest.approx(pattern.size / pattern.sum(), rel=1e-3)


def test_progress_is_shown_where_it_is_asked_for(under, capsys, monkeypatch):
    save_scan(under.frame(0), "scan.npz")
    arguments = ("recon", "scan.npz", "--method", "tv", "--iterations", "3", "--force")
    monkeypatch.setattr("fourfold.cli.console.BETWEEN_LINES", float("inf"))
    assert run(capsys, *arguments)[1] == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "frame 0 (1 of 1): Total variation" in run(capsys, *arguments)[1]


def test_progress_off_a_terminal_is_a_line_every_ten_seconds(capsys, monkeypatch):
    """A clock that stands at 0, 9, 10, 15 and 20 seconds."""
    clock = iter([0.0, 9.0, 10.0, 10.0, 15.0, 20.0, 20.0])
    monkeypatch.setattr("fourfold.cli.console.time.monotonic", lambda: next(clock))
    with progress_bar() as show:
        for fraction, words in ((0.1, "first"), (0.2, "second"), (0.3, "third"), (0.4, "fourth")):
            show(fraction, words)
    assert capsys.readouterr().err == " 20 %  second\n 40 %  fourth\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_settings_file_is_an_option_where_it_applies(command, capsys):
    """Commands whose argument is a settings file, and those without settings, have none beside it."""
    printed = run(capsys, command, "--help")[0]
    assert ("--settings" in printed) == (command in ("recon", "compare", "study", "gfactor", "trust", "mask"))


def test_compare_takes_names_as_words_as_options_and_from_a_file(full, capsys):
    save_scan(full, "scan.npz")
    Path("methods.yaml").write_text("methods: [zero-filled, cg-sense]")
    ways = (["zero-filled", "cg-sense"], ["--methods", "zero-filled,cg-sense"], ["zero-filled,cg-sense"],
            ["--settings", "methods.yaml"], ["zero-filled", "--methods", "cg-sense,zero-filled"])  # fmt: skip
    for way in ways:
        comparison = json.loads(run(capsys, "compare", "scan.npz", *way, "--json")[0])
        assert [entry["method"] for entry in comparison["results"]] == ["zero-filled", "cg-sense"]


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        ("--help", "torch numpy h5py"),
        ("methods --help", "torch h5py nibabel"),
        ("weights list", "torch h5py nibabel"),
        ("weights verify --help", "torch h5py nibabel"),
        ("recon --help", "torch nibabel"),
        ("gfactor --help", "torch nibabel"),
        ("mask --help", "torch nibabel"),
        ("demo --help", "torch nibabel"),
        ("export --help", "torch nibabel"),
        ("train --help", "torch nibabel"),
        ("finetune --help", "torch nibabel"),
        ("study transfer --help", "torch nibabel"),
        ("study losses --help", "torch nibabel"),
        ("study shift --help", "torch nibabel"),
        ("info --help", "torch nibabel"),
        ("info scan.npz", "torch nibabel scipy.fft fourfold.methods.untrained fourfold.methods.trained"),
        ("info scan.h5", "torch nibabel"),
        ("info scan.cfl", "torch nibabel"),
    ],
)
def test_commands_start_without_what_they_do_not_need(command, absent, under):
    for suffix in (".npz", ".h5", ".cfl"):
        save_scan(under.frame(0), f"scan{suffix}")
    program = (
        "import sys; from fourfold.cli.main import main; status = main(sys.argv[1].split());"
        "sys.exit(status or ' '.join(set(sys.argv[2].split()) & set(sys.modules)))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, command, absent], capture_output=True, text=True, check=False
    )
    assert completed.stderr.strip() == ""


def test_an_interruption_leaves_nothing_behind(under, capsys, monkeypatch, folder):
    save_scan(under, "scan.npz")
    solve = ZeroFilled.solve
    calls = iter(range(9))

    def interrupted(self, scan, progress):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return solve(self, scan, progress)

    monkeypatch.setattr(ZeroFilled, "solve", interrupted)
    status = main(["recon", "scan.npz", "--method", "zero-filled", "-o", "image.npz", "--report", "page.html"])
    assert status == 130
    assert re.fullmatch(r"fourfold: Interrupted[^\n]*\n", capsys.readouterr().err)
    assert [path.name for path in folder.iterdir()] == ["scan.npz"]


def test_ctrl_c_ends_a_real_run_in_one_line(under, folder):
    save_scan(under, "scan.npz")
    command = "recon scan.npz --method tv --weight 0.002 --iterations 1000000 --tolerance 0 -o image.npz"
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from fourfold.cli.main import main; sys.exit(main())", *command.split()],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FORCE_COLOR": "1"},
        # A suite that runs in the background of a shell hands down that interruptions are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    printed = ""
    while "iteration" not in printed:
        printed += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    rest = process.communicate()[1]
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert "fourfold: Interrupted" in rest
    assert [path.name for path in folder.iterdir()] == ["scan.npz"]


def test_a_closed_pipe_is_no_error():
    program = "from fourfold.cli.main import main; raise SystemExit(main(['methods', '--json']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr.read() == ""


def test_a_fault_of_fourfold_keeps_its_traceback(full, monkeypatch):
    save_scan(full.frame(0), "scan.npz")

    def broken(*_):
        raise RuntimeError("a fault")

    monkeypatch.setattr(ZeroFilled, "solve", broken)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["recon", "scan.npz", "--method", "zero-filled"])


@pytest.mark.parametrize(
    "name",
    ["ismrmrd/meas_MID00349_FID09273_SNR_R3.h5", "bart_cfl/und2x2.cfl", "bart_cfl/smallfov.cfl"],
)
def test_recon_works_on_real_files(name, data, capsys):
    out, _ = run(capsys, "recon", data / "formats" / name, "--method", "zero-filled", "--json")
    assert nibabel.load(json.loads(out)["output"]).get_fdata().max() > 0


def test_all_members_are_written_as_the_fourth_dimension(full, tmp_path, capsys):
    raw = tmp_path / "raw.npz"
    save_scan(undersample(full, "random", 2, seed=0, centre=0.2), raw)
    command = ["recon", str(raw), "--method", "diffusion", "--denoiser", "tv", "--members", "2", "--steps", "2"]
    output, members = tmp_path / "image.nii.gz", tmp_path / "members.nii.gz"
    assert main([*command, "-o", str(output), "--members-file", str(members)]) == 0
    image, each = (nibabel.load(path).get_fdata() for path in (output, members))
    assert image.shape == (48, 64, 3)
    assert each.shape == (48, 64, 3, 2)
    assert np.allclose(each.mean(axis=3), image, rtol=1e-4, atol=1e-5 * image.max())
    assert not np.allclose(each[..., 0], each[..., 1], rtol=1e-2)
    assert main([*command, "--point", "--members-file", str(tmp_path / "none.nii.gz")]) == 2
    assert "makes one image, with these settings, and no members" in capsys.readouterr().err
