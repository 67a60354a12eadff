"""Figures for print: images in columns; rows of images, details, errors, edges and profiles along time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.files.output import atomically, check_target
from fourfold.report.pictures import Box, Gallery

__all__ = ["ROWS", "SUFFIXES", "PrintFigure", "Row", "write_chart", "write_print_figure"]

Row: TypeAlias = Literal["image", "detail", "error", "edges", "profile"]
ROWS: tuple[Row, ...] = get_args(Row)
"""What a row shows: the images, their magnified detail, |image − reference|, the magnitude of the spatial gradient, and
one column of pixels along time."""

SUFFIXES = (".pdf", ".svg", ".png")
_MILLIMETRES = 25.4
_DPI = 600
# In inches; text is of one size, as journals ask for.
_GAP, _HEAD, _BAR, _LINE = 0.03, 0.17, 0.09, 0.15
_TEXT = 7.0
_MARK = "#e69f00"
"""Orange of the palette of Okabe and Ito, told from grey by every eye."""
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": _TEXT, "pdf.fonttype": 42, "svg.hashsalt": "fourfold"}
_COLOURS: Mapping[str, str] = {
    "image": "gray",
    "detail": "gray",
    "profile": "gray",
    "error": "cividis",
    "edges": "gray",
}


@dataclass(frozen=True, eq=False)
class PrintFigure:
    """What is drawn.

    Raises
    ------
    InputError
        For a row that the images do not allow, a frame or a box beyond them, and a column beyond them.
    """

    labels: Sequence[str]
    """Of the columns."""
    gallery: Gallery
    """Images by column, the reference first where there is one."""
    rows: Sequence[Row] = ("image", "detail", "error")
    notes: Sequence[str] = ()
    """Line below the label of each column, such as a score; none at all leaves the line out."""
    frame: int | None = None
    """Frame to show; the middle one when None."""
    box: Box | None = None
    """Detail; the place with the most fine structure when None."""
    column: int | None = None
    """Column of pixels of the profile; that with the most motion when None."""
    width: float = 180.0
    """Width in millimetres."""
    shown: int = field(init=False)
    """Number of the frame that is shown."""

    def __post_init__(self) -> None:
        frames, ny, nx = self.gallery.shape
        frame = self.gallery.start if self.frame is None else self.frame
        if not 0 <= frame < frames:
            raise InputError(f"The frame {frame} was asked for; the images have frames 0 to {frames - 1}.")
        object.__setattr__(self, "shown", frame)
        if "error" in self.rows and (not self.gallery.has_reference or len(self.labels) < 2):
            raise InputError("Error maps need a reference and another image: give --reference, or leave 'error' out.")
        if "profile" in self.rows and frames < 2:
            raise InputError("A profile along time needs two frames or more: leave 'profile' out.")
        if self.box is not None and (self.box.y + self.box.height > ny or self.box.x + self.box.width > nx):
            raise InputError(f"The detail reaches beyond the images of {ny}×{nx} pixels; give a smaller box.")
        if self.column is not None and not 0 <= self.column < nx:
            raise InputError(f"The column {self.column} was asked for; the images have columns 0 to {nx - 1}.")


def write_print_figure(shown: PrintFigure, path: str | Path, *, replace: bool = False) -> Path:
    """Write a figure as PDF, SVG or PNG (600 dots per inch), on white, with embedded text of one font and size.

    Parameters
    ----------
    shown
        What is drawn.
    path
        The file; its suffix is the format.
    replace
        Whether a file that exists is replaced.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    target = check_target(path, SUFFIXES)
    # The style is that of this drawing alone.
    with matplotlib.rc_context(_STYLE):
        _save(_Drawing(shown).figure, target, replace)
    return target


def write_chart(
    title: str, averaged: Sequence[float], single: Sequence[float], path: str | Path, *, replace: bool = False
) -> Path:
    """Write the chart of a score against the number of averaged members, for print.

    Parameters
    ----------
    title
        What the score is.
    averaged
        Scores of the mean of the first k members, k = 1 ….
    single
        Scores of the members alone.
    path, replace
        As in `write_print_figure`.
    """
    target = check_target(path, SUFFIXES)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(88 / _MILLIMETRES, 60 / _MILLIMETRES), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.plot([1] * len(single), single, "o", color="none", mec="#777777", ms=3.5, label="single members")
        axes.plot(range(1, len(averaged) + 1), averaged, "o-", color="#0072b2", lw=1, ms=3, label="mean of the first k")
        axes.set_xlabel("averaged members k")
        axes.set_ylabel(title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        _save(figure, target, replace)
    return target


def _save(figure: Figure, target: Path, replace: bool) -> None:
    suffix = target.suffix.lower()
    with atomically(target, target.suffix, replace) as file:
        # Without the time, the same figure is the same file.
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}[suffix]
        figure.savefig(file, format=suffix[1:], dpi=_DPI, facecolor="white", metadata=metadata)


class _Drawing:
    """Places the pictures in inches: every row has one height, every column one width."""

    def __init__(self, shown: PrintFigure) -> None:
        self.shown, self.gallery = shown, shown.gallery
        self.box = shown.box or self.gallery.detail()
        self.column = self._column()
        count = len(shown.labels)
        self.wide = (shown.width / _MILLIMETRES - (count - 1) * _GAP) / count
        self.heights = [self._height(row) for row in shown.rows]
        self.head = _HEAD + (_LINE if shown.notes else 0)
        self.bars = [row for row in ("image", "error") if row in shown.rows]
        self.height = self.head + sum(self.heights) + _GAP * len(self.heights) + (_LINE + _BAR) * len(self.bars)
        self.figure = Figure(figsize=(shown.width / _MILLIMETRES, self.height))
        FigureCanvasAgg(self.figure)
        self.limits = self._limits()
        for place in range(count):
            self._column_of(place)
        for line, row in enumerate(self.bars):
            self._bar(line, row)

    def _column(self) -> int:
        frames = range(self.gallery.shape[0])
        return self.gallery.column_with_most_motion(frames) if self.shown.column is None else self.shown.column

    def _height(self, row: Row) -> float:
        _, ny, nx = self.gallery.shape
        if row == "detail":
            return self.wide / self.gallery.aspect(self.box.height, self.box.width)
        image = self.wide / self.gallery.aspect(ny, nx)
        return image if row != "profile" else min(image, self.wide)

    def _limits(self) -> dict[str, tuple[float, float]]:
        """Return black and white of each row, in percent of the first image's maximum."""
        window = self.gallery.window()
        edges = float(np.percentile(_gradient(self.gallery.images[0][self.shown.shown]), 99.5))
        error = 100 / self.gallery.amplification()
        grey = dict.fromkeys(("image", "detail", "profile"), window)
        return {**grey, "error": (0.0, error), "edges": (0.0, edges)}

    def _column_of(self, place: int) -> None:
        left, top = place * (self.wide + _GAP), self.head
        self._text(left, _HEAD - 0.05, self.shown.labels[place])
        if self.shown.notes:
            self._text(left, _HEAD + _LINE - 0.05, self.shown.notes[place])
        for row, height in zip(self.shown.rows, self.heights, strict=True):
            picture = self._picture(place, row)
            if picture is not None:
                axes = self._axes(left, top, self.wide, height)
                low, high = self.limits[row]
                axes.imshow(picture, cmap=_COLOURS[row], vmin=low, vmax=high, aspect="auto", interpolation="nearest")
                if row == "image":
                    self._marks(axes)
            top += height + _GAP

    def _picture(self, place: int, row: Row) -> NDArray[np.float32] | None:
        """Return what a row shows of an image, None for the error of the reference."""
        frames = self.gallery.images[place]
        image = frames[self.shown.shown]
        if row == "detail":
            return image[self.box.slices]
        if row == "error":
            if place == 0:
                return None
            difference: NDArray[np.float32] = np.abs(image - self.gallery.images[0][self.shown.shown])
            return difference
        if row == "edges":
            return _gradient(image)
        return frames[:, :, self.column].T if row == "profile" else image

    def _marks(self, axes: Axes) -> None:
        """Draw where the detail and the profile are."""
        if "detail" in self.shown.rows:
            corner = (self.box.x - 0.5, self.box.y - 0.5)
            axes.add_patch(Rectangle(corner, self.box.width, self.box.height, fill=False, edgecolor=_MARK, lw=0.7))
        if "profile" in self.shown.rows:
            axes.axvline(self.column, color=_MARK, lw=0.7, ls=(0, (3, 3)))

    def _bar(self, line: int, row: str) -> None:
        low, high = self.limits[row]
        of = "the reference's" if self.gallery.has_reference else "the first image's"
        words = {"image": "intensity", "error": "|image − reference|"}[row]
        top = self.height - (len(self.bars) - line) * (_LINE + _BAR) + 0.04
        axes = self._axes(0, top, 0.7, _BAR)
        axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=_COLOURS[row])
        self._text(0.76, top + _BAR, f"{words}: {low:.0f} to {high:.3g} % of {of} maximum")

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        whole = self.shown.width / _MILLIMETRES
        bottom = self.height - top - height
        axes = self.figure.add_axes((left / whole, bottom / self.height, width / whole, height / self.height))
        axes.set_axis_off()
        return axes

    def _text(self, left: float, baseline: float, words: str) -> None:
        whole = self.shown.width / _MILLIMETRES
        self.figure.text(left / whole, 1 - baseline / self.height, words, parse_math=False)


def _gradient(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude of the gradient by differences to the next pixel, of the image's shape."""
    rows = np.diff(image, axis=0, append=image[-1:])
    columns = np.diff(image, axis=1, append=image[:, -1:])
    return (np.hypot(rows, columns) / math.sqrt(2)).astype(np.float32)
