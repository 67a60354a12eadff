"""The page of a reconstruction or comparison: one HTML file that needs no server and no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fourfold.confidence.result import Trust
from fourfold.files.output import atomically, check_target, write_text
from fourfold.report.contents import contents
from fourfold.report.pictures import Box, Gallery
from fourfold.report.results import Results
from fourfold.report.template import part, render
from fourfold.scan import Reconstruction, Scan
from fourfold.studies import Comparison

__all__ = ["write_report"]

SUFFIXES = (".html", ".htm")

SCRIPTS = ("data", "colour", "view", "panel", "gestures", "keyboard", "controls", "kspace", "table", "main")
"""The page's scripts in the order in which each needs the ones before."""


def write_report(
    results: Comparison | Sequence[Reconstruction],
    path: str | Path,
    title: str = "Reconstruction report",
    *,
    scan: Scan | None = None,
    trusts: Sequence[Trust | None] = (),
    replace: bool = True,
) -> Path:
    """Write one self-contained HTML page with the images, scores and provenance of `results`.

    Parameters
    ----------
    results
        A comparison, or reconstructions of one scan without a reference (no scores and error maps then).
    path
        The file to write; it appears when it is complete.
    title
        The page's heading.
    scan
        The scan that plain reconstructions were made from, to show its mask and k-space; a comparison brings its own.
    trusts
        How far to believe each of plain reconstructions (`fourfold.confidence`); a comparison brings its own.
    replace
        Whether a file that exists is replaced; else it is kept and an InputError raised.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    InputError
        When there is no image, the images' shapes differ, or the file cannot be written.
    """
    path = check_target(path, SUFFIXES)
    shown = Results.of(results, scan, trusts)
    gallery = shown.gallery()
    box = gallery.detail()
    html = render(
        "page.html",
        title=title,
        script="\n".join(part(f"{name}.js") for name in SCRIPTS),
        style=part("page.css") + _proportions(gallery, box),
        **contents(shown, gallery, box),
    )
    with atomically(path, path.suffix, replace) as file:
        write_text(file, html)
    return path


def _proportions(gallery: Gallery, box: Box) -> str:
    """Return the shapes of the images on the screen, width over height, as CSS."""
    _, ny, nx = gallery.shape
    image, detail = gallery.aspect(ny, nx), gallery.aspect(box.height, box.width)
    # A panel stacks the image, the detail and a map of the image's shape.
    height = 2 / image + 1 / detail
    values = {"count": len(gallery.images), "image-aspect": image, "detail-aspect": detail, "height": height}
    return ":root {" + " ".join(f"--{name}: {value:.6g};" for name, value in values.items()) + "}"
