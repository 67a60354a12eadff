"""The folder of a study of domain shift: scores at home and away, and images side by side."""

from __future__ import annotations

from pathlib import Path

from fourfold.methods.method import Method
from fourfold.metrics import Protocol, find_protocol
from fourfold.report.figures import figure
from fourfold.report.results import Results
from fourfold.report.study_figures import Drawn
from fourfold.report.tables import NumberTable, ScoreTable, Written, write_csv, write_page
from fourfold.report.wording import pairs
from fourfold.studies.shift import Network, Shift
from fourfold.studies.shift_findings import shift_findings

__all__ = ["write_shift"]

_PAPER = "Darestani and Heckel, Proc. ISMRM 29 (2021), Figure 5"


def write_shift(study: Shift, folder: Path) -> Written:
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
    write_csv(folder / "scores.csv", study.rows())
    tables = _scores(study, protocols), _differences(study, protocols)
    tested = [f"{name}: {len(unseen.examples)} images" for name, unseen in study.unseen.items()]
    given = [network.label for network in dict.fromkeys(network for network, _ in study.networks) if network.given]
    notes = [f"{title} is left out for {domain}: {sentence}" for title, domain, sentence in study.failures]
    notes += [f"{label} was trained elsewhere: on which subjects is for you to know." for label in given]
    return write_page(
        folder,
        Written(folder / "index.html", tables, tuple(shift_findings(study))),
        [_side_by_side(study, domain, str(1 + place), folder) for place, domain in enumerate(settings.test_on)],
        title=f"Domain shift: {', '.join(settings.test_on)}",
        paper=_PAPER,
        facts=[("Tested on", ", ".join(tested)), ("Networks", str(len({network for network, _ in study.networks})))],
        simulated=any(source.kind == "images" for each in settings.domains.values() for source in each.sources),
        protocols=protocols,
        notes=notes,
        records=[
            ("Training", pairs(settings.training)),
            *((name, pairs(each.model_dump(mode="json"))) for name, each in settings.networks.items()),
            *((method.title, pairs(method.model_dump(mode="json"))) for method in settings.methods),
        ],
    )


def _label(made: Network | Method) -> str:
    return made.label if isinstance(made, Network) else made.title


def _scores(study: Shift, protocols: tuple[Protocol, ...]) -> ScoreTable:
    """Return all networks and methods on all domains."""
    domains = study.settings.test_on
    made = list(dict.fromkeys(who for domain in domains for who in study.of(domain)))
    return ScoreTable(
        "1",
        "Networks and methods on unseen subjects of each domain: mean ± standard deviation.",
        "Reconstruction",
        tuple(f"{domain}: {protocol.title}" for domain in domains for protocol in protocols),
        tuple(protocol for _ in domains for protocol in protocols),
        tuple(
            (
                _label(who),
                tuple(
                    study.of(domain)[who].spread(protocol.name) if who in study.of(domain) else None
                    for domain in domains
                    for protocol in protocols
                ),
            )
            for who in made
        ),
    )


def _differences(study: Shift, protocols: tuple[Protocol, ...]) -> NumberTable:
    """Return how far each network is, image by image, from the one that was trained on the domain."""
    rows = []
    for (network, domain), scores in study.networks.items():
        home = study.at_home(domain)
        if home is not None and network != home:
            values = tuple(scores.minus(study.networks[home, domain], each.name).mean for each in protocols)
            rows.append((f"{network.label} on {domain}", values))
    return NumberTable(
        "2",
        "Out of domain less in domain: mean difference, image by image, to the network that was trained on the domain.",
        "Network",
        tuple(protocol.title for protocol in protocols),
        tuple(f"+.{protocol.decimals}f" for protocol in protocols),
        tuple(rows),
    )


def _side_by_side(study: Shift, domain: str, number: str, folder: Path) -> Drawn:
    """Draw all networks and methods on one image of a domain."""
    index, protocol = study.example(domain), find_protocol(study.settings.protocols[-1])
    made, unseen = study.of(domain), study.unseen[domain]
    results = Results(
        tuple(study.image(who, domain, index) for who in made),
        tuple(map(_label, made)),
        tuple({protocol.name: scores.values[protocol.name][index]} for scores in made.values()),
        (protocol,),
        unseen.reference(index),
        "fully sampled image",
    )
    name = unseen.examples.name(index)
    file = figure(results, folder / f"figure-{number}.png", foot=(f"Shown: {name}.",))
    words = f"Networks and methods on an image of {domain}, the one with the median {protocol.title} ({name})."
    return Drawn(number, words, file)
