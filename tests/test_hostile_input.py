"""Names, labels and files that mean harm or are no files: refused or shown as they are, never obeyed."""

import csv
import io
import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from rich.table import Table

import fourfold as ff
from fourfold.cli import console
from fourfold.cli.main import main
from fourfold.cli.text import json_safe, printable
from fourfold.errors import InputError, short_repr
from fourfold.files.csv_rows import write_csv
from fourfold.files.documents import parse_json, read_json, read_settings, read_yaml
from fourfold.files.input import check_file, read_text
from fourfold.files.output import check_target
from fourfold.formats import open_scan, read_maps, save, save_scan, writer
from fourfold.result_cache import CacheKey, ResultCache
from fourfold.sampling import make_sampling, read_sampling, write_sampling
from fourfold.scan import Source
from fourfold.simulation.simulate import phantom, simulate
from fourfold.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fourfold.training.log import LOSSES, Log
from fourfold.weights.state_dict import read_weights, write_weights
from fourfold.weights.weight_files import read_manifest

ESCAPE = "\x1b]0;owned\x07\x1b[31m\x9b2J"
TURNED = "\u202egnp.exe"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scan():
    return simulate(phantom((32, 24)), coils=2)


# What reaches a terminal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("knee 4× – ü 軸 →", "knee 4× – ü 軸 →"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        (TURNED, r"\u202egnp.exe"),
        ("\u2028\udcff", r"\u2028\udcff"),
    ],
)
def test_text_cannot_control_a_terminal(text, expected):
    assert printable(text) == expected
    assert json.loads(json_safe(json.dumps([text], ensure_ascii=False))) == [text]
    assert "\x9b" not in json_safe(json.dumps([text], ensure_ascii=False))


def control_characters(text):
    return [character for character in text if character != "\n" and printable(character) != character]


def test_no_output_of_the_command_line_controls_the_terminal(scan, capsys):
    name = f"{ESCAPE}{TURNED}.npz"
    save_scan(scan.replace(source=Source(label=name)), name)
    for arguments, status in (
        (["info", name], 0),
        (["info", name, "--json"], 0),
        (["info", f"{ESCAPE}.npz"], 2),
        (["recon", name, "-m", ESCAPE], 2),
        (["recon", name, "-m", "zero-filled", "-o", f"{ESCAPE}.nii"], 0),
        (["compare", name, "--methods", "zero-filled", "--acceleration", "2"], 0),
        ([ESCAPE], 2),
        (["recon", name, f"--{ESCAPE}"], 2),
    ):
        assert main(arguments) == status
        captured = capsys.readouterr()
        assert not control_characters(captured.out)
        assert not control_characters(captured.err)
        assert "x1b" in captured.out + captured.err or "u001b" in captured.out + captured.err


def test_cells_of_tables_are_no_markup(capsys):
    table = Table(f"head {ESCAPE}", "other [red]x[/red]")
    table.add_row(f"{ESCAPE} [bold]b[/bold] :smile:", "[link=file:///etc/passwd]l[/link]")
    console.print_table(table)
    shown_table = capsys.readouterr().out
    assert not control_characters(shown_table)
    for text in ("[bold]b[/bold]", ":smile:", "[red]x[/red]", "[link=file:///etc/passwd]l[/link]", r"\x1b[31m"):
        assert text in shown_table


def test_progress_is_no_markup(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with console.progress_bar() as show:
        show(0.5, f"[blink]name[/blink] {ESCAPE}")
    assert "[blink]name[/blink]" in stream.getvalue()
    assert r"\x1b]0;owned" in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()


def test_a_refusal_is_not_longer_than_a_screen(capsys):
    Path("settings.yaml").write_text("method: " + "x" * 100_000)
    save_scan(simulate(phantom((16, 16)), coils=1), "a.npz")
    assert main(["recon", "a.npz", "--settings", "settings.yaml"]) == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("fourfold: There is no method")
    assert len(sentence) < 2100


def test_long_values_are_cut_in_sentences():
    assert len(short_repr([["x" * 1000] * 1000] * 1000)) < 2000
    assert short_repr(0.5) == "0.5"
    with pytest.raises(InputError) as error:
        ff.TotalVariation(weight=["x" * 1000] * 100_000)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["stream", "locale"],
)
def test_output_in_ascii(scan, variables):
    save_scan(scan.replace(source=Source(label="knie ü")), "ü.npz")
    program = "import sys; from fourfold.cli.main import main; sys.exit(main(sys.argv[1:]))"

    def run(*arguments):
        environment = {**os.environ, **variables}
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("ascii")

    table = run("compare", "ü.npz", "--methods", "zero-filled", "--acceleration", "2")
    assert "2.00x" in table
    assert r"knie \xfc" in table
    assert json.loads(run("info", "ü.npz", "--json"))["path"].endswith(".npz")
    # Files are UTF-8 whatever the locale says: JSON, the manifest of weights among it.
    assert "brain-varnet" in run("weights", "verify", "brain-varnet")


def test_text_files_are_utf8_in_any_locale():
    """The sources name the encoding wherever they read or write text."""
    root = Path(ff.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for call in (".read_text(", ".write_text("):
            for part in text.split(call)[1:]:
                assert "encoding=" in part[: part.index("\n")] or "def " in text[: text.index(call)], path


# Tables for spreadsheets


def test_no_cell_of_a_table_is_a_formula():
    rows = [
        {"scan": "=HYPERLINK(1)", "=cmd|x": -1.5, "method": "-tv", "n": 3, "none": None},
        {"scan": "+1", "=cmd|x": 2, "method": "@SUM(A1)", "n": "\tx", "none": "\rx"},
    ]
    write_csv(Path("a.csv"), rows)
    with Path("a.csv").open(newline="", encoding="utf-8") as file:
        header, *cells = csv.reader(file)
    assert header == ["scan", "'=cmd|x", "method", "n", "none"]
    # Numbers stay numbers, negative ones too.
    assert cells == [["'=HYPERLINK(1)", "-1.5", "'-tv", "3", ""], ["'+1", "2", "'@SUM(A1)", "'\tx", "'\rx"]]


def test_names_that_are_no_text_are_written_as_code(scan):
    name = os.fsdecode(b"\xff<b>.npz")
    save_scan(scan, name)
    assert main(["compare", name, "--methods", "zero-filled", "--acceleration", "2", "--report", "a.html"]) == 0
    page = Path("a.html").read_text(encoding="utf-8")
    assert r"\udcff&lt;b&gt;" in page
    assert "\udcff" not in page
    write_csv(Path("a.csv"), [{"scan": name}])
    assert r"\udcff<b>.npz" in Path("a.csv").read_text(encoding="utf-8")


# YAML, TOML and JSON

NESTED_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "weight: 1\nmethod: tv\nweight: 2\n", "the name 'weight' is given twice, again in line 3"),
        ("a.yaml", "a: {b: {c: 1, d: 2, c: 3}}\n", "the name 'c' is given twice"),
        ("a.yaml", "a: [{b: 1, b: 1}]\n", "the name 'b' is given twice"),
        ("a.yaml", NESTED_ALIASES, "with its aliases it stands for more than 100,000 values"),
        ("a.yaml", "a: &a [*a]\n", "with its aliases it stands for more than 100,000 values"),
        ("a.yaml", "a: &a {b: *a}\n", "with its aliases it stands for more than 100,000 values"),
        ("a.yaml", "a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a.yaml", "a: 2020-99-99\n", "month must be in"),
        ("a.yaml", "a: !!python/object/apply:os.system ['touch owned']\n", "could not determine a constructor"),
        ("a.toml", "a = 1\na = 2\n", "Cannot overwrite a value"),
        ("a.toml", "a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_settings_that_do_not_mean_one_thing_are_refused(name, text, words):
    Path(name).write_text(text)
    with pytest.raises(InputError, match=f"The file '{name}' is not valid .*{words}") as error:
        read_settings(Path(name))
    assert len(str(error.value)) < 500
    assert not Path("owned").exists()


def test_a_yaml_alias_is_read():
    Path("a.yaml").write_text("a: &mask {acceleration: 4}\nb: *mask\nc: {<<: *mask, lines: 8}\n")
    settings = read_yaml(Path("a.yaml"))
    assert settings == {"a": {"acceleration": 4}, "b": {"acceleration": 4}, "c": {"acceleration": 4, "lines": 8}}
    Path("empty.yaml").write_text("# nothing\n")
    assert read_yaml(Path("empty.yaml")) is None


@pytest.mark.parametrize("command", [["recon", "a.npz", "--settings"], ["train"], ["study", "shift"]])
def test_every_command_reads_settings_strictly(command, scan, capsys):
    save_scan(scan, "a.npz")
    Path("a.yaml").write_text("name: x\nname: y\n")
    assert main([*command, "a.yaml", "-o", "out.npz"]) == 2
    assert "the name 'name' is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [('{"a": 1, "a": 2}', "the name 'a' is given twice"), ("[" * 100_000, "nested too deeply"), ("{", "not valid")],
)
def test_json_that_does_not_mean_one_thing_is_refused(text, words):
    with pytest.raises(InputError, match=f"It is not valid JSON: .*{words}|It is not valid JSON: Expecting"):
        parse_json(text, "It")
    Path("manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json' is not valid JSON"):
        read_manifest(".")
    np.savez("a.npz", kspace=np.ones((2, 8, 8), np.complex64), fourfold=text)
    with pytest.raises(InputError, match=r"'a\.npz'"):
        open_scan("a.npz")


# What is no file


@pytest.fixture
def no_files():
    """Make a pipe, a socket, a link to a device and links that lead nowhere; return their names."""
    os.mkfifo("pipe.npz")
    socket.socket(socket.AF_UNIX).bind("socket.npz")
    Path("device.npz").symlink_to("/dev/zero")
    Path("loop.npz").symlink_to("loop.npz")
    Path("dangling.npz").symlink_to("gone.npz")
    return {
        "pipe.npz": "is a pipe, not a file",
        "socket.npz": "is a socket, not a file",
        "device.npz": "is a device, not a file",
        "loop.npz": "is a link to 'loop.npz', which leads to no file",
        "dangling.npz": "is a link to 'gone.npz', which leads to no file",
    }


@pytest.mark.parametrize("read", [check_file, read_text, open_scan, read_maps, read_sampling, read_yaml, read_json])
def test_what_is_no_file_is_refused(no_files, read):
    for name, words in no_files.items():
        with pytest.raises(InputError, match=f"'{name}' {words}") as error:
            read(Path(name))
        assert "Did you mean" not in str(error.value)


def test_the_other_file_of_a_pair_must_be_one_too():
    Path("a.cfl").write_bytes(bytes(64))
    os.mkfifo("a.hdr")
    Path("b.hdr").write_text("# Dimensions\n2 2 1 2\n")
    os.mkfifo("b.cfl")
    for name in ("a", "b"):
        for read in (open_scan, read_maps, read_sampling):
            with pytest.raises(InputError, match=f"'{name}.(hdr|cfl)' is a pipe"):
                read(Path(f"{name}.cfl"))


def point_elsewhere(kind, name, array):
    """Write `a.h5`, whose data set `name` of this array lies in other.h5 (or, as storage, in secret.bin)."""
    with h5py.File("other.h5", "w") as file:
        file["values"] = array
    Path("secret.bin").write_bytes(array.tobytes())
    with h5py.File("a.h5", "w") as file:
        if kind == "link":
            file[name] = h5py.ExternalLink("other.h5", "values")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(array.shape, array.dtype)
            layout[...] = h5py.VirtualSource("other.h5", "values", array.shape)
            file.create_virtual_dataset(name, layout)
        else:
            file.create_dataset(name, array.shape, array.dtype, external=[("secret.bin", 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("link", "holds a link '(dataset/)?{}' to another file, 'other.h5'; .* inside the file itself: give that file"),
        ("virtual", "data set '(dataset/)?{}' of 'a.h5' stores its samples in another file, 'other.h5'; .*h5repack"),
        ("storage", "data set '(dataset/)?{}' of 'a.h5' stores its samples in another file, 'secret.bin'; .*h5repack"),
    ],
)
def test_no_file_is_read_that_an_hdf5_file_points_to(kind, words):
    """Whatever data set lies elsewhere, none is read, for it may be any file of this computer."""
    kspace = (np.random.default_rng(0).normal(size=(1, 2, 16, 16)) + 1j).astype(np.complex64)
    point_elsewhere(kind, "kspace", kspace)
    for name in ("other.h5", "secret.bin"):
        Path(name).unlink()
        os.mkfifo(name)  # to open it would never end
    for read in (open_scan, read_sampling):
        with pytest.raises(InputError, match=words.format("kspace")):
            read("a.h5")
    for name in ("mask", "coil_maps", "reconstruction_rss", "ismrmrd_header", "dataset/data", "dataset/xml"):
        for other in ("other.h5", "secret.bin"):
            Path(other).unlink(missing_ok=True)
        point_elsewhere(kind, name, np.ones(16, np.uint8))
        with h5py.File("a.h5", "a") as file:
            file["kspace"] = kspace
        with pytest.raises(InputError, match=words.format(name.removeprefix("dataset/"))):
            open_scan("a.h5")


def test_what_points_into_the_same_file_is_read():
    kspace = (np.random.default_rng(0).normal(size=(1, 2, 16, 16)) + 1j).astype(np.complex64)
    with h5py.File("a.h5", "w") as file:
        file["values"] = kspace
        layout = h5py.VirtualLayout(kspace.shape, np.complex64)
        layout[...] = h5py.VirtualSource(".", "values", kspace.shape)
        file.create_virtual_dataset("kspace", layout)
    with h5py.File("b.h5", "w") as file:
        file["values"] = kspace
        file["kspace"] = h5py.SoftLink("/values")
    for name in ("a.h5", "b.h5"):
        assert np.array_equal(open_scan(name)[0].kspace, kspace)


def test_weights_and_checkpoints_must_be_files():
    os.mkfifo("manifest.json")
    with pytest.raises(InputError, match="is a pipe"):
        read_manifest(".")
    os.mkfifo("last.ckpt")
    with pytest.raises(InputError, match="is a pipe"):
        read_checkpoint(Path("last.ckpt"))


def test_no_pipe_or_device_is_replaced_by_an_output():
    os.mkfifo("a.npz")
    with pytest.raises(InputError, match=r"'a\.npz' is a pipe, a socket or a device: name a file"):
        check_target("a.npz", (".npz",))


def test_a_text_of_another_encoding_is_refused():
    Path("a.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(InputError, match=r"'a.yaml' is no text in UTF-8 \(byte 6\): save it as UTF-8"):
        read_yaml(Path("a.yaml"))


# A full disk

LIMIT = 600


@pytest.fixture
def full_disk():
    """Let the system refuse to write more than some hundred bytes into one file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def image():
    """Return an image whose file exceeds the limit in every format."""
    noise = torch.randn(1, 2, 64, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    return ff.ZeroFilled()(ff.Scan(noise))


def stream(path, image):
    with writer(path) as volume:
        volume.add(image)


def write_page(path, image):  # noqa: ARG001  # of one kind with the others
    scan = simulate(phantom((32, 24)), coils=2)
    ff.write_report(ff.compare(scan, ["zero-filled"], sampling=make_sampling("random", (32, 24), 2)), path)


def write_folder_of_weights(path, image):
    state = {"a": image.image.real}
    known = {"name": "a", "network": "unet", "settings": {}, "training": {}, "scores": {}, "licence": "CC0"}
    write_weights(path, state, {**known, "training_data": [{"name": "a", "licence": "CC0"}]})


def write_state(path, image):
    path.mkdir(exist_ok=True)
    write_checkpoint(path, Checkpoint(1, {"a": image.image}, None, {}))


def write_log(path, image):  # noqa: ARG001
    (path / "tensorboard").mkdir(parents=True)
    log = Log.__new__(Log)
    log._folder = path
    log.write(LOSSES, {"step": 1}, {"loss" * 100: 1.0, "other" * 100: 2.0})


def ordered(write):
    return lambda path, value: write(value, path)


WRITERS = {
    **{f"image{suffix}": ordered(save) for suffix in (".h5", ".nii", ".nii.gz", ".npz", ".cfl", ".png")},
    **{f"scan{suffix}": ordered(save_scan) for suffix in (".h5", ".npz", ".cfl")},
    **{f"mask{suffix}": ordered(write_sampling) for suffix in (".npz", ".npy", ".cfl", ".png")},
    "stream.nii": stream,
    "page.html": write_page,
    "table.csv": lambda path, _: write_csv(path, [{"a": "b" * 2 * LIMIT}]),
    "weights": write_folder_of_weights,
    "training": write_state,
    "log": write_log,
    "cache": lambda path, made: ResultCache(path).keep(CacheKey("a", "b", {}), {}, made),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_leaves_nothing(name, image, request):
    value = image
    if name.startswith("scan"):
        value = ff.Scan(torch.ones(1, 2, 64, 64, dtype=torch.complex64))
    elif name.startswith("mask"):
        noise = np.random.default_rng(0).random((1, 128, 128)) < 0.5
        value = ff.Sampling(torch.from_numpy(noise))
    request.getfixturevalue("full_disk")
    with pytest.raises(InputError, match=rf"'.*{name}.*' could not be written \(File too large\): free some space"):
        WRITERS[name](Path(name), value)
    assert not [path for path in Path().rglob("*") if path.is_file() and path.name != LOSSES]


def test_a_full_disk_leaves_the_old_file(image, request):
    for name in ("image.h5", "image.npz", "image.cfl"):
        save(image, name)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    write_state(Path("training"), image)
    old = (Path("training") / "last.ckpt").read_bytes()
    request.getfixturevalue("full_disk")
    for name in ("image.h5", "image.npz", "image.cfl"):
        with pytest.raises(InputError, match="File too large"):
            save(image, name)
    with pytest.raises(InputError, match="File too large"):
        write_state(Path("training"), image)
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before
    assert (Path("training") / "last.ckpt").read_bytes() == old


def test_what_is_written_for_a_library_is_what_comes_back(image):
    save(image, "image.h5")
    write_state(Path("training"), image)
    assert torch.equal(read_checkpoint(Path("training/last.ckpt")).network["a"], image.image)
    write_folder_of_weights(Path("weights"), image)
    assert torch.equal(read_weights("weights")[0]["a"], image.image.real)
