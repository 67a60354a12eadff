"""The page and the figure that a person looks at: what they hold, and that they work in a browser."""

import base64
import html
import io
import json
import math
import re
import shutil
import subprocess
import time
import zlib
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure

from fourfold.errors import InputError
from fourfold.metrics import METRICS
from fourfold.operators.fourier import fft
from fourfold.report import contents as report_contents
from fourfold.report import write_report
from fourfold.report.charts import HELD_OUT, curve_chart, score_chart
from fourfold.report.figures import COLUMN, GAP, HEAD, figure
from fourfold.report.pictures import Gallery, kspace_codes
from fourfold.report.results import Results
from fourfold.report.training import write_training
from fourfold.report.wording import decimal, labels, number, pairs
from fourfold.scan import Geometry, Placement, Reconstruction, Record, Sampling, Scan, Source
from fourfold.studies import Comparison, Entry, compare
from fourfold.studies.ensemble import ensemble_scores

NY, NX, FRAMES = 48, 40, 3
NASTY = "T1 <b>\"knee\"</b> & 'co' </script><script>alert(1)</script>"


def object_image(frames=FRAMES, ny=NY, nx=NX):
    """A disc of 60 with a pattern that differs from frame to frame, inside a rim of 100."""
    y, x = np.mgrid[:ny, :nx]
    radius = np.hypot((y - ny / 2) / (0.45 * ny), (x - nx / 2) / (0.45 * nx))
    frame = np.arange(frames)[:, None, None]
    inside = 60 + 15 * np.sin(x / 2 + frame) * np.cos(y / 3)
    image = np.where(radius < 1, np.where(radius > 0.9, 100.0, inside), 0.0)
    return torch.from_numpy(image.astype(np.float32))


def made(magnitude, method, **record):
    phase = torch.exp(1j * torch.linspace(0, 3, magnitude.shape[-1]))
    fields = {"settings": {}, "seconds": 0.5, "sampling": SAMPLING.summary(), "source": SOURCE.summary(), **record}
    return Reconstruction((magnitude * phase).to(torch.complex64), Record(method, **fields), geometry=GEOMETRY)


MASK = torch.zeros(1, NY, NX, dtype=torch.bool)
MASK[:, ::4] = True
MASK[:, NY // 2 - 4 : NY // 2 + 4] = True
SAMPLING = Sampling(MASK, "regular", 7, 4.0)
SOURCE = Source(path="/data/knee.h5", format="fastmri", label=NASTY + "\x1b]0;title\x07", simulated=True)
GEOMETRY = Geometry(voxel_size=(5.0, 1.5, 1.0))


@pytest.fixture(scope="module")
def scan():
    generator = torch.Generator().manual_seed(0)
    kspace = torch.randn(FRAMES, 2, NY, NX, dtype=torch.complex64, generator=generator)
    y, x = torch.meshgrid(torch.arange(NY) - NY // 2, torch.arange(NX) - NX // 2, indexing="ij")
    kspace *= torch.exp(-(y**2 + x**2) / 60.0) + 1e-3
    return Scan(torch.where(MASK[:, None], kspace, 0), SAMPLING, geometry=GEOMETRY, source=SOURCE)


@pytest.fixture(scope="module")
def comparison(scan):
    """The reference itself as a method, one that is 2 % of the maximum too bright, one that is blurred along x."""
    reference = object_image()
    blurred = (reference + reference.roll(1, -1) + reference.roll(-1, -1)) / 3
    entries = (
        Entry(made(reference, "exact"), {"psnr": math.inf, "nmse": 0.0}),
        Entry(made(reference + 2, NASTY), {"psnr": 34.0, "nmse": 0.0012}),
        Entry(
            made(
                blurred,
                "tv",
                settings={"weight": 0.012, "iterations": 80},
                iterations=240,
                scale=0.25,
                notes=("The weight was chosen by held-out samples.",),
                details={"objective": list(np.linspace(1, 0.1, 50))},
            ),
            {"psnr": 27.5, "nmse": math.nan},
        ),
    )
    omitted = (("vif", "vif: the images are 48×40 pixels; it needs 41×41 or more."),)
    failures = (("grappa-like", "There are 8 calibration lines; expected 12 or more; use <another> method."),)
    metrics = (METRICS["psnr"], METRICS["nmse"])
    return Comparison(reference, "known object", scan, entries, metrics, failures, omitted)


@pytest.fixture(scope="module")
def page(comparison, tmp_path_factory):
    return write_report(comparison, tmp_path_factory.mktemp("page") / "index.html", NASTY)


def embedded(page):
    """The data block of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)[1])


def words(page):
    """The text of a page as a reader without scripts sees it."""
    visible = re.sub(r"<(script|style).*?</\1>", " ", page.read_text(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", visible)).split())


# What the page holds


def test_page_needs_nothing_from_outside(page):
    code = page.read_text()
    assert not re.search(r"""<[^>]*\b(?:src|href|action)=(?!"data:)""", code)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", code)
    assert "http://" not in code
    assert "https://" not in code
    assert "default-src 'none'" in code


def test_texts_are_escaped(page):
    code = page.read_text()
    assert "<script>alert" not in code
    assert "<b>" not in code.replace('<b class="best">', "").replace("<b>grappa-like</b>", "")
    assert code.count("</script>") == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", code)
    assert "use &lt;another&gt; method" in code


class Tags(HTMLParser):
    """Counts the elements of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.count = Counter()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.count[tag] += 1
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_what_data_brings_adds_no_element(comparison, tmp_path):
    """The same page with texts of markup and with plain ones has the same elements."""

    def elements(text):
        record = {"notes": (text,), "settings": {text: text, "denoiser": [text]}, "details": {text: {text: text}}}
        members = [{"seed": text, "chosen_iteration": 1, "curve": []}] * 3
        source = {"label": text, "path": f"/data/{text}", "format": text, "details": {text: text}}
        several = made(object_image(), text, source=source, sampling={text: text, "kind": text, "acceleration": 2.0})
        several = replace(several, record=replace(several.record, **record), members=with_members().members)
        several.record.details["members"] = members
        entries = (*comparison.entries[:1], Entry(several, {"psnr": 30.0, "nmse": 0.1}))
        changed = replace(comparison, entries=entries, failures=((text, text),), omitted=((text, text),))
        return Tags(write_report(replace(changed, reference_name=text), tmp_path / "page.html", text)).count

    assert elements(NASTY) == elements("plain")


def test_a_training_page_escapes_its_settings(tmp_path):
    def elements(text):
        source = {"kind": "raw", "path": text}
        data = {"sources": [source], "training": [], "validation": []}
        settings = {"name": text, "network": {"kind": text}, "data": data, "stages": [{"train": text}], "losses": []}
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump({**settings, "start": text, "licence": text}))
        row = f'"{text.replace(chr(34), chr(34) * 2)}"'
        (tmp_path / "losses.csv").write_text(f"stage,epoch,step,loss,gradient,learning_rate\n{row},1,1,0.5,0.1,0.001\n")
        (tmp_path / "scores.csv").write_text(f"stage,epoch,step,psnr\n{row},1,1,20\n")
        return Tags(write_training(tmp_path)).count

    assert elements(NASTY) == elements("plain")


def test_images_are_exact_to_half_a_step(page, comparison):
    data = embedded(page)
    truth = [comparison.reference, *(entry.reconstruction.magnitude for entry in comparison.entries)]
    unit = float(comparison.reference.max()) / 100
    for shown, image in zip(data["images"], truth, strict=True):
        codes = [np.frombuffer(base64.b64decode(text), "<u2").reshape(NY, NX) for text in shown["pixels"]]
        error = np.abs(np.stack(codes) * shown["step"] - image.numpy() / unit)
        # Half a step, and the rounding of the float32 image itself.
        assert error.max() <= 0.51 * shown["step"]
        assert shown["step"] < 0.002


def test_kspace_picture(scan):
    codes = kspace_codes(scan, 1)
    assert ((codes > 0) == MASK[0].numpy()).all()
    assert codes.max() == 255
    magnitude = scan.kspace[1].abs().square().sum(0).sqrt().numpy()
    decibel = (codes[MASK[0]] - 1) / 254 * 100 - 100
    expected = 20 * np.log10(magnitude[MASK[0]] / magnitude.max())
    assert np.abs(decibel - np.maximum(expected, -100)).max() < 0.2


def test_what_a_reader_must_know_is_said(page):
    text = words(page)
    for sentence in (
        "Simulated data.",
        "Not scored: vif: the images",
        f"regular, {SAMPLING.acceleration:.2f}× (target 4×)",
        "1.5 × 1 mm",
        "Against the known object, over all 3 frames",
        "There are 8 calibration lines",
        "The weight was chosen by held-out samples.",
        "seed 7",
        "weight 0.012",
        "iterations 240",
        "intensity scale 0.25",
        "(50 values)",
        "/data/knee.h5",
        f"torch {torch.__version__}",
    ):
        assert sentence in text, sentence
    for name in ("psnr", "nmse"):
        assert METRICS[name].statement in text


def test_measured_data_is_not_called_simulated(comparison, tmp_path):
    entry = comparison.entries[0]
    record = replace(entry.reconstruction.record, source=Source(label="knee").summary())
    measured = replace(
        comparison, entries=(replace(entry, reconstruction=replace(entry.reconstruction, record=record)),)
    )
    assert "Simulated" not in words(write_report(measured, tmp_path / "page.html"))


def test_best_scores_are_marked(page):
    best = re.findall(r'<td class="number best" data-value="[^"]*">([^<]*)', page.read_text())
    assert best == ["∞", "0.0000"]


def test_prospective_data_has_no_scores(comparison, scan, tmp_path):
    results = [entry.reconstruction for entry in comparison.entries]
    page = write_report(results, tmp_path / "page.html", scan=scan)
    assert "There is no reference image" in words(page)
    assert '<option value="error">' not in page.read_text()
    data = embedded(page)
    assert data["reference"] is False
    assert len(data["images"]) == 3
    assert data["kspace"] is not None


def test_page_without_scan_has_no_kspace(comparison, tmp_path):
    page = write_report([comparison.entries[0].reconstruction], tmp_path / "page.html")
    assert embedded(page)["kspace"] is None
    assert "Mask:" not in words(page)
    assert "target acceleration 4" in words(page)


def test_different_samplings_are_told_apart(tmp_path):
    image = object_image()
    results = [made(image, "zero-filled", sampling={"kind": "random", "acceleration": a}) for a in (2.0, 4.0)]
    text = words(write_report(results, tmp_path / "page.html"))
    assert "Zero-filled (acceleration 2)" in text
    assert "different samplings" in text
    assert "random, 2.00×; random, 4.00×" in text


def test_five_methods_fit_in_ten_megabytes(tmp_path):
    generator = torch.Generator().manual_seed(1)
    images = [made(torch.rand(1, 256, 256, generator=generator), f"m{index}") for index in range(6)]
    assert write_report(images, tmp_path / "page.html").stat().st_size < 10e6


def test_long_series_is_thinned_and_says_so(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(report_contents, "PIXEL_BUDGET", 2 * 2 * NY * NX * 4)
    page = write_report(comparison, tmp_path / "page.html")
    assert embedded(page)["frames"] == [0, 2]
    assert all(len(image["pixels"]) == 2 for image in embedded(page)["images"])
    assert "3, of which 2 are shown" in words(page)


def test_same_results_give_the_same_page(comparison, page, tmp_path):
    assert write_report(comparison, tmp_path / "page.html", NASTY).read_bytes() == page.read_bytes()


def test_all_black_images_are_shown(tmp_path):
    page = write_report([made(torch.zeros(1, 8, 8), "nothing", sampling={})], tmp_path / "page.html")
    assert embedded(page)["window"] == [0, 100]
    assert "The sampling was not recorded." in words(page)


@pytest.mark.parametrize(
    ("axes", "turn", "pixel"),
    [
        (((1.0, 0.0, 0.0), (0.0, -1.0, 0.0)), lambda image: image[:, ::-1], "2 × 3 mm"),
        (((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), lambda image: image.swapaxes(1, 2), "3 × 2 mm"),
    ],
)
def test_images_are_turned_to_the_radiological_view(axes, turn, pixel, tmp_path):
    image = torch.arange(48.0).reshape(1, 6, 8)
    geometry = Geometry((5.0, 2.0, 3.0), placements=(Placement(*axes, (0.0, 0.0, 1.0)),))
    page = write_report([replace(made(image, "a"), geometry=geometry)], tmp_path / "page.html")
    data = embedded(page)
    expected = turn(image.numpy())
    assert data["size"] == list(expected.shape[1:])
    codes = np.frombuffer(base64.b64decode(data["images"][0]["pixels"][0]), "<u2").reshape(data["size"])
    assert codes * data["images"][0]["step"] == pytest.approx(expected[0] * 100 / 47, abs=0.001)
    assert pixel in words(page)
    assert "turned from the stored rows and columns" in words(page)


def test_comparison_from_end_to_end(tmp_path):
    kspace = fft(object_image(2).to(torch.complex64))[:, None]
    comparison = compare(Scan(kspace, source=Source(label="disc", simulated=True)), ["zero-filled"])
    page = write_report(comparison, tmp_path / "page.html")
    text = words(page)
    assert "Against the root-sum-of-squares of the fully sampled data, over all 2 frames" in text
    assert f"psnr {comparison.entries[0].scores['psnr']:.2f}" in text
    for name, _ in comparison.omitted:
        assert f"Not scored: {name}" in text
    assert len(embedded(page)["images"]) == 2


# Ensembles


def with_members(count=3, *, held_out=True):
    """A method whose members are the object, brighter by 0, 4, 8 … %, and what it recorded of them."""
    members = torch.stack([object_image() * (1 + 0.04 * place) for place in range(count)])
    looks = [
        {"iteration": 10 * look, "loss": 1 / look, "held_out_error": 1 / look if held_out else None}
        for look in (1, 2, 3)
    ]
    known = [{"seed": 5 + place, "chosen_iteration": 20, "iterations": 30, "curve": looks} for place in range(count)]
    result = made(members.mean(dim=0), "convdecoder", details={"members": known, "parameters": 77})
    return replace(result, members=members.to(torch.complex64), std=members.std(dim=0, correction=min(1, count - 1)))


@pytest.fixture(scope="module")
def ensemble_comparison(comparison):
    result, metrics = with_members(), (METRICS["psnr"], METRICS["nmse"])
    scores = {each.name: each.evaluate(result.magnitude, comparison.reference)[0] for each in metrics}
    ensemble = ensemble_scores(result.members, comparison.reference, metrics)
    entries = (comparison.entries[1], Entry(result, scores, ensemble=ensemble))
    return replace(comparison, entries=entries)


def section(page, title):
    """The part of a page below a heading."""
    return re.search(rf"<section[^>]*>\s*<h2[^>]*>{title}</h2>(.*?)</section>", page.read_text(), re.S)[1]


def picture(code, alt):
    """The pixels of the still image with this description."""
    url = re.search(rf'<img src="data:image/png;base64,([^"]+)" alt="{re.escape(alt)}">', code)[1]
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(url)))


def test_ensembles_have_members_deviation_curves_and_scores(ensemble_comparison, tmp_path):
    page = write_report(ensemble_comparison, tmp_path / "page.html")
    code = section(page, "Ensembles")
    assert code.count("<figure>") == 5
    gallery = ensemble_comparison.reference, *(one.reconstruction.magnitude for one in ensemble_comparison.entries)
    _, white = gallery_of(*gallery).window()
    third = picture(code, "ConvDecoder: Member 3, magnitude image")
    expected = (ensemble_comparison.reference[1] * 1.08 / white).clamp(max=1).numpy()
    assert np.abs(third[..., 0] - expected).max() < 0.01
    # The spread of 0, 4 and 8 % is 4 % of the image, and so at most 4 % of the maximum.
    deviation = picture(code, "ConvDecoder: standard deviation of the members")
    y, x = 24, 20
    value = 0.04 * float(ensemble_comparison.reference[1, y, x])
    assert deviation[y, x, :3] == pytest.approx(matplotlib.colormaps["inferno"](value / 5)[:3], abs=0.02)
    assert "0 to 5 % of the reference's maximum" in html.unescape(" ".join(code.split()))
    for words in ("Loss of each member", "Held-out error of each member", "PSNR (dB) against", "NMSE against"):
        assert re.search(rf'alt="{re.escape(words)}', code), words
    assert "chosen: 20, 20, 20" in code
    # The first member is the reference itself: no average can be better.
    assert re.search(r"<th scope=\"row\">First member</th><td>∞</td><td>0.0000</td>", code)
    entry = ensemble_comparison.entries[1]
    assert f'<th scope="row">Mean of 3 members</th><td>{entry.scores["psnr"]:.2f}</td>' in code
    assert "psnr ∞ · best" in code


def test_ensembles_without_a_reference_have_no_scores(tmp_path):
    page = write_report([with_members(held_out=False)], tmp_path / "page.html")
    code = section(page, "Ensembles")
    assert "seed 6" in code
    assert "Loss of each member" in code
    assert "against the number" not in code
    assert "Held-out" not in code
    assert "<table" not in code
    assert "of the first image's maximum" in html.unescape(code)
    assert "iteration 10" not in words(page)


def test_one_member_has_its_curves_and_no_twin(tmp_path):
    code = section(write_report([replace(with_members(1), std=None)], tmp_path / "page.html"), "Ensembles")
    assert "ConvDecoder: 1 member<" in code
    assert code.count("<figure>") == 1
    assert "Loss of each member" in code


def test_a_standard_deviation_alone_is_shown(tmp_path):
    result = replace(with_members(), members=None)
    code = section(
        write_report([replace(result, record=replace(result.record, details={}))], tmp_path / "a.html"), "Ensembles"
    )
    assert code.count("<figure>") == 2
    assert "<table" not in code


def test_without_members_there_is_no_such_section(page):
    assert "Ensembles" not in words(page)


def test_the_best_single_member_and_the_chosen_iterations_are_drawn():
    figure = score_chart("NMSE", [0.3, 0.2], [0.3, 0.25], 0.25)
    line, single, averaged = figure.axes[0].lines
    assert set(line.get_ydata()) == {0.25}
    assert (list(single.get_xdata()), list(single.get_ydata())) == ([1, 1], [0.3, 0.25])
    assert (list(averaged.get_xdata()), list(averaged.get_ydata())) == ([1, 2], [0.3, 0.2])
    curve, chosen = curve_chart(with_members().record.details["members"][:1], HELD_OUT).axes[0].lines
    assert list(curve.get_ydata()) == [1, 1 / 2, 1 / 3]
    assert (list(chosen.get_xdata()), list(chosen.get_ydata())) == ([20], [1 / 2])


# Refusals


def test_no_image_is_refused_with_the_reasons(comparison, tmp_path):
    with pytest.raises(InputError, match=r"at least one method must suit the data\. grappa-like: There are 8"):
        write_report(replace(comparison, entries=()), tmp_path / "page.html")


def test_scan_of_other_frames_is_refused(scan, tmp_path):
    with pytest.raises(InputError, match=r"3 frame\(s\) but the images have 2"):
        write_report([made(object_image(2), "a")], tmp_path / "page.html", scan=scan)


def test_images_of_different_shapes_are_refused(tmp_path):
    results = [made(object_image(), "a"), made(object_image(nx=32), "b")]
    with pytest.raises(InputError, match=r"\(3, 48, 32\) and \(3, 48, 40\)"):
        write_report(results, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_report, figure])
def test_unwritable_file_is_refused(comparison, write, tmp_path):
    suffix = ".png" if write is figure else ".html"
    with pytest.raises(InputError, match="does not exist: create it first"):
        write(comparison, tmp_path / "absent" / f"page{suffix}")
    with pytest.raises(InputError, match=rf"end it in one of {suffix}"):
        write(comparison, tmp_path / "page.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_report, figure])
def test_failure_leaves_the_old_file(comparison, write, tmp_path, monkeypatch):
    old = tmp_path / ("page.png" if write is figure else "page.html")
    old.write_text("old")

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    monkeypatch.setattr(Figure, "savefig", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write(comparison, old)
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


# How images are shown


def gallery_of(*images, voxel=(1.0, 1.0)):
    return Gallery.of([image.numpy() for image in images], True, voxel)


def test_detail_is_where_the_fine_structure_is():
    image = object_image(1, 120, 120)
    image = torch.where(image > 90, 100.0, torch.where(image > 0, 50.0, 0.0))
    image[0, 70:90, 40:60:2] = 40.0
    gallery = gallery_of(image)
    box = gallery.detail()
    assert box.y <= 72
    assert box.y + box.height >= 88
    assert box.x <= 42
    assert box.x + box.width >= 57


def test_detail_lies_in_the_image_and_has_its_shape_in_millimetres():
    for ny, nx, voxel in ((30, 200, (4.0, 0.5)), (7, 9, (1.0, 1.0)), (101, 64, (0.7, 1.1))):
        gallery = gallery_of(object_image(2, ny, nx), voxel=voxel)
        box = gallery.detail()
        assert 0 <= box.y <= ny - box.height
        assert 0 <= box.x <= nx - box.width
        assert box.height * voxel[0] <= ny * voxel[0]
        if min(ny, nx) > 30:
            assert gallery.aspect(box.height, box.width) == pytest.approx(4 / 3, rel=0.05)


@pytest.mark.parametrize(("error", "amplification"), [(70.0, 1), (18.0, 5), (4.0, 20), (0.0, 100)])
def test_amplification_fills_the_scale(error, amplification):
    reference = object_image(1)
    assert gallery_of(reference, reference + error).amplification() == amplification


def test_labels_tell_methods_apart():
    settings = [{"weight": 1, "levels": 3}, {"weight": 2, "levels": 3}, {}, {"weight": 2, "levels": 3}]
    assert labels(["tv", "tv", "cg", "tv"], settings) == ["tv (weight 1)", "tv (weight 2)", "cg", "tv (weight 2) no. 2"]


def test_numbers_are_readable():
    assert [decimal(value, 2) for value in (31.456, math.nan, math.inf)] == ["31.46", "–", "∞"]
    assert [number(value) for value in (3.0, 0.000123456, math.nan)] == ["3", "0.0001235", "–"]
    facts = {"a_b": True, "c": None, "d": {"e": 0.5, "f": [1, 2]}, "g": list(range(20))}
    assert pairs(facts) == [("a b", "yes"), ("d: e", "0.5"), ("d: f", "1, 2"), ("g", "0 … 19 (20 values)")]


# The figure


def test_figure_shows_what_it_says(comparison, tmp_path):
    dpi = 100
    path = figure(comparison, tmp_path / "figure.png", dpi=dpi)
    picture = matplotlib.image.imread(path)
    height = COLUMN * NY * 1.5 / NX  # of an image of 48 × 40 pixels of 1.5 mm × 1 mm, in inches
    gallery = gallery_of(comparison.reference, voxel=(1.5, 1.0))
    _, white = gallery.window()
    box = gallery.detail()

    def pixel(place, top, y, x):
        row = HEAD + top + (y + 0.5) / NY * height
        left = GAP + place * (COLUMN + GAP) + (x + 0.5) / NX * COLUMN
        return picture[round(row * dpi), round(left * dpi), :3]

    y, x = next(at for at in ((12, 20), (36, 20)) if not box.y - 2 < at[0] < box.y + box.height + 2)
    for place, extra in ((0, 0), (1, 0), (2, 2)):
        grey = min(1, float(comparison.reference[1, y, x] + extra) / white)
        assert pixel(place, 0, y, x) == pytest.approx([grey] * 3, abs=0.04)
    detail = COLUMN / gallery.aspect(box.height, box.width)
    black, even = pixel(1, height + detail + 2 * GAP, y, x), pixel(2, height + detail + 2 * GAP, 0, 0)
    factor = gallery_of(
        comparison.reference, *(entry.reconstruction.magnitude for entry in comparison.entries)
    ).amplification()
    inferno = matplotlib.colormaps["inferno"]
    assert black == pytest.approx(inferno(0.0)[:3], abs=0.02)
    assert even == pytest.approx(inferno(2 * factor / 100)[:3], abs=0.02)


def test_figure_without_reference(comparison, tmp_path):
    path = figure([comparison.entries[2].reconstruction], tmp_path / "figure.png", frame=0)
    assert matplotlib.image.imread(path).shape[0] > 100
    assert list(tmp_path.iterdir()) == [path]


# In a browser


class Viewer:
    """A page in headless Chromium."""

    def __init__(self, driver, page):
        self.driver = driver
        self.driver.get(page.as_uri())
        self.settle()

    def script(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def settle(self):
        """Wait until what was changed has been drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)));"
        )

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def number(self, selector):
        return float(self.text(selector).replace("−", "-").split(" ")[0])

    def canvases(self, kind="image"):
        return self.driver.find_elements("css selector", f".panel .{kind}")

    def pixels(self, kind="image"):
        """The drawn pixels of one kind of canvas, each (y, x, 4)."""
        code = """
            return [...document.querySelectorAll(arguments[0])].map((canvas) => {
              const { width, height } = canvas;
              if (!width || !canvas.clientWidth) return null;
              const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
              let text = "";
              for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
              return [height, width, btoa(text)];
            });"""
        found = self.script(code, f".panel .{kind}")
        return [
            None if one is None else np.frombuffer(base64.b64decode(one[2]), np.uint8).reshape(one[0], one[1], 4)
            for one in found
        ]

    def at(self, kind, place, y, x):
        """The grey or colour drawn in the middle of image pixel (y, x), unzoomed."""
        drawn = self.pixels(kind)[place]
        height, width = drawn.shape[:2]
        return drawn[int((y + 0.5) / NY * height), int((x + 0.5) / NX * width), :3].astype(int)

    def actions(self):
        from selenium.webdriver.common.action_chains import ActionChains

        return ActionChains(self.driver, duration=0)

    def do(self, actions):
        actions.perform()
        self.settle()

    def offset(self, canvas, y, x):
        """Offsets from a canvas's middle, in CSS pixels, of the middle of image pixel (y, x)."""
        # The driver counts from the middle of what is visible of the canvas.
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
        size = canvas.size
        return round(((x + 0.5) / NX - 0.5) * size["width"]), round(((y + 0.5) / NY - 0.5) * size["height"])

    def hover(self, canvas, y, x):
        self.do(self.actions().move_to_element_with_offset(canvas, *self.offset(canvas, y, x)))

    def leave(self):
        self.do(self.actions().move_to_element(self.find("h1")))

    def drag(self, canvas, dx, dy, key=None):
        actions = self.actions().move_to_element(canvas)
        if key:
            actions.key_down(key)
        actions.click_and_hold().move_by_offset(dx, dy).release()
        if key:
            actions.key_up(key)
        self.do(actions)
        self.leave()

    def keys(self, *keys):
        self.do(self.actions().send_keys(*keys))

    def choose(self, selector, value):
        """Set a slider or a list as a user does."""
        code = """
            const control = document.querySelector(arguments[0]);
            control.value = arguments[1];
            for (const name of ["input", "change"]) control.dispatchEvent(new Event(name));"""
        self.script(code, selector, value)
        self.settle()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium to drive a browser")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("needs chromium and chromedriver")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for switch in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "force-device-scale-factor=1",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "window-size=1400,1000",
    ):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=Service(chromedriver))
    yield browser
    browser.quit()


@pytest.fixture
def viewer(driver, page):
    return Viewer(driver, page)


def same(first, second):
    return first.shape == second.shape and bool((first == second).all())


def test_page_runs_without_errors_or_requests(driver, page):
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    viewer = Viewer(driver, page)
    viewer.keys("e", "e", "a", "n", "+", "s", "?")
    assert driver.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in requests
    assert [url for url in requests if url != page.as_uri() and not url.startswith("data:")] == []
    assert viewer.script("return document.title") == NASTY


def test_grey_follows_the_window_alike_in_all_panels(viewer, comparison):
    viewer.keys("s")
    for level, width in ((50, 100), (60, 20)):
        viewer.choose("#level", level)
        viewer.choose("#window", width)
        for place, extra in ((0, 0), (1, 0), (2, 2)):
            value = float(comparison.reference[1, 10, 20]) + extra
            grey = 255 * min(1, max(0, (value - level + width / 2) / width))
            assert viewer.at("image", place, 10, 20) == pytest.approx([grey] * 3, abs=1)


def test_dragging_sets_the_same_window_for_all(viewer):
    before = viewer.pixels()
    level, width = viewer.number("#level-value"), viewer.number("#window-value")
    viewer.drag(viewer.canvases()[2], 80, -30)
    assert viewer.number("#window-value") == pytest.approx(width * (1 + 80 / 250), abs=0.1)
    assert viewer.number("#level-value") < level
    after = viewer.pixels()
    assert all(not same(old, new) for old, new in zip(before, after, strict=True))
    # The first method is the reference itself, so both panels must agree in every pixel.
    assert same(after[0], after[1])
    # A drag along this diagonal moves the white limit alone.
    viewer.drag(viewer.canvases()[1], 60, 30)
    assert all(not same(old, new) for old, new in zip(after, viewer.pixels(), strict=True))


def test_wheel_zooms_all_panels_around_the_pointer(viewer):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    canvas = viewer.canvases()[1]
    viewer.hover(canvas, 10, 30)
    position = viewer.text("#position")
    assert position == "Cursor: x 30, y 10"
    before, scrolled = viewer.pixels(), viewer.script("return window.scrollY")
    origin = ScrollOrigin.from_element(canvas, *viewer.offset(canvas, 10, 30))
    viewer.do(viewer.actions().scroll_from_origin(origin, 0, -600))
    assert viewer.number("#zoom-value") == pytest.approx(100 * math.exp(0.9), abs=1)
    viewer.hover(canvas, 10, 30)
    assert viewer.text("#position") == position
    after = viewer.pixels()
    assert all(not same(old, new) for old, new in zip(before, after, strict=True))
    assert same(after[0], after[1])
    assert viewer.script("return window.scrollY") == scrolled


def test_dragging_with_shift_pans(viewer):
    from selenium.webdriver.common.keys import Keys

    viewer.keys("+", "+", "+", "+")
    level, width = viewer.text("#level-value"), viewer.text("#window-value")
    canvas = viewer.canvases()[1]
    viewer.hover(canvas, 20, 20)
    start = viewer.text("#position")
    viewer.drag(canvas, 40, 25, Keys.SHIFT)
    moved = viewer.actions().move_to_element_with_offset(
        canvas, *np.add(viewer.offset(canvas, 20, 20), (40, 25)).tolist()
    )
    viewer.do(moved)
    assert viewer.text("#position") == start
    assert (viewer.text("#level-value"), viewer.text("#window-value")) == (level, width)


def test_right_drag_pans_and_opens_no_menu(viewer):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.mouse_button import MouseButton

    viewer.keys("+", "+", "+", "+")
    canvas = viewer.canvases()[2]
    window = viewer.text("#window-value")
    before = viewer.pixels()
    actions = ActionBuilder(viewer.driver, duration=0)
    actions.pointer_action.move_to(canvas).pointer_down(MouseButton.RIGHT).move_by(30, 0).pointer_up(MouseButton.RIGHT)
    actions.perform()
    viewer.leave()
    after = viewer.pixels()
    # Every panel shows what it showed before, 30 pixels further to the right.
    for old, new in zip(before, after, strict=True):
        difference = np.abs(new[40:-40, 70:-40].astype(int) - old[40:-40, 40:-70])
        assert np.median(difference) <= 3
        assert not same(old, new)
    assert viewer.text("#window-value") == window


def test_pinch_zooms(viewer):
    box = viewer.script("return document.querySelector('.panel .image').getBoundingClientRect().toJSON()")
    x, y = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2

    def touch(kind, half):
        points = [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}] if half else []
        viewer.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for half in (25, 30, 35, 40):
        touch("touchMove", half)
    touch("touchEnd", 0)
    viewer.settle()
    assert viewer.number("#zoom-value") == pytest.approx(200, abs=5)


def test_click_moves_the_detail_in_all_panels(viewer):
    before = viewer.pixels("detail")
    canvas = viewer.canvases()[1]
    viewer.do(viewer.actions().move_to_element_with_offset(canvas, *viewer.offset(canvas, 30, 25)).click())
    viewer.leave()
    assert viewer.text("#position") == "Detail centre: x 25, y 30"
    after = viewer.pixels("detail")
    assert all(not same(old, new) for old, new in zip(before, after, strict=True))
    assert same(after[0], after[1])
    viewer.keys("l", "i")
    assert viewer.text("#position") == "Detail centre: x 27, y 28"


def test_values_under_the_cursor(viewer, comparison):
    viewer.hover(viewer.canvases()[3], 24, 6)
    values = [viewer.script("return arguments[0].textContent", one) for one in viewer.canvases("value")]
    truth = comparison.reference[1, 24, 6]
    blurred = comparison.entries[2].reconstruction.magnitude[1, 24, 6]
    assert values[0] == f"{truth:.1f} %"
    assert values[1] == f"{truth:.1f} %   error 0.0"
    assert values[2] == f"{truth + 2:.1f} %   error +2.0"
    assert values[3] == f"{blurred:.1f} %   error {blurred - truth:+.1f}".replace("-", "−")


def test_error_maps_share_one_scale(viewer):
    inferno = matplotlib.colormaps["inferno"]
    viewer.keys("s")
    viewer.choose("#amplification", 10)
    assert "×10: 0 to 10 %" in viewer.text("#map-text")
    assert viewer.pixels("map")[0] is None
    for place, error in ((1, 0.0), (2, 2.0)):
        expected = np.array(inferno(error / 10)[:3]) * 255
        assert viewer.at("map", place, 5, 20) == pytest.approx(expected, abs=6)
    viewer.keys("a")
    assert viewer.at("map", 2, 5, 20) == pytest.approx(np.array(inferno(2 / 5)[:3]) * 255, abs=6)
    viewer.keys("e")
    assert viewer.pixels("map") == [None] * 4
    viewer.keys("e")
    assert viewer.pixels("map")[1] is not None


def test_signed_errors_share_one_scale_and_keep_their_sign(viewer, comparison):
    viewer.keys("s", "d")
    viewer.choose("#amplification", 10)
    assert viewer.script("return document.querySelector('#map').value") == "signed"
    assert viewer.text("#map-text") == "method − reference ×10: −10 to +10 %"
    assert viewer.pixels("map")[0] is None
    assert viewer.at("map", 1, 5, 20).max() < 8
    # 2 of 10 % too bright: between the first and the second of the eight steps to orange.
    assert viewer.at("map", 2, 5, 20) == pytest.approx(np.array([0x5A, 0x17, 0x00]), abs=8)
    difference = comparison.entries[2].reconstruction.magnitude[1] - comparison.reference[1]
    for largest in (difference.argmax(), difference.argmin()):
        y, x = divmod(int(largest), NX)
        red, _, blue = viewer.at("map", 3, y, x)
        assert (red > blue) == (difference[y, x] > 0)
    viewer.keys("d")
    assert "|method − reference| ×10: 0 to 10 %" in viewer.text("#map-text")


def test_without_a_reference_there_is_no_signed_error(driver, comparison, tmp_path):
    page = write_report([entry.reconstruction for entry in comparison.entries], tmp_path / "page.html")
    viewer = Viewer(driver, page)
    viewer.choose("#map", "edges")
    viewer.keys("d")
    assert viewer.script("return document.querySelector('#map').value") == "edges"
    assert '<option value="signed">' not in page.read_text()


def test_edge_maps_and_profiles(viewer, comparison):
    viewer.keys("s")
    viewer.choose("#map", "edges")
    viewer.choose("#amplification", 1)
    image = comparison.reference[1]
    edge = math.hypot(image[24, 12] - image[24, 11], image[25, 11] - image[24, 11])
    assert viewer.at("map", 0, 24, 11) == pytest.approx([255 * edge / 100] * 3, abs=1)
    viewer.choose("#map", "profile")
    column = int(re.search(r"x (\d+)", viewer.text("#position"))[1])
    _, white = gallery_of(comparison.reference).window()
    drawn = viewer.pixels("map")[0]
    height, width = drawn.shape[:2]
    for frame in (0, 2):
        grey = 255 * min(1, float(comparison.reference[frame, 30, column]) / white)
        shown = drawn[int(30.5 / NY * height), int((frame + 0.5) / FRAMES * width), :3]
        assert shown.astype(int) == pytest.approx([grey] * 3, abs=2)


def test_standard_deviations_have_a_map_and_a_scale_of_their_own(driver, ensemble_comparison, tmp_path):
    viewer = Viewer(driver, write_report(ensemble_comparison, tmp_path / "page.html"))
    inferno = matplotlib.colormaps["inferno"]
    before = viewer.text("#map-text")
    viewer.keys("s")
    viewer.choose("#map", "deviation")
    assert [drawn is None for drawn in viewer.pixels("map")] == [True, True, False]
    # The members are 0, 4 and 8 % brighter than the reference.
    assert viewer.text("#map-text") == "standard deviation of the members ×20: 0 to 5 %"
    value = 0.04 * float(ensemble_comparison.reference[1, 24, 20])
    assert viewer.at("map", 2, 24, 20) == pytest.approx(np.array(inferno(value / 5)[:3]) * 255, abs=6)
    viewer.keys("a")
    assert "×50: 0 to 2 %" in viewer.text("#map-text")
    viewer.choose("#map", "error")
    assert viewer.text("#map-text") == before


def test_frame_slider(viewer):
    images, mask = viewer.pixels(), viewer.text("#frame-value")
    assert mask == "2 of 3"
    viewer.choose("#frame", 2)
    assert viewer.text("#frame-value") == "3 of 3"
    assert all(not same(old, new) for old, new in zip(images, viewer.pixels(), strict=True))
    viewer.keys("p")
    assert all(same(old, new) for old, new in zip(images, viewer.pixels(), strict=True))


def test_holding_a_key_shows_one_image_everywhere(viewer):
    before = viewer.pixels()
    assert not same(before[0], before[2])
    for key, place in (("c", 0), ("3", 2)):
        viewer.do(viewer.actions().key_down(key))
        assert all(same(one, before[place]) for one in viewer.pixels())
        viewer.do(viewer.actions().key_up(key))
        assert all(same(old, new) for old, new in zip(before, viewer.pixels(), strict=True))


def test_arrow_keys_act_on_the_images_that_have_the_focus(viewer):
    from selenium.webdriver.common.keys import Keys

    start = viewer.pixels()
    viewer.script("document.getElementById('panels').focus()")
    viewer.keys("+", "+")
    assert viewer.number("#zoom-value") == 156
    zoomed = viewer.pixels()
    viewer.keys(Keys.ARROW_LEFT)
    assert not same(zoomed[0], viewer.pixels()[0])
    viewer.keys(Keys.ARROW_RIGHT)
    assert same(zoomed[0], viewer.pixels()[0])
    level = viewer.number("#level-value")
    viewer.do(viewer.actions().key_down(Keys.SHIFT).send_keys(Keys.ARROW_UP).key_up(Keys.SHIFT))
    assert viewer.number("#level-value") < level
    viewer.keys("r")
    assert all(same(old, new) for old, new in zip(start, viewer.pixels(), strict=True))


def test_help_opens_and_closes_by_key(viewer):
    from selenium.webdriver.common.keys import Keys

    viewer.keys("?")
    assert viewer.find("#keys").is_displayed()
    viewer.keys(Keys.ESCAPE)
    assert not viewer.find("#keys").is_displayed()


def test_table_sorts_by_click_and_key(viewer):
    from selenium.webdriver.common.keys import Keys

    def rows():
        return viewer.script("return [...document.querySelectorAll('#scores tbody th')].map((e) => e.textContent)")

    def direction(column):
        return viewer.find(f"#scores thead th:nth-child({column})").get_attribute("aria-sort")

    name, psnr, nmse = viewer.driver.find_elements("css selector", "#scores thead button")[:3]
    psnr.click()
    assert rows() == ["Total variation", NASTY, "exact"]
    assert direction(2) == "ascending"
    psnr.send_keys(Keys.ENTER)
    assert rows() == ["exact", NASTY, "Total variation"]
    assert direction(2) == "descending"
    # A method without this score stays last in either direction.
    nmse.click()
    assert rows() == ["exact", NASTY, "Total variation"]
    nmse.send_keys(Keys.SPACE)
    assert rows() == [NASTY, "exact", "Total variation"]
    assert direction(2) is None
    name.click()
    assert rows() == sorted(rows(), key=str.lower)


def test_mask_and_kspace_are_drawn(viewer, scan):
    code = """
        const canvas = document.getElementById(arguments[0]);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, Array.from(data.filter((_, i) => i % 4 === 0))];"""
    for frame in (1, 2):
        viewer.choose("#frame", frame)
        for name, expected in (("mask", MASK[0].numpy() * 255), ("kspace", kspace_codes(scan, frame))):
            ny, nx, drawn = viewer.script(code, name)
            assert (np.reshape(drawn, (ny, nx)) == expected).all()


def test_images_keep_their_shape_in_millimetres(viewer):
    size = viewer.canvases()[0].size
    assert size["height"] / size["width"] == pytest.approx(NY * 1.5 / NX, rel=0.01)


def test_page_fits_a_narrow_screen_and_both_themes(driver, page):
    grounds = {}
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        screen = {"width": 500, "height": 900, "deviceScaleFactor": 2, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        viewer = Viewer(driver, page)
        assert viewer.script("return document.documentElement.scrollWidth") <= 500
        colour = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
        grounds[theme] = viewer.script(colour, "body")
        assert viewer.script(colour, ".viewer") == "rgb(12, 15, 18)"
        assert viewer.pixels()[0].shape[1] == 2 * viewer.canvases()[0].size["width"]
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert grounds["light"] != grounds["dark"]


@pytest.mark.parametrize("width", [420, 800, 1280])
def test_long_words_do_not_widen_the_page(driver, tmp_path, width):
    word = "a" * 200
    source = {"label": word, "path": word, "details": {word: word}}
    results = [
        replace(made(object_image(), word, settings={word: word}, notes=(word,), source=source), members=each.members)
        for each in (with_members(), with_members(2))
    ]
    page = write_report(results, tmp_path / "page.html", word)
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    assert Viewer(driver, page).script("return document.documentElement.scrollWidth") <= width
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_table_that_is_cut_shows_that_it_goes_on(driver, page):
    screen = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    viewer = Viewer(driver, page)
    scroller = viewer.find(".scroller:has(#scores)")
    assert viewer.script("return arguments[0].scrollWidth > arguments[0].clientWidth + 20", scroller)

    def edge():
        """Return how bright the right edge is, below the table's last line of text."""
        shown = matplotlib.image.imread(io.BytesIO(scroller.screenshot_as_png))[..., :3]
        return np.median(shown[:, -4:], axis=(0, 2))[1:3].mean()

    cut = edge()
    viewer.script("arguments[0].scrollLeft = 10000", scroller)
    viewer.settle()
    assert cut < edge() - 0.05
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def printed(driver, comparison, tmp_path_factory):
    """Print a page with a table longer than a sheet, by a browser that shows it on no screen."""
    assert driver
    folder = tmp_path_factory.mktemp("printed")
    result = comparison.entries[2].reconstruction
    entry = replace(comparison.entries[2], reconstruction=replace(result, image=result.image[:1]))
    one_frame = {"reference": comparison.reference[:1], "scan": None, "entries": (entry,) * 60}
    page = write_report(replace(comparison, **one_frame), folder / "page.html")
    switches = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [shutil.which("chromium"), *switches, f"--print-to-pdf={folder / 'page.pdf'}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "page.pdf"


def test_a_printed_page_has_its_images(printed):
    streams = re.findall(rb"/Subtype\s*/Image\b.*?stream\r?\n(.*?)\r?\nendstream", printed.read_bytes(), re.DOTALL)
    levels = [len(set(zlib.decompress(stream))) for stream in streams]
    # Of many colours, where a canvas that was not drawn is black.
    assert sum(count > 50 for count in levels) > 60


def test_a_printed_table_repeats_its_head_and_no_heading_stands_alone(printed):
    if not shutil.which("pdftotext"):
        pytest.skip("needs pdftotext")
    text = subprocess.run(["pdftotext", "-layout", printed, "-"], check=True, capture_output=True, text=True).stdout
    sheets = [[line.strip() for line in sheet.splitlines() if line.strip()] for sheet in text.split("\f")]
    of_table = re.compile(r"Total variation no\. \d+ +27\.50")
    with_scores = [sheet for sheet in sheets if any(of_table.match(line) for line in sheet)]
    assert len(with_scores) > 1
    assert all(any(line.startswith("Method") for line in sheet) for sheet in with_scores)
    headings = {"Images", "Scores", "What the scores mean", "Sampling", "How each image was made", "Data and software"}
    assert not [sheet[-1] for sheet in sheets if sheet and sheet[-1] in headings]


def test_without_scripts_still_images_and_the_table_remain(driver, page):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(page.as_uri())
        time.sleep(0.2)
        stills = driver.find_elements("css selector", ".panel img")
        assert len(stills) == 4
        assert all(one.is_displayed() for one in stills)
        assert all(one.size["height"] > 100 for one in stills)
        assert not driver.find_element("css selector", ".panel .image").is_displayed()
        assert "still images of frame 2 of 3" in driver.find_element("css selector", "main").text
        assert "JavaScript is off" in driver.find_element("css selector", "main").text
        assert "34.00" in driver.find_element("css selector", "#scores").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


RECORDER = """
    window.drawn = { texts: [], paths: [], path: [] };
    const context = CanvasRenderingContext2D.prototype;
    const { fillText, beginPath, lineTo } = context;
    context.fillText = function (text, x, y) {
      if (this.canvas.className === "image") drawn.texts.push([text, x / this.canvas.width, y / this.canvas.height]);
      fillText.call(this, text, x, y);
    };
    context.beginPath = function () { drawn.paths.push((drawn.path = [])); beginPath.call(this); };
    context.lineTo = function (x, y) { drawn.path.push(x / this.canvas.width); lineTo.call(this, x, y); };"""


def what_is_drawn(viewer, key):
    """The texts on the images, and the scale bars' lengths as parts of the image's width, after a key."""
    viewer.script("Object.assign(window.drawn, { texts: [], paths: [] })")
    viewer.keys(key)
    drawn = viewer.script("return window.drawn")
    # The bar is the one line of four points.
    return drawn["texts"], {round(path[2] - path[1], 6) for path in drawn["paths"] if len(path) == 4}


def test_letters_and_scale_bar_follow_orientation_and_zoom(driver, tmp_path):
    # Stored axes grow to the right and to the front: both are turned for the radiological view.
    placement = Placement((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    geometry = Geometry((5.0, 3.0, 5.0), placements=(placement,) * FRAMES)
    page = write_report([replace(made(object_image(), "a"), geometry=geometry)], tmp_path / "page.html")
    assert embedded(page)["edges"] == [["R", "A", "L", "P"]] * FRAMES
    assert "Orientation axial" in words(page)
    viewer = Viewer(driver, page)
    viewer.script(RECORDER)
    for zooms, length, text in ((0, 50, "5 cm"), (5, 10, "1 cm")):
        viewer.keys("0", *"+" * zooms)
        texts, bars = what_is_drawn(viewer, "s")
        assert {one[0] for one in texts} == {"R", "A", "L", "P", text}
        places = {one[0]: one[1:] for one in texts}
        assert places["R"][0] < 0.1 < 0.9 < places["L"][0]
        assert places["A"][1] < 0.1 < 0.9 < places["P"][1]
        seen = NX * 5.0 / (viewer.number("#zoom-value") / 100)
        assert list(bars) == [pytest.approx(length / seen, rel=0.01)]


def test_what_is_not_known_is_not_drawn(driver, tmp_path):
    unknown = replace(made(object_image(), "a"), geometry=Geometry())
    page = write_report([unknown], tmp_path / "page.html")
    assert (embedded(page)["edges"], embedded(page)["pixel"]) == (None, None)
    assert "Pixel not known" in words(page)
    assert "Orientation not known" in words(page)
    assert "1 × 1" not in words(page)
    viewer = Viewer(driver, page)
    viewer.script(RECORDER)
    assert what_is_drawn(viewer, "s") == ([], set())


def test_frames_of_several_planes_are_each_turned_and_lettered(tmp_path):
    axial = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    feet_up = Placement((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
    sagittal = Placement((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    image = torch.arange(36.0).reshape(2, 3, 6)
    result = replace(made(image, "a"), geometry=Geometry((5.0, 2.0, 1.0), placements=(axial, feet_up)))
    data = embedded(write_report([result], tmp_path / "page.html"))
    assert data["edges"] == [["R", "A", "L", "P"], ["R", "S", "L", "I"]]
    np.testing.assert_array_equal(Results.of([result]).turn(image), np.stack([image[0], image[1].flip(0)]))
    # Rows and columns of one of them alone would have to be exchanged: all are shown as they are stored.
    result = replace(result, geometry=Geometry((5.0, 2.0, 1.0), placements=(axial, sagittal)))
    data = embedded(write_report([result], tmp_path / "page.html"))
    assert data["edges"] == [["R", "A", "L", "P"], ["S", "A", "I", "P"]]
    np.testing.assert_array_equal(Results.of([result]).turn(image), image)
