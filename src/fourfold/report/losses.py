"""The folder of a study of losses: Tables 2 to 4 and Figures 3 and 4 of Ghodrati et al. (2019) for its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fourfold.methods.method import Method
from fourfold.metrics import Protocol, find_protocol
from fourfold.report.figures import figure
from fourfold.report.results import Results
from fourfold.report.study_figures import Drawn
from fourfold.report.tables import NumberTable, Written, write_csv, write_page
from fourfold.report.wording import pairs
from fourfold.studies.losses import Arm, Losses
from fourfold.studies.losses_findings import losses_findings
from fourfold.studies.statistics import normality, quartiles
from fourfold.studies.statistics import pairs as compared_pairs

__all__ = ["write_losses"]

_PAPER = "Ghodrati et al., Quantitative Imaging in Medicine and Surgery 9 (2019) 1516"


def write_losses(study: Losses, folder: Path) -> Written:
    """Write ``index.html``, the tables as CSV, ``scores.csv`` with a row for each image, and the figures as PNG.

    Parameters
    ----------
    study
        The results.
    folder
        An existing folder; files of these names are replaced, each once the new one is complete.
    """
    settings = study.settings
    protocols = tuple(map(find_protocol, settings.protocols))
    count = len(protocols)
    tables = (
        *(_normality(study, protocol, str(2 + place)) for place, protocol in enumerate(protocols)),
        _quartiles(study, protocols, str(2 + count)),
        *(_pairs(study, protocol, str(3 + count + place)) for place, protocol in enumerate(protocols)),
    )
    write_csv(folder / "scores.csv", study.rows())
    examples = study.unseen.examples
    subjects = len({examples.subject(index) for index in range(len(examples))})
    return write_page(
        folder,
        Written(folder / "index.html", tables, tuple(losses_findings(study))),
        _figures(study, folder),
        title=f"Losses: {', '.join(settings.losses)}",
        paper=_PAPER,
        facts=[
            *((f"Parameters of {name}", f"{count:,}") for name, count in study.parameters.items()),
            ("Tested on", f"{len(examples)} images of {subjects} unseen subjects"),
        ],
        simulated=any(source.kind == "images" for source in settings.data.sources),
        protocols=protocols,
        notes=[f"{title} is left out: {sentence}" for title, sentence in study.failures],
        records=[
            *((name, pairs(given)) for name, given in settings.networks.items()),
            ("All networks", pairs(settings.training)),
            ("Losses", pairs(settings.losses)),
            *((method.title, pairs(method.model_dump(mode="json"))) for method in settings.methods),
        ],
    )


def _made(study: Losses) -> list[Arm | Method]:
    return [*study.arms, *study.classical]


def _label(made: Arm | Method) -> str:
    return made.label if isinstance(made, Arm) else made.title


def _normality(study: Losses, protocol: Protocol, number: str) -> NumberTable:
    """Return the tests of normality of a score (Tables 2 and 3)."""
    rows: list[tuple[str, tuple[float | None, ...]]] = []
    for arm, scores in study.arms.items():
        test = normality(scores.values[protocol.name])
        numbers = (
            (None,) * 5
            if test is None
            else (test.kolmogorov, test.kolmogorov_p, test.shapiro, test.shapiro_p, test.count)
        )
        rows.append((arm.label, numbers))
    return NumberTable(
        number,
        f"Tests of normality of {protocol.title}: p is the chance of such a statistic if the scores were normal.",
        "Network",
        ("Kolmogorov-Smirnov", "p (Lilliefors)", "Shapiro-Wilk", "p (Shapiro-Wilk)", "images"),
        (".3f", ".2g", ".3f", ".2g", ".0f"),
        tuple(rows),
    )


def _quartiles(study: Losses, protocols: Sequence[Protocol], number: str) -> NumberTable:
    """Return the quartiles of every score (Table 4)."""
    names = ("25 %", "median", "75 %")
    return NumberTable(
        number,
        f"Quartiles over {len(study.unseen.examples)} images.",
        "Reconstruction",
        tuple(f"{protocol.title}, {name}" for protocol in protocols for name in names),
        tuple(f".{protocol.decimals}f" for protocol in protocols for _ in names),
        tuple(
            (
                _label(made),
                tuple(value for protocol in protocols for value in quartiles(study.scores(made).values[protocol.name])),
            )
            for made in _made(study)
        ),
    )


def _pairs(study: Losses, protocol: Protocol, number: str) -> NumberTable:
    """Return every pair of networks with the difference of their scores and its p-value."""
    arms = {arm.label: arm for arm in study.arms}
    found = compared_pairs({label: study.arms[arm].values[protocol.name] for label, arm in arms.items()})
    return NumberTable(
        number,
        f"{protocol.title} of pairs of networks, image by image; p by Wilcoxon's signed-rank test with Holm's "
        "correction.",
        "Pair",
        ("mean difference", "p"),
        (f"+.{protocol.decimals}f", ".2g"),
        tuple(
            (f"{one} − {other}", (study.arms[arms[one]].minus(study.arms[arms[other]], protocol.name).mean, chance))
            for (one, other), chance in found.items()
        ),
    )


def _figures(study: Losses, folder: Path) -> list[Drawn]:
    """Draw each network under all losses (Figure 3), and all networks under each loss (Figure 4)."""
    settings = study.settings
    drawn = [
        _side_by_side(
            study,
            [*study.classical, *(Arm(network, loss) for loss in settings.losses)],
            f"3{chr(ord('a') + place)}",
            f"{network} under each loss.",
            folder,
        )
        for place, network in enumerate(settings.networks)
    ]
    if len(settings.networks) == 1:
        return drawn
    return drawn + [
        _side_by_side(
            study,
            [Arm(network, loss) for network in settings.networks],
            f"4{chr(ord('a') + place)}",
            f"The networks under {loss}.",
            folder,
        )
        for place, loss in enumerate(settings.losses)
    ]


def _side_by_side(study: Losses, shown: Sequence[Arm | Method], number: str, words: str, folder: Path) -> Drawn:
    index, protocol = study.example(), find_protocol(study.settings.protocols[0])
    results = Results(
        tuple(study.image(made, index) for made in shown),
        tuple(map(_label, shown)),
        tuple({protocol.name: study.scores(made).values[protocol.name][index]} for made in shown),
        (protocol,),
        study.unseen.reference(index),
        "fully sampled image",
    )
    name = study.unseen.examples.name(index)
    file = figure(results, folder / f"figure-{number}.png", foot=(f"Shown: {name}.",))
    caption = f"{words} Image, magnified detail and error of the image with the median {protocol.title} ({name})."
    return Drawn(number, caption, file)
