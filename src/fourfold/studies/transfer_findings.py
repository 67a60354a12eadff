"""The findings of Dar et al. (2018), checked one by one against the scores of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fourfold.methods.method import Method
from fourfold.studies.finding import Finding
from fourfold.studies.scores import Scores
from fourfold.studies.transfer import Cell, Transfer

__all__ = ["transfer_findings"]

_NEAR = 0.5
_ABOVE = 2.0


def transfer_findings(study: Transfer) -> list[Finding]:
    """Return the findings of Dar et al. (2018) for each test domain of a study."""
    return [finding for domain in study.settings.test_on for finding in _of_domain(study, domain)]


def _of_domain(study: Transfer, domain: str) -> Iterator[Finding]:
    settings = study.settings
    source, tuned = settings.source, settings.tuned
    raw = study.largest(source)
    transferred = raw.tuned(domain, tuned)
    if domain in settings.train_on and source != domain:
        own = study.largest(domain)
        if tuned:
            yield _near(study, domain, transferred, own.tuned(domain, tuned), "equally tuned")
        yield _near(study, domain, transferred, own, "raw")
    yield _above_classical(study, domain, transferred)
    for other in settings.train_on:
        if other != domain and domain in settings.train_on:
            yield _worse_untuned(study, domain, study.largest(other), study.largest(domain))
    if len(settings.sizes_of(source)) > 1 and settings.tunings[-1]:
        yield _size_matters_less(study, domain)


def _near(study: Transfer, domain: str, transferred: Cell, own: Cell, how: str) -> Finding:
    claim = f"The {_name(transferred)} is within {_NEAR} dB of the network trained on {domain} ({how})"
    return _compared(study, domain, claim, transferred, own, lambda difference: difference >= -_NEAR)


def _worse_untuned(study: Transfer, domain: str, other: Cell, own: Cell) -> Finding:
    claim = f"On {domain}, the {_name(other)} without tuning is worse than the {_name(own)}"
    return _compared(study, domain, claim, other, own, lambda difference: difference < 0)


def _above_classical(study: Transfer, domain: str, transferred: Cell) -> Finding:
    claim = f"The {_name(transferred)} is above compressed sensing on {domain} by {_ABOVE:g} dB or more"
    rivals = {
        method: scores
        for (method, where), scores in study.classical.items()
        if where == domain and method.name != "zero-filled"
    }
    if not rivals:
        return Finding(claim, None, f"{claim}: no such method was run.")
    best = max(rivals, key=lambda method: rivals[method].spread("psnr").mean)
    return _compared(study, domain, f"{claim} ({best.title} is the best)", transferred, best, lambda d: d >= _ABOVE)


def _size_matters_less(study: Transfer, domain: str) -> Finding:
    settings = study.settings
    sizes, most = settings.sizes_of(settings.source), settings.tunings[-1]
    few, many = Cell(settings.source, sizes[0]), Cell(settings.source, sizes[-1])
    gains = [
        _scores(study, many.tuned(domain, images), domain).minus(
            _scores(study, few.tuned(domain, images), domain), "psnr"
        )
        for images in (0, most)
    ]
    claim = f"On {domain}, {sizes[-1]} images for training rather than {sizes[0]} matter less after tuning"
    numbers = f"{gains[0].mean:+.2f} dB without tuning, {gains[1].mean:+.2f} dB with {most} images"
    return Finding(claim, gains[1].mean < gains[0].mean, f"{claim}: {numbers}.")


def _compared(
    study: Transfer, domain: str, claim: str, one: Cell, other: Cell | Method, holds: Callable[[float], bool]
) -> Finding:
    mine, its = _scores(study, one, domain), _scores(study, other, domain)
    difference = mine.minus(its, "psnr")
    means = f"{mine.spread('psnr').mean:.2f} against {its.spread('psnr').mean:.2f} dB"
    spread = f" ± {difference.deviation:.2f}" if difference.count > 1 else ""
    people = len(set(mine.subjects))
    counts = f"{difference.count} image{'s' * (difference.count > 1)} of {people} subject{'s' * (people > 1)}"
    sentence = f"{claim}: {means}, image by image {difference.mean:+.2f}{spread} dB over {counts}."
    return Finding(claim, holds(difference.mean), sentence)


def _scores(study: Transfer, made: Cell | Method, domain: str) -> Scores:
    return study.networks[made, domain] if isinstance(made, Cell) else study.classical[made, domain]


def _name(cell: Cell) -> str:
    tuned = f", tuned with {cell.tuning}" if cell.tuning else ""
    return f"{cell.trained_on}-trained network ({cell.size} images{tuned})"
