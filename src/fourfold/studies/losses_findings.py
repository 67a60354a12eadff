"""The findings of Ghodrati et al. (2019), checked one by one against the scores of a study."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from fourfold.metrics import find_metric
from fourfold.studies.finding import Finding
from fourfold.studies.losses import Arm, Losses
from fourfold.studies.statistics import friedman, normality

__all__ = ["losses_findings"]

_LEVEL = 0.05
_ALIKE = 0.5


def losses_findings(study: Losses) -> list[Finding]:
    """Return the findings for each score, each network and each loss."""
    found = []
    for name in study.settings.metrics:
        found.append(_not_normal(study, name))
        for network in study.settings.networks:
            found += _ranking(study, network, name)
    return found + list(_networks_alike(study))


def _not_normal(study: Losses, name: str) -> Finding:
    claim = f"{_title(name)} is not normally distributed (Shapiro-Wilk, p < {_LEVEL})"
    tests = {arm.label: normality(scores.values[name]) for arm, scores in study.arms.items()}
    known = {label: test.shapiro_p for label, test in tests.items() if test is not None}
    if not known:
        return Finding(claim, None, f"{claim}: there are too few images.")
    rejected = [label for label, chance in known.items() if chance < _LEVEL]
    sentence = f"{claim}: for {len(rejected)} of {len(known)} networks."
    return Finding(claim, len(rejected) == len(known), sentence)


def _ranking(study: Losses, network: str, name: str) -> Iterator[Finding]:
    """Yield how the losses rank, and whether those that compare pixels and patches are above the perceptual one."""
    medians = {loss: median(study.arms[Arm(network, loss)].values[name]) for loss in study.settings.losses}
    if len(medians) < 2:  # nothing to rank
        return
    metric = find_metric(name)
    ranked = sorted(medians, key=medians.__getitem__, reverse=metric.higher_is_better)
    order = ", ".join(f"{loss} {medians[loss]:.{metric.decimals}f}" for loss in ranked)
    chance = friedman([study.arms[Arm(network, loss)].values[name] for loss in study.settings.losses])
    told = "" if chance is None else f" (Friedman, p = {chance:.2g})"
    claim = f"The losses make a difference to {network} in {metric.title}"
    yield Finding(claim, None if chance is None else chance < _LEVEL, f"{claim}: medians {order}{told}.")
    perceptual = [loss for loss in ranked if "perceptual" in study.kinds[loss]]
    others = [loss for loss in ranked if "perceptual" not in study.kinds[loss]]
    if perceptual and others:
        claim = f"The perceptual loss has the lowest {metric.title} of {network}"
        if not metric.higher_is_better:
            claim = claim.replace("lowest", "highest")
        yield Finding(claim, ranked.index(perceptual[0]) >= len(others), f"{claim}: {order}.")


def _networks_alike(study: Losses) -> Iterator[Finding]:
    """Yield whether the smallest network is as good as the largest, under each loss."""
    sizes = study.parameters
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if small == large or "snr-db" not in study.settings.metrics:
        return
    for loss in study.settings.losses:
        one, other = (study.arms[Arm(network, loss)] for network in (small, large))
        difference = one.minus(other, "snr-db")
        claim = f"{small} ({sizes[small]:,} parameters) is as good as {large} ({sizes[large]:,}) under {loss}"
        numbers = f"SNR {difference.mean:+.2f} dB image by image; as good is within {_ALIKE} dB"
        yield Finding(claim, difference.mean >= -_ALIKE, f"{claim}: {numbers}.")


def _title(name: str) -> str:
    return find_metric(name).title
