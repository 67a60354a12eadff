"""Figures 2 to 6 of Dar et al. (2018): images of one test image side by side, and scores against images of tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fourfold.files.output import atomically
from fourfold.methods.method import Method
from fourfold.metrics import find_protocol
from fourfold.report.charts import chart_png, tuning_chart
from fourfold.report.figures import figure
from fourfold.report.results import Results
from fourfold.report.study_figures import Drawn
from fourfold.studies.transfer import Cell, Transfer

__all__ = ["transfer_figures"]


def transfer_figures(study: Transfer, folder: Path) -> list[Drawn]:
    """Draw the figures into a folder, as ``figure-2.png`` and so on."""
    domains = list(enumerate(study.settings.test_on))
    count = len(domains)
    drawn = [_networks(study, domain, str(2 + place), folder) for place, domain in domains]
    for place, domain in domains:
        number = str(2 + count + place)
        drawn.append(_sizes(study, domain, f"{number}a", folder))
        drawn += [
            _curves(study, domain, protocol, f"{number}{'bcdefgh'[which]}", folder)
            for which, protocol in enumerate(study.settings.protocols)
        ]
    last = 2 + 2 * count
    return drawn + [_methods(study, domain, f"{last}{'abcdefgh'[place]}", folder) for place, domain in domains]


def _networks(study: Transfer, domain: str, number: str, folder: Path) -> Drawn:
    """Draw the networks of all domains, raw and tuned, beside zero-filling."""
    settings = study.settings
    raw = [study.largest(name) for name in settings.train_on]
    tuned = [cell.tuned(domain, settings.tuned) for cell in raw] if settings.tuned else []
    shown: list[Cell | Method] = [*_classical(study, domain, zero_filled=True), *raw, *tuned]
    return _side_by_side(study, domain, shown, number, f"Networks of each domain on an image of {domain}.", folder)


def _methods(study: Transfer, domain: str, number: str, folder: Path) -> Drawn:
    """Draw the tuned networks beside the methods."""
    settings = study.settings
    tuned = [study.largest(name).tuned(domain, settings.tuned) for name in settings.train_on]
    shown: list[Cell | Method] = [*_classical(study, domain, zero_filled=False), *tuned]
    return _side_by_side(study, domain, shown, number, f"Methods and tuned networks on an image of {domain}.", folder)


def _sizes(study: Transfer, domain: str, number: str, folder: Path) -> Drawn:
    """Draw the transferred network of the fewest and the most images, raw and tuned, and the domain's own."""
    settings = study.settings
    sizes = settings.sizes_of(settings.source)
    shown = [
        Cell(settings.source, size).tuned(domain, images)
        for size in sorted({sizes[0], sizes[-1]})
        for images in sorted({0, settings.tuned, settings.tunings[-1]})
    ]
    if domain in settings.train_on and domain != settings.source:
        shown.append(study.largest(domain))
    words = f"The {settings.source}-trained network on an image of {domain}, by images for training and tuning."
    return _side_by_side(study, domain, shown, number, words, folder)


def _classical(study: Transfer, domain: str, *, zero_filled: bool) -> list[Method]:
    return [
        method
        for method in study.settings.methods
        if (method, domain) in study.classical and (method.name == "zero-filled") == zero_filled
    ]


def _side_by_side(
    study: Transfer, domain: str, shown: Sequence[Cell | Method], number: str, words: str, folder: Path
) -> Drawn:
    index, psnr = study.example(domain), find_protocol("psnr")
    unseen = study.unseen[domain]
    results = Results(
        tuple(study.image(made, domain, index) for made in shown),
        tuple(map(_label, shown)),
        tuple({"psnr": _psnr(study, made, domain, index)} for made in shown),
        (psnr,),
        unseen.reference(index),
        "fully sampled image",
    )
    name = unseen.examples.name(index)
    file = figure(results, folder / f"figure-{number}.png", foot=(f"Shown: {name}.",))
    caption = f"{words} Image, magnified detail and error of the image with the median PSNR ({name})."
    return Drawn(number, caption, file)


def _psnr(study: Transfer, made: Cell | Method, domain: str, index: int) -> float:
    scores = study.networks[made, domain] if isinstance(made, Cell) else study.classical[made, domain]
    return scores.values["psnr"][index]


def _label(made: Cell | Method) -> str:
    if isinstance(made, Method):
        return made.title
    return f"{made.trained_on} {made.size}, {f'tuned {made.tuning}' if made.tuning else 'raw'}"


def _curves(study: Transfer, domain: str, name: str, number: str, folder: Path) -> Drawn:
    """Draw a score against the number of images for tuning, a curve for each number of images for training."""
    settings, protocol = study.settings, find_protocol(name)
    curves = {
        f"{size} images": [
            study.networks[Cell(settings.source, size).tuned(domain, images), domain].spread(name).mean
            for images in settings.tunings
        ]
        for size in settings.sizes_of(settings.source)
    }
    lines = {
        method.title: study.classical[method, domain].spread(name).mean
        for method in _classical(study, domain, zero_filled=False)
    }
    if domain in settings.train_on and domain != settings.source:
        own = study.largest(domain)
        lines[f"{domain}-trained, {own.size}"] = study.networks[own, domain].spread(name).mean
    path = folder / f"figure-{number}.png"
    with atomically(path, ".png") as file:
        file.write_bytes(chart_png(tuning_chart(f"{protocol.title} on {domain}", settings.tunings, curves, lines)))
    caption = (
        f"{protocol.title} of the {settings.source}-trained network on {domain} against the number of images for "
        "tuning, a curve for each number of images for training; dashed what it is compared with."
    )
    return Drawn(number, caption, path)
