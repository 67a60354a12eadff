"""What a study of domain shift tells, in words."""

from __future__ import annotations

from fourfold.metrics import find_metric
from fourfold.studies.finding import Finding
from fourfold.studies.scores import Scores
from fourfold.studies.shift import Network, Shift

__all__ = ["shift_findings"]


def shift_findings(study: Shift) -> list[Finding]:
    """Return for each network and each domain that it was not trained on how it compares, by the last metric."""
    return [
        finding
        for (network, domain), scores in study.networks.items()
        if network.domain != domain
        for finding in _out_of_domain(study, network, domain, scores)
    ]


def _out_of_domain(study: Shift, network: Network, domain: str, scores: Scores) -> list[Finding]:
    found = []
    home = study.at_home(domain)
    if home is not None:
        claim = f"On {domain}, {network.label} is worse than {home.label}"
        found.append(_compared(study, claim, scores, study.networks[home, domain], worse=True))
    methods = {method: each for (method, where), each in study.classical.items() if where == domain}
    for method, rival in methods.items():
        if method.name == "zero-filled":
            found.append(_compared(study, f"On {domain}, {network.label} is not below zero-filling", scores, rival))
    classical = {method: each for method, each in methods.items() if method.name != "zero-filled"}
    if classical:
        metric = find_metric(study.settings.metrics[-1])
        sign = 1 if metric.higher_is_better else -1
        best = max(classical, key=lambda method: sign * classical[method].spread(metric.name).mean)
        claim = f"On {domain}, {network.label} is not below the best classical method ({best.title})"
        found.append(_compared(study, claim, scores, classical[best]))
    return found


def _compared(study: Shift, claim: str, mine: Scores, its: Scores, worse: bool = False) -> Finding:
    metric = find_metric(study.settings.metrics[-1])
    difference, places = mine.minus(its, metric.name), metric.decimals
    gain = difference.mean if metric.higher_is_better else -difference.mean
    spread = f" ± {difference.deviation:.{places}f}" if difference.count > 1 else ""
    numbers = f"{metric.title} {difference.mean:+.{places}f}{spread} image by image"
    return Finding(claim, gain < 0 if worse else gain >= 0, f"{claim}: {numbers}.")
