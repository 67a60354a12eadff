"""`fourfold figure`: figures for print from images of any tool."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fourfold.cli.console import print_line
from fourfold.cli.files import check_output
from fourfold.cli.flags import OUTPUT, Flag, SettingsFile
from fourfold.errors import InputError, nearest

__all__ = ["figure"]

CONTENT = Group("Content", sort_key=1)


def figure(
    *images: str,
    reference: Annotated[Path | None, Parameter(group=CONTENT)] = None,
    rows: Annotated[list[str] | None, Parameter(group=CONTENT)] = None,
    members: Annotated[Flag, Parameter(group=CONTENT)] = False,
    metric: Annotated[str | None, Parameter(group=CONTENT)] = None,
    frame: Annotated[int | None, Parameter(group=CONTENT)] = None,
    box: Annotated[tuple[int, int, int, int] | None, Parameter(group=CONTENT)] = None,
    column: Annotated[int | None, Parameter(group=CONTENT)] = None,
    width: Annotated[float, Parameter(group=OUTPUT)] = 180.0,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("figure.pdf"),
    force: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    settings: SettingsFile = None,
) -> None:
    """Draw a figure for print: images side by side with details, error maps, edge maps and profiles along time.

    Images may be of any tool: NIfTI, PNG, DICOM, npy, npz or h5, all of one size. The figure is PDF, SVG or PNG, on
    white, with text of one size, and in colours that colour-blind readers tell apart.

    For example:

        fourfold figure TV=tv.nii.gz VarNet=varnet.nii.gz --reference full.nii.gz -o figure.pdf

        fourfold figure kt-tv=cine.nii.gz --rows image,profile --column 60 -o profile.svg

        fourfold figure members.npz --members --reference full.npy -o members.pdf

    Parameters
    ----------
    images
        Files, each with its label before it (TV=tv.nii.gz), or labelled by the file's name.
    reference
        Image to compare with, in the same units; it is the first column.
    rows
        Rows, separated by commas: image, detail, error, edges (the magnitude of the gradient), profile (a column of
        pixels along time). With a reference image,detail,error, otherwise image,detail.
    members
        Draw the score against the number of averaged members instead; the one file holds the members as frames.
    metric
        Score below each label, psnr with a reference.
    frame
        Frame to show, counted from 0; the middle one unless given.
    box
        Detail: its first row and column, height and width in pixels; where the fine structure is unless given.
    column
        Column of pixels of the profile; that with the most motion unless given.
    width
        Width of the figure in millimetres.
    output
        File to write: .pdf, .svg or .png.
    force
        Replace a file that exists.
    """
    # Loads torch, which the help does not need.
    from fourfold.formats.image_files import read_image_file
    from fourfold.report.print_figure import SUFFIXES

    files = [_labelled(text) for text in images]
    if not files:
        raise InputError("No image was given; name one or more files, such as TV=tv.nii.gz.")
    check_output(output, SUFFIXES, (*(path for _, path in files), reference, settings), force)
    if not 30 <= width <= 1000:
        raise InputError(f"The width is {width:g} mm; give 30 to 1000 mm, such as 88 for a column or 180 for a page.")
    if metric is not None and reference is None:
        raise InputError("A score needs a reference: give --reference, or leave --metric out.")
    read = [read_image_file(path) for _, path in files]
    truth = None if reference is None else read_image_file(reference)
    if members:
        _members(files, read, truth, metric, output, force)
    else:
        _images([label for label, _ in files], read, truth, rows, metric, (frame, box, column), width, output, force)
    print_line(f"Written: {output}")


def _labelled(text: str) -> tuple[str, Path]:
    """Return label and file of ``label=file``; without a label the name of the file."""
    label, separator, name = text.partition("=")
    path = Path(name if separator else text)
    return (label if separator else path.name.split(".")[0]), path


def _images(
    labels: Sequence[str],
    read: Sequence[Any],
    truth: Any,
    rows: Sequence[str] | None,
    metric: str | None,
    places: tuple[int | None, tuple[int, int, int, int] | None, int | None],
    width: float,
    output: Path,
    force: bool,
) -> None:
    from fourfold.report.pictures import Box, Gallery
    from fourfold.report.print_figure import PrintFigure, write_print_figure

    frame, box, column = places
    shown = [*([] if truth is None else [truth]), *read]
    aspect = shown[0].pixel_aspect
    gallery = Gallery.of([each.frames for each in shown], truth is not None, (aspect, 1.0))
    default: Any = ("image", "detail") if truth is None else ("image", "detail", "error")
    figure = PrintFigure(
        ["Reference", *labels] if truth is not None else labels,
        gallery,
        default if rows is None else _rows(rows),
        (),
        frame,
        None if box is None else Box(*box),
        column,
        width,
    )
    if truth is not None:
        scores = (_score(each, truth, metric or "psnr", figure.shown) for each in read)
        figure = dataclasses.replace(figure, notes=["", *scores])
    write_print_figure(figure, output, replace=force)


def _rows(texts: Sequence[str]) -> Any:
    from fourfold.report.print_figure import ROWS

    names = [name.strip() for text in texts for name in text.split(",")]
    for name in names:
        if name not in ROWS:
            raise InputError(f"There is no row '{name}'; there are {', '.join(ROWS)}.{nearest(name, ROWS)}")
    return names


def _score(image: Any, truth: Any, name: str, frame: int) -> str:
    """Return the score of a frame in words."""
    import torch

    from fourfold.metrics import find_metric

    metric = find_metric(name)
    pair = [torch.from_numpy(each.frames[frame : frame + 1].copy()) for each in (image, truth)]
    return f"{metric.name} {metric.evaluate(*pair)[0]:.{metric.decimals}f}"


def _members(
    files: Sequence[tuple[str, Path]], read: Sequence[Any], truth: Any, metric: str | None, output: Path, force: bool
) -> None:
    import torch

    from fourfold.metrics import find_metric
    from fourfold.report.print_figure import write_chart
    from fourfold.studies.ensemble import ensemble_scores

    if len(files) != 1 or truth is None:
        raise InputError("The chart of members needs one file, whose frames are the members, and --reference.")
    chosen, images = find_metric(metric or "psnr"), torch.from_numpy(read[0].frames.copy())
    reference = torch.from_numpy(truth.frames[len(truth.frames) // 2][None].copy())
    if len(images) < 2 or images.shape[1:] != reference.shape[1:]:
        raise InputError(
            f"'{files[0][1]}' holds {len(images)} image(s) of {tuple(images.shape[1:])}; give two members or more of "
            f"the reference's size {tuple(reference.shape[1:])}."
        )
    scores = ensemble_scores(images[:, None].to(torch.complex64), reference, (chosen,))
    write_chart(chosen.title, scores.averaged[chosen.name], scores.single[chosen.name], output, replace=force)
