"""A still figure for documents: images side by side, a magnified detail, and error maps on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fourfold.files.output import atomically, check_target
from fourfold.report.palette import GROUND, MARK, MUTED, TEXT
from fourfold.report.pictures import Box, Gallery
from fourfold.report.results import Results
from fourfold.report.wording import decimal
from fourfold.scan import Reconstruction
from fourfold.studies import Comparison

__all__ = ["figure"]

COLUMN = 2.1
"""Width of one image in inches."""
GAP = 0.06
HEAD = 0.44
LINE = 0.2
"""Heights in inches of what stands above the images, and of one line below them."""
LEAST_WIDTH = 4.0


def figure(
    results: Comparison | Sequence[Reconstruction] | Results,
    path: str | Path,
    *,
    frame: int | None = None,
    dpi: int = 110,
    below: Sequence[Sequence[str]] = (),
    foot: Sequence[str] = (),
) -> Path:
    """Write a PNG with a column for each image: the image, its magnified detail, its error map.

    Parameters
    ----------
    results
        A comparison, or reconstructions without a reference (no scores and error maps then), or either with labels.
    path
        The PNG to write; an existing one is replaced only once the new one is complete.
    frame
        The frame to show; the middle one when None.
    dpi
        Pixels per inch; a column is 2.1 inches wide.
    below
        Lines of text below each image, the reference included.
    foot
        Lines of text at the foot.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    InputError
        As `fourfold.report.page.write_report`.
    """
    path = check_target(path, (".png",))
    shown = results if isinstance(results, Results) else Results.of(results)
    gallery = shown.gallery()
    index = gallery.start if frame is None else frame
    if shown.simulated:
        foot = (*foot, "Simulated data: the k-space was computed from an image.")
    drawing = _Drawing(gallery, index, below, foot)
    for place, (caption, score) in enumerate(zip(shown.captions, _score_texts(shown), strict=True)):
        drawing.add(place, caption, score)
    drawing.add_foot()
    with atomically(path, path.suffix) as file:
        drawing.figure.savefig(file, format="png", dpi=dpi, facecolor=GROUND)
    return path


def _score_texts(shown: Results) -> list[str]:
    """Return the first score beside each image's label."""
    texts = [""] if shown.reference is not None else []
    if not shown.metrics:
        return texts + [""] * len(shown.labels)
    first = shown.metrics[0]
    return texts + [f"{first.name} {decimal(scores[first.name], first.decimals)}" for scores in shown.scores]


class _Drawing:
    """Places the pictures in inches, so that every pixel of an image has the same size in every column."""

    def __init__(
        self, gallery: Gallery, frame: int, below: Sequence[Sequence[str]] = (), foot: Sequence[str] = ()
    ) -> None:
        self.gallery, self.frame, self.below, self.words = gallery, frame, below, foot
        self.box: Box = gallery.detail()
        _, ny, nx = gallery.shape
        image = COLUMN / gallery.aspect(ny, nx)
        detail = COLUMN / gallery.aspect(self.box.height, self.box.width)
        self.heights = [image, detail] + ([image] if gallery.has_reference else [])
        self.text = HEAD + sum(self.heights) + GAP * len(self.heights)
        self.foot = self.text + LINE * max((len(lines) for lines in below), default=0)
        lines = 1 + gallery.has_reference + len(foot)
        self.width = max(LEAST_WIDTH, GAP + len(gallery.images) * (COLUMN + GAP))
        self.height = self.foot + (lines + 0.5) * LINE
        self.figure = Figure(figsize=(self.width, self.height))
        FigureCanvasAgg(self.figure)

    def add(self, place: int, caption: str, score: str) -> None:
        """Draw the column of one image."""
        image = self.gallery.images[place][self.frame]
        black, white = self.gallery.window()
        grey = {"cmap": "gray", "vmin": black, "vmax": white}
        left = GAP + place * (COLUMN + GAP)
        self._text(left, HEAD - 0.24, caption, TEXT, 10)
        self._text(left, HEAD - 0.07, score, MUTED, 8)
        picture = self._show(place, 0, image, **grey)
        corner = (self.box.x - 0.5, self.box.y - 0.5)
        picture.add_patch(Rectangle(corner, self.box.width, self.box.height, fill=False, edgecolor=MARK, lw=0.9))
        self._show(place, 1, image[self.box.slices], interpolation="nearest", **grey)
        if self.gallery.has_reference and place > 0:
            error = np.abs(image - self.gallery.images[0][self.frame])
            self._show(place, 2, error, cmap="inferno", vmin=0, vmax=self._largest_error)
        for line, words in enumerate(self.below[place] if self.below else ()):
            self._text(left, self.text + (0.75 + line) * LINE, words, TEXT, 8)

    def add_foot(self) -> None:
        """Write below the images: the scales, in percent of the first image's maximum, and what the data is."""
        of = "the reference's" if self.gallery.has_reference else "the first image's"
        black, white = self.gallery.window()
        self._scale(0, "gray", f"{black:.0f} to {white:.0f} % of {of} maximum")
        if self.gallery.has_reference:
            factor = self.gallery.amplification()
            self._scale(1, "inferno", f"|method − reference| ×{factor}: 0 to {self._largest_error:g} %")
        for line, words in enumerate(self.words):
            self._text(GAP, self.foot + (1.8 + self.gallery.has_reference + line) * LINE, words, MUTED, 8)

    @property
    def _largest_error(self) -> float:
        return 100 / self.gallery.amplification()

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        bottom = self.height - top - height
        axes = self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))
        axes.set_axis_off()
        return axes

    def _show(self, place: int, row: int, image: np.ndarray[Any, Any], **style: Any) -> Any:
        top = HEAD + sum(self.heights[:row]) + GAP * row
        axes = self._axes(GAP + place * (COLUMN + GAP), top, COLUMN, self.heights[row])
        axes.imshow(image, aspect="auto", **style)
        return axes

    def _scale(self, line: int, colours: str, words: str) -> None:
        baseline = self.foot + (0.8 + line) * LINE
        axes = self._axes(GAP, baseline - 0.1, 0.9, 0.11)
        axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colours)
        self._text(GAP + 0.98, baseline, words, MUTED, 8)

    def _text(self, left: float, baseline: float, words: str, colour: str, size: float) -> None:
        # A label may hold a dollar sign, which is no formula here.
        self.figure.text(
            left / self.width, 1 - baseline / self.height, words, color=colour, fontsize=size, parse_math=False
        )
