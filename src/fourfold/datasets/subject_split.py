"""Subjects for training, validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

from fourfold.datasets.settings import Part, Split
from fourfold.errors import InputError, nearest

__all__ = ["PARTS", "refuse_shared", "split_subjects"]

PARTS: tuple[Part, ...] = ("training", "validation", "test")


def split_subjects(subjects: Iterable[str], split: Split) -> dict[Part, frozenset[str]]:
    """Return the subjects of each part.

    A share of the subjects is drawn by the hash of seed and name, so that nobody moves when others join.

    Raises
    ------
    InputError
        For a subject in two lists, a name that nobody has, or too few subjects for the parts.
    """
    known = sorted(set(subjects), key=lambda name: hashlib.sha256(f"{split.seed}:{name}".encode()).hexdigest())
    wanted = {"validation": split.validation, "test": split.test, "training": split.training or ()}
    named: dict[Part, frozenset[str]] = {}
    for part in PARTS:
        names = wanted[part]
        named[part] = frozenset(names) if isinstance(names, tuple) else frozenset()
        _check_known(part, named[part], known)
    refuse_shared(named)
    free = [subject for subject in known if not any(subject in names for names in named.values())]
    parts = dict(named)
    for part in ("validation", "test"):
        share = wanted[part]
        if isinstance(share, float):
            count = max(1, round(share * len(known)))
            parts[part], free = frozenset(free[:count]), free[count:]
            if len(parts[part]) < count:
                raise InputError(_too_few(known))
    if split.training is None:
        parts["training"] = frozenset(free)
    if not parts["training"]:
        raise InputError(_too_few(known))
    return parts


def _too_few(known: Collection[str]) -> str:
    return (
        f"There are {len(known)} subject(s), too few for training, validation and test as asked for; give more data, "
        "smaller shares, or validation: [] for none."
    )


def _check_known(part: str, names: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in sorted(names) if name not in known]
    if unknown:
        raise InputError(
            f"The split names the subject '{unknown[0]}' for {part}, but no file is of that subject; there are "
            f"{', '.join(sorted(known)[:8])}{' …' if len(known) > 8 else ''}.{nearest(unknown[0], known)}"
        )


def refuse_shared(parts: Mapping[Part, Collection[str]]) -> None:
    """Raise InputError where a subject is in two parts."""
    for index, first in enumerate(PARTS):
        for second in PARTS[index + 1 :]:
            shared = sorted(set(parts[first]) & set(parts[second]))
            if shared:
                more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
                raise InputError(
                    f"The subject '{shared[0]}'{more} is both in {first} and in {second}; scores on people that a "
                    "network was trained on say nothing: keep each subject in one part."
                )
