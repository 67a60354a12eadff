"""What a reader has done: the newest rating of each image, comments, finished cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fourfold.reader_study.database import COMMENT, FINISH, RATING, Event
from fourfold.reader_study.settings import Criterion

__all__ = ["State", "missing", "state_of"]


@dataclass
class State:
    """The state of one presentation."""

    ratings: dict[str, dict[str, int]] = field(default_factory=dict)
    """By criterion, then by the image's token."""
    comment: str = ""
    finished: bool = False


def state_of(events: Iterable[Event]) -> State:
    """Return the state after events, the earliest first: the newest of each kind counts."""
    state = State()
    for event in events:
        if event.kind == RATING and event.criterion is not None and event.token is not None:
            ratings = state.ratings.setdefault(event.criterion, {})
            if event.value is None:
                ratings.pop(event.token, None)
            else:
                ratings[event.token] = event.value
        elif event.kind == COMMENT:
            state.comment = event.words or ""
        elif event.kind == FINISH:
            state.finished = True
    return state


def missing(
    ratings: Mapping[str, Mapping[str, int]], criteria: Sequence[Criterion], tokens: Sequence[str]
) -> str | None:
    """Return in a sentence what is missing before a case is finished, None where nothing is."""
    for criterion in criteria:
        given = ratings.get(criterion.name, {})
        count = sum(token not in given for token in tokens)
        if count:
            return f"{criterion.name}: {count} image(s) have no rating yet."
        if criterion.kind == "rank" and sorted(given[token] for token in tokens) != list(range(1, len(tokens) + 1)):
            return f"{criterion.name}: two images have the same rank."
    return None
