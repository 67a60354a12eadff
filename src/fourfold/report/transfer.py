"""The folder of a transfer-learning study: Tables 1 to 4 and Figures 2 to 6 of Dar et al. (2018) for its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fourfold.methods.method import Method
from fourfold.metrics import Protocol, find_protocol
from fourfold.report.tables import ScoreTable, Written, write_csv, write_page
from fourfold.report.transfer_figures import transfer_figures
from fourfold.report.wording import pairs
from fourfold.studies.study import Spread
from fourfold.studies.transfer import Cell, Transfer
from fourfold.studies.transfer_findings import transfer_findings

__all__ = ["write_transfer"]

_PAPER = "Dar, Özbey, Çatlı and Çukur, arXiv:1710.02615"


def write_transfer(study: Transfer, folder: Path) -> Written:
    """Write ``index.html``, the tables as CSV, ``scores.csv`` with a row for each image, and the figures as PNG.

    Parameters
    ----------
    study
        The results.
    folder
        An existing folder; files of these names are replaced, each once the new one is complete.
    """
    settings = study.settings
    tables = (
        *(_networks(study, domain, 1 + place) for place, domain in enumerate(settings.test_on)),
        *(_sizes(study, domain, 1 + len(settings.test_on) + place) for place, domain in enumerate(settings.test_on)),
    )
    write_csv(folder / "scores.csv", study.rows())
    notes = [f"{title} is left out for {domain}: {sentence}" for title, domain, sentence in study.failures]
    return write_page(
        folder,
        Written(folder / "index.html", tables, tuple(transfer_findings(study))),
        transfer_figures(study, folder),
        title="Transfer learning: " + ", ".join(f"{settings.source} to {name}" for name in settings.test_on),
        paper=_PAPER,
        facts=_facts(study),
        simulated=any(source.kind == "images" for each in settings.domains.values() for source in each.sources),
        protocols=_protocols(study),
        notes=notes,
        records=[
            ("Training", pairs(settings.training)),
            ("Tuning, where it is other", pairs(settings.tuning)),
            *((method.title, pairs(method.model_dump(mode="json"))) for method in settings.methods),
        ],
    )


def _facts(study: Transfer) -> list[tuple[str, str]]:
    settings = study.settings
    tested = [
        f"{name}: {len(unseen.examples)} images of "
        f"{len({unseen.examples.subject(index) for index in range(len(unseen.examples))})} unseen subjects"
        for name, unseen in study.unseen.items()
    ]
    trained = [f"{name} ({', '.join(map(str, settings.sizes_of(name)))} images)" for name in settings.train_on]
    return [
        ("Trained on", ", ".join(trained)),
        ("Tested on", ", ".join(tested)),
        ("Tuned with", ", ".join(map(str, settings.tunings)) + " images"),
        ("Networks", str(len({cell for cell, _ in study.networks}))),
    ]


def _protocols(study: Transfer) -> tuple[Protocol, ...]:
    return tuple(map(find_protocol, study.settings.protocols))


def _networks(study: Transfer, domain: str, number: int) -> ScoreTable:
    """Return the networks of each domain, raw and tuned, beside the methods (Tables 1 and 2)."""
    settings, protocols = study.settings, _protocols(study)
    raw = [study.largest(name) for name in settings.train_on]
    tuned = [cell.tuned(domain, settings.tuned) for cell in raw] if settings.tuned else []
    named: list[tuple[str, Cell | Method]] = [
        *((f"{cell.trained_on}-trained on {cell.size}, raw", cell) for cell in raw),
        *((f"{cell.trained_on}-trained on {cell.size}, tuned with {cell.tuning}", cell) for cell in tuned),
        *((method.title, method) for method in settings.methods if (method, domain) in study.classical),
    ]
    return ScoreTable(
        str(number),
        f"Networks and methods on {len(study.unseen[domain].examples)} images of {domain}: mean ± standard deviation.",
        "Reconstruction",
        tuple(protocol.title for protocol in protocols),
        protocols,
        tuple((name, _spreads(study, made, domain)) for name, made in named),
    )


def _sizes(study: Transfer, domain: str, number: int) -> ScoreTable:
    """Return sizes of training and tuning, the networks of the domain itself below (Tables 3 and 4)."""
    settings, protocols = study.settings, _protocols(study)
    own = domain if domain in settings.train_on and domain != settings.source else None
    sizes = sorted({*settings.sizes_of(settings.source), *(settings.sizes_of(own) if own else ())})
    rows = [(f"tuned with {images}" if images else "raw", settings.source, images) for images in settings.tunings]
    if own:
        most = settings.tunings[-1]
        rows += [(f"{own}-trained, raw", own, 0)]
        rows += [(f"{own}-trained, tuned with {most}", own, most)] if most else []
    return ScoreTable(
        str(number),
        f"The {settings.source}-trained network on {domain}, against the numbers of images for training (columns) and "
        f"tuning (rows){f'; below the network trained on {own}' if own else ''}.",
        f"{settings.source}-trained",
        tuple(f"{protocol.title}, {size}" for protocol in protocols for size in sizes),
        tuple(protocol for protocol in protocols for _ in sizes),
        tuple(
            (name, _grid_row(study, [Cell(trained, size).tuned(domain, images) for size in sizes], domain))
            for name, trained, images in rows
        ),
    )


def _grid_row(study: Transfer, cells: Sequence[Cell], domain: str) -> tuple[Spread | None, ...]:
    found = [study.scores(cell, domain) for cell in cells]
    return tuple(
        None if scores is None else scores.spread(name) for name in study.settings.protocols for scores in found
    )


def _spreads(study: Transfer, made: Cell | Method, domain: str) -> tuple[Spread, ...]:
    scores = study.networks[made, domain] if isinstance(made, Cell) else study.classical[made, domain]
    return tuple(scores.spread(name) for name in study.settings.protocols)
