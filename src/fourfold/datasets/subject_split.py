"""Splits subjects into training, validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

from fourfold.datasets.settings import Part, Split
from fourfold.errors import InputError, nearest

__all__ = ["PARTS", "refuse_overlap", "split_subjects"]

PARTS: tuple[Part, ...] = ("training", "validation", "test")


def split_subjects(subjects: Iterable[str], split: Split) -> dict[Part, frozenset[str]]:
    """Return the subjects of each part.

    Subjects are assigned by a hash of seed and name, so that adding subjects never changes existing assignments.

    Raises
    ------
    InputError
        For a subject in two lists, an unknown subject, or too few subjects.
    """
    ordered = sorted(set(subjects), key=lambda name: hashlib.sha256(f"{split.seed}:{name}".encode()).hexdigest())
    requested = {"validation": split.validation, "test": split.test, "training": split.training or ()}
    named: dict[Part, frozenset[str]] = {}
    for part in PARTS:
        names = requested[part]
        named[part] = frozenset(names) if isinstance(names, tuple) else frozenset()
        _check_known(part, named[part], ordered)
    refuse_overlap(named)
    free = [subject for subject in ordered if not any(subject in names for names in named.values())]
    parts = dict(named)
    for part in ("validation", "test"):
        fraction = requested[part]
        if isinstance(fraction, float):
            count = max(1, round(fraction * len(ordered)))
            parts[part], free = frozenset(free[:count]), free[count:]
            if len(parts[part]) < count:
                raise InputError(_too_few(ordered))
    if split.training is None:
        parts["training"] = frozenset(free)
    if not parts["training"]:
        raise InputError(_too_few(ordered))
    return parts


def _too_few(subjects: Collection[str]) -> str:
    return (
        f"There are {len(subjects)} subject(s), too few for training, validation and test; give more data, "
        "smaller fractions, or validation: [] for none."
    )


def _check_known(part: str, names: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in sorted(names) if name not in known]
    if unknown:
        raise InputError(
            f"The split names the subject '{unknown[0]}' for {part}, which no file shows; there are "
            f"{', '.join(sorted(known)[:8])}{' …' if len(known) > 8 else ''}.{nearest(unknown[0], known)}"
        )


def refuse_overlap(parts: Mapping[Part, Collection[str]]) -> None:
    """Raise InputError if a subject is in two parts."""
    for index, first in enumerate(PARTS):
        for second in PARTS[index + 1 :]:
            shared = sorted(set(parts[first]) & set(parts[second]))
            if shared:
                more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
                raise InputError(
                    f"The subject '{shared[0]}'{more} is both in {first} and in {second}; scores on subjects of "
                    "the training data are not meaningful: keep each subject in one part."
                )
