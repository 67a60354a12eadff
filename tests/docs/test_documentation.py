"""README.md and docs/**/*.md: listings run as they stand, options and settings exist, links lead somewhere."""

import inspect
import io
import re
import shlex
import shutil
from contextlib import redirect_stdout
from functools import wraps
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from scipy.io import savemat
from tests.helpers.group_images import SIZE, write_image_groups, write_images
from tests.helpers.reader_studies import write_images as write_reader_images
from tests.helpers.trained_weights import write_small

from fourfold.cli.flags import module_of
from fourfold.cli.main import _BRANCHES, _COMMANDS, main
from fourfold.formats import save_scan
from fourfold.methods.registry import methods
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate
from fourfold.training.settings import TrainingSettings

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\.venv/bin/)?fourfold (.*)$")

# One small network, for the study whose settings a page calls transfer.yaml.
TINY_STUDY = {
    "image_groups": {
        name: {
            "sources": [{"kind": "images", "path": f"{name}.npz", "crop": [SIZE, SIZE]}],
            "split": {"validation": [], "test": share},
        }
        for name, share in (("photos", []), ("T1", 0.4))
    },
    "train_on": ["photos"],
    "test_on": ["T1"],
    "sizes": [2],
    "tuning_sizes": [0],
    "training": {
        "network": {"kind": "cascade", "subnetworks": 1, "channels": 4, "layers": 1},
        "data": {"masks": {"kind": "random", "acceleration": 3.2, "lines": 6}},
        "losses": ["hybrid"],
        "stages": [{"steps": 2}],
    },
    "test_images": 1,
    "methods": ["zero-filled"],
}


def blocks(page: str, *languages: str) -> list[tuple[str, int, str]]:
    """Return language, line and text of the listings of a page in some languages."""
    text = PAGES[page]
    return [
        (block[1], text.count("\n", 0, block.start(2)), block[2])
        for block in BLOCK.finditer(text)
        if block[1] in languages
    ]


def commands(text: str) -> list[list[str]]:
    """Return the words after ``fourfold`` of each of its command lines."""
    command_lines = (COMMAND.match(line.strip()) for line in text.splitlines())
    return [shlex.split(line[1], comments=True) for line in command_lines if line]


def inline_commands(page: str) -> list[str]:
    """Return the commands in a page's running text that have arguments, without placeholders in brackets."""
    text = BLOCK.sub("", PAGES[page])
    return [words for words in re.findall(r"`fourfold ([^`]+)`", text) if "[" not in words and "-o" in words.split()]


@pytest.fixture(scope="module")
def named_files(tmp_path_factory):
    """Return a folder with the files that the pages name, all small."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("knee", "heads"):
        (folder / name).mkdir()
    # So many lines that a pattern has 12 of them at the centre.
    for seed, name in enumerate(("knee.h5", "heads/a.h5", "heads/b.h5", "heads/c.h5")):
        scan = simulate(phantom((160, 32)), coils=4, snr=30, seed=seed)
        save_scan(Scan(scan.kspace.repeat(20, 1, 1, 1)), folder / name)
    for name in ("head.h5", "knee/one.h5"):
        shutil.copy(folder / "knee.h5", folder / name)
    brighter = torch.linspace(1, 1.2, 8)[:, None, None, None]
    cine = simulate(phantom((48, 40)), coils=4)
    save_scan(Scan(cine.kspace * brighter), folder / "cine.npz")
    heart = cine.kspace[0].numpy()
    savemat(folder / "heart.mat", {"kspace": heart.transpose(1, 2, 0)})
    with h5py.File(folder / "parts.h5", "w") as file:
        file["raw/re"], file["raw/im"] = heart.real, heart.imag
    write_small(folder / "my-weights", "varnet")
    write_image_groups(folder)
    (folder / "t1").mkdir()
    write_images(folder / "t1" / "t1.npz", "t1-", seed=0)
    write_reader_images(folder / "images")
    for name, count in (("cine", 6), ("tv", 6), ("full", 6), ("members", 4)):
        frames = phantom((48, 40)).abs().reshape(1, 48, 40).numpy() + np.arange(count)[:, None, None] / 100
        np.save(folder / f"{name}.npy", frames.astype(np.float32))
    (folder / "readings.csv").write_text("patient,tv,varnet,diffusion\np1,3,4,5\np2,2,4,4\np3,3,3,5\np4,1,2,4\n")
    (folder / "transfer.yaml").write_text(yaml.safe_dump(TINY_STUDY))
    return folder


@pytest.fixture
def working_folder(named_files, tmp_path, monkeypatch):
    """Make a copy of these files the working folder, and let untrained networks end after a few iterations."""
    shutil.copytree(named_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    kinds = [kind for kind in methods().values() if kind.family == "untrained"]
    with monkeypatch.context() as patch:
        for kind in kinds:
            for name, value in {"members": 2, "iterations": 2, "refit_iterations": 0}.items():
                patch.setattr(kind.model_fields[name], "default", value)
            kind.model_rebuild(force=True)
        yield tmp_path
    for kind in kinds:
        kind.model_rebuild(force=True)


def parse(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Take a command line apart, and do nothing else; return the exit status."""
    words = " ".join(arguments[:2]) if arguments[1] in _BRANCHES.get(arguments[0], ()) else arguments[0]
    module, name = module_of(words), words.replace(" ", "_")

    @wraps(getattr(module, name))
    def nothing(*_, **__):
        pass

    monkeypatch.setattr(module, name, nothing)
    return main(arguments)


# Listings


@pytest.mark.usefixtures("working_folder")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python", "sh")])
def test_listings_run_as_they_stand(page, capsys, monkeypatch):
    for language, line, text in blocks(page, "python", "sh"):
        if language == "python":
            # The line numbers of a traceback are those of the page.
            exec(compile("\n" * line + text, page, "exec"), {"__name__": "__main__"})
            continue
        for arguments in commands(text):
            # Studies take minutes at best; their snippets run above, and their commands have tests of their own.
            status = parse(arguments, monkeypatch) if arguments[0] == "study" else main(arguments)
            assert status == 0, f"{page}:{line}: fourfold {shlex.join(arguments)}: {capsys.readouterr().err}"


def test_the_pages_have_listings():
    assert sum(len(blocks(page, "python")) for page in PAGES) > 10
    assert {arguments[0] for _, _, text in blocks("README.md", "sh") for arguments in commands(text)} == {
        "info",
        "recon",
        "demo",
        "trust",
    }


@pytest.mark.parametrize("command", [words for page in PAGES for words in inline_commands(page)])
def test_commands_in_the_text_are_understood(command, monkeypatch, capsys):
    assert parse(shlex.split(command), monkeypatch) == 0, capsys.readouterr().err


def examples() -> list[str]:
    """Return the command lines in the helps of all commands."""
    names = [*_COMMANDS, *(f"{name} {branch}" for name, branches in _BRANCHES.items() for branch in branches)]
    functions = [getattr(module_of(name), name.replace(" ", "_")) for name in names]
    return [shlex.join(words) for function in functions for words in commands(inspect.getdoc(function) or "")]


@pytest.mark.parametrize("command", examples())
def test_the_examples_of_the_helps_are_understood(command, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("methods.yaml").write_text("methods: [tv]")
    Path("tv.yaml").write_text("method: tv")
    assert parse(shlex.split(command), monkeypatch) == 0, capsys.readouterr().err


# Options and settings


@pytest.fixture(scope="module")
def helps():
    """Return the helps of all commands, each line whole."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setenv("COLUMNS", "1000")
        for words in [[name] for name in _COMMANDS] + [[name, each] for name in _BRANCHES for each in _BRANCHES[name]]:
            assert main([*words, "--help"]) == 0
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES)
def test_options_in_the_text_exist(page, helps):
    # Flags of one method, as `recon` takes them, have the method's name before them in the help of `compare`.
    known = {"help", *re.findall(r"--(?:[a-z-]+\.)?([a-z-]+)", helps), *re.findall(r"--([a-z-]+\.[a-z-]+)", helps)}
    code = re.findall(r"`((?:--|fourfold )[^`]+)`", BLOCK.sub("", PAGES[page]))
    assert {flag for words in code for flag in re.findall(r"(?<!\S)--([a-z][a-z.-]*)", words)} <= known


def test_settings_of_losses_in_the_page_are_understood():
    ((_, _, text),) = blocks("docs/networks.md", "yaml")
    data = {"sources": [{"kind": "images", "path": "t1"}]}
    assert len(TrainingSettings(name="small", network="unet", data=data, **yaml.safe_load(text)).losses) == 2


# Links


def anchors(text: str) -> set[str]:
    """Return the names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_in_the_pages_exist(page):
    text = (ROOT / page).read_text()
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", text):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), f"{target}#{anchor}"


def test_every_page_is_linked_from_another():
    linked = {
        (ROOT / page).parent.joinpath(target).resolve()
        for page, text in PAGES.items()
        for target in re.findall(r"\]\(([^)#:\s]+)", text)
        if (ROOT / page).parent.joinpath(target).resolve() != (ROOT / page).resolve()
    }
    assert [page for page in PAGES if page != "README.md" and (ROOT / page).resolve() not in linked] == []
