"""Figures for print: rows, formats, scales, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.report.pictures import Box, Gallery
from fourfold.report.print_figure import ROWS, PrintFigure, write_print_figure
from fourfold.simulation.simulate import phantom

SIZE = (48, 40)


@pytest.fixture
def series():
    """A moving object (frame, y, x), and the same with an error of 5 % of the maximum in one place."""
    still = phantom(SIZE).abs().reshape(SIZE).numpy().astype(np.float32)
    reference = np.stack([np.roll(still, shift, axis=0) for shift in (0, 1, 2, 1)])
    image = reference.copy()
    image[:, 24, 20] += 0.05 * reference.max()
    return reference, image


@pytest.fixture
def files(series, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, frames in zip(("full", "tv"), series, strict=True):
        np.save(f"{name}.npy", frames)
    return tmp_path


def gallery(series):
    return Gallery.of(series, True, None)


@pytest.mark.parametrize(
    ("suffix", "signature"), [(".pdf", b"%PDF"), (".svg", b"<?xml"), (".png", b"\x89PNG\r\n\x1a\n")]
)
def test_it_is_written_in_each_format_and_twice_the_same(series, tmp_path, suffix, signature):
    contents = []
    for name in ("a", "b"):
        path = write_print_figure(
            PrintFigure(["Reference", "TV"], gallery(series), ROWS, width=40), tmp_path / f"{name}{suffix}"
        )
        contents.append(path.read_bytes())
    assert contents[0].startswith(signature)
    assert contents[0] == contents[1]


def test_the_width_is_in_millimetres(series, tmp_path):
    path = write_print_figure(PrintFigure(["Reference", "TV"], gallery(series), width=88), tmp_path / "a.png")
    with Image.open(path) as picture:
        assert picture.width == pytest.approx(88 / 25.4 * 600, abs=2)


def test_errors_are_shown_on_one_scale_and_text_is_embedded(series, tmp_path):
    figure = PrintFigure(["Reference", "TV"], gallery(series), ("error",), ["", "psnr 30.00"], width=90)
    picture = np.asarray(Image.open(write_print_figure(figure, tmp_path / "a.png")).convert("RGB")).astype(int)
    left, right = np.array_split(picture[90:-160], 2, axis=1)
    # The column of the reference is empty; that of the image is dark blue with one bright spot.
    assert (left[:, 20:-20] == 255).all()
    yellow = (right[..., 0] > 200) & (right[..., 2] < 120)
    assert 0 < yellow.mean() < 0.01
    assert b"DejaVu" in write_print_figure(figure, tmp_path / "a.pdf").read_bytes()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"frame": 4}, "frames 0 to 3"),
        ({"column": 40}, "columns 0 to 39"),
        ({"box": Box(40, 0, 10, 10)}, "reaches beyond the images of 48×40"),
    ],
)
def test_places_beyond_the_images_are_refused(series, given, sentence):
    with pytest.raises(InputError, match=sentence):
        PrintFigure(["Reference", "TV"], gallery(series), **given)


def test_the_command_draws_what_it_is_asked_for(files, capsys):
    words = ["figure", "TV=tv.npy", "--reference", "full.npy", "--rows", ",".join(ROWS), "--width", "40"]
    assert main([*words, "-o", "a.png"]) == 0
    assert (files / "a.png").is_file()
    assert main([*words, "-o", "a.png"]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["figure", "tv.npy", "--members", "--reference", "full.npy", "-o", "members.svg"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "No image was given"),
        (["tv.npy", "--rows", "image,errors"], "There is no row 'errors'; there are image, detail"),
        (["tv.npy", "--rows", "error"], "Error maps need a reference"),
        (["tv.npy", "--metric", "psnr"], "A score needs a reference"),
        (["tv.npy", "--width", "2"], "The width is 2 mm"),
        (["tv.npy", "--members"], "needs one file"),
        (["tv.npy", "-o", "tv.gif"], "which says no format"),
        (["tv.npy", "--frame", "9"], "frames 0 to 3"),
        (["small.npy", "--reference", "full.npy"], "must share one"),
        (["flat.npy", "--rows", "profile"], "two frames or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(files, words, sentence, capsys):
    np.save("small.npy", np.ones((4, 10, 10)))
    np.save("flat.npy", np.ones(SIZE))
    assert main(["figure", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert list(files.glob("figure.*")) == []
