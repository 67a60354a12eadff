"""How far to believe the images of a comparison: held-back scores or whole trusts, and warnings that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fourfold.confidence.score import Score, score, warnings
from fourfold.confidence.trust import trust
from fourfold.errors import InputError
from fourfold.methods.method import Method, Progress
from fourfold.scan import Scan
from fourfold.studies.comparison import Entry

__all__ = ["Judge", "distinct_names", "with_warnings"]


@dataclass(frozen=True, eq=False)
class Judge:
    """Adds to the entries of a comparison what the measured samples say of them.

    Attributes
    ----------
    scan
        The undersampled scan that the methods were given.
    whole
        Whether all parts of a trust are computed.
    ranks
        Whether the held-back score alone is.
    seed
        Of everything that is drawn.
    """

    scan: Scan
    whole: bool
    ranks: bool
    seed: int

    def judged(self, entry: Entry, method: Method, name: str, progress: Progress | None) -> Entry:
        """Return an entry with its trust or held-back score, under the method's `name` among the others."""
        made = entry.reconstruction
        if self.whole:
            found = trust(method, self.scan, reconstruction=made, seed=self.seed, progress=progress)
            own = None if found.score is None else replace(found.score, method=name)
            return replace(entry, trust=found, score=own, warnings=found.warnings)
        if self.ranks:
            try:
                own = score(method, self.scan, reconstruction=made, seed=self.seed, progress=progress)
            except InputError:
                # Patterns of which nothing can be held back have no ranking.
                return entry
            return replace(entry, score=replace(own, method=name))
        return entry


def distinct_names(methods: Sequence[Method]) -> list[str]:
    """Return the methods' names, with the settings of those that occur with several."""
    names = [method.name for method in methods]
    return [
        method.name if names.count(method.name) == 1 else f"{method.name} {_settings(method)}".rstrip()
        for method in methods
    ]


def _settings(method: Method) -> str:
    changed = method.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name} {value}" for name, value in changed.items())


def with_warnings(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with warnings of those whose score falls below a simpler method's, also in their records."""
    return [_noted(replace(entry, warnings=entry.warnings or _warnings(entry, entries))) for entry in entries]


def _warnings(entry: Entry, entries: Sequence[Entry]) -> tuple[str, ...]:
    if entry.score is None or entry.trust is not None or entry.method == "zero-filled":
        return ()
    simpler: list[Score] = [entry.score.of_zeros()]
    if entry.reconstruction.record.method != "tv":
        simpler += [each.score for each in entries if each.method == "tv" and each.score is not None]
    return warnings(entry.score, simpler)


def _noted(entry: Entry) -> Entry:
    """Return the entry whose record's notes hold its warnings."""
    if not entry.warnings:
        return entry
    record = entry.reconstruction.record
    record = replace(record, notes=(*record.notes, *entry.warnings))
    return replace(entry, reconstruction=replace(entry.reconstruction, record=record))
