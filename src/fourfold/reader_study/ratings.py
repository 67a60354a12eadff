"""The ratings of a closed study, unblinded: a list of which everything else is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fourfold.reader_study.database import Database
from fourfold.reader_study.folder import database_of, read_key, settings_of
from fourfold.reader_study.progress import State, missing, state_of
from fourfold.reader_study.settings import Criterion

__all__ = ["Comment", "Rating", "Ratings", "read_ratings"]


@dataclass(frozen=True)
class Rating:
    """A rating of one image by one reader."""

    reader: str
    case: str
    subject: str
    repeated: bool
    """Whether the reader saw the case before."""
    criterion: str
    method: str
    value: int


@dataclass(frozen=True)
class Comment:
    """What a reader wrote on a case."""

    reader: str
    case: str
    words: str
    order: tuple[str, ...]
    """Methods in the order in which the reader saw them, as A, B, C …"""


@dataclass(frozen=True)
class Ratings:
    """All ratings of finished cases."""

    criteria: tuple[Criterion, ...]
    ratings: tuple[Rating, ...]
    comments: tuple[Comment, ...]
    finished: Mapping[str, tuple[int, int]]
    """By reader: number of finished cases, and of all, repeats included."""
    title: str = ""
    key_hash: str = ""

    def of(self, criterion: Criterion, *, repeated: bool = False) -> list[Rating]:
        """Return the ratings of a criterion: of the first time, or of the second."""
        return [each for each in self.ratings if each.criterion == criterion.name and each.repeated == repeated]

    @property
    def methods(self) -> list[str]:
        """The methods, in alphabetical order."""
        return sorted({each.method for each in self.ratings})

    @property
    def readers(self) -> list[str]:
        """Readers with a finished case."""
        return list(dict.fromkeys(each.reader for each in self.ratings))

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each rating, for a CSV file."""
        for each in self.ratings:
            yield {**each.__dict__, "repeated": int(each.repeated)}


def read_ratings(folder: Path, key_path: Path | None = None) -> Ratings:
    """Return the ratings of a closed study; cases that a reader did not finish are left out.

    Parameters
    ----------
    folder
        Of the study.
    key_path
        The key; ``key.json`` in the folder unless given.

    Raises
    ------
    InputError
        While the study is open, and for another key.
    """
    images = read_key(folder, key_path)
    settings, key_hash = settings_of(folder)
    store = database_of(folder)
    try:
        presented = list(_presented(store, images))
    finally:
        store.close()
    ratings: list[Rating] = []
    comments: list[Comment] = []
    finished: dict[str, tuple[int, int]] = {}
    for each in presented:
        done, all_ = finished.get(each.reader, (0, 0))
        whole = each.state.finished and missing(each.state.ratings, settings.criteria, list(each.methods)) is None
        finished[each.reader] = (done + whole, all_ + 1)
        if each.state.comment:
            comments.append(Comment(each.reader, each.case, each.state.comment, tuple(each.methods.values())))
        if whole:
            ratings += each.ratings(settings.criteria)
    return Ratings(settings.criteria, tuple(ratings), tuple(comments), finished, settings.title, key_hash)


@dataclass(frozen=True)
class _Presented:
    """A case as a reader saw and rated it."""

    reader: str
    case: str
    subject: str
    repeated: bool
    methods: Mapping[str, str]
    """By token."""
    state: State

    def ratings(self, criteria: Sequence[Criterion]) -> Iterator[Rating]:
        for criterion in criteria:
            for token, value in self.state.ratings[criterion.name].items():
                yield Rating(
                    self.reader,
                    self.case,
                    self.subject,
                    self.repeated,
                    criterion.name,
                    self.methods[token],
                    value,
                )


def _presented(store: Database, images: Mapping[str, Mapping[str, Any]]) -> Iterator[_Presented]:
    query = "SELECT p.id, r.name AS reader, p.repeated FROM presentation p JOIN reader r ON r.id = p.reader "
    for row in store.rows(f"{query} ORDER BY p.reader, p.position"):
        shown = store.rows("SELECT token, file FROM shown WHERE presentation = ? ORDER BY place", row["id"])
        first = images[shown[0]["file"]]
        methods = {each["token"]: str(images[each["file"]]["method"]) for each in shown}
        state = state_of(store.events(row["id"]))
        yield _Presented(row["reader"], first["case"], first["subject"], bool(row["repeated"]), methods, state)
