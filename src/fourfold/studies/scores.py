"""Scores of images one by one, so that two ways to make them are compared in pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fourfold.files.documents import read_json
from fourfold.files.output import atomically, write_text
from fourfold.studies.study import Spread

__all__ = ["Scores", "keep_scores", "kept_scores"]


@dataclass(frozen=True)
class Scores:
    """Scores of all images of a set, made in one way.

    Attributes
    ----------
    names, subjects
        Of each image.
    values
        A score for each image, by the protocol's name.
    """

    names: tuple[str, ...]
    subjects: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]

    def spread(self, protocol: str) -> Spread:
        """Return mean and standard deviation over the images."""
        return Spread.of(self.values[protocol])

    def minus(self, other: Scores, protocol: str) -> Spread:
        """Return mean and standard deviation of the differences, image by image."""
        pairs = zip(self.values[protocol], other.values[protocol], strict=True)
        return Spread.of(mine - its for mine, its in pairs)

    def median_place(self, protocol: str) -> int:
        """Return which image has the median score, the lower one of two."""
        values = self.values[protocol]
        return sorted(range(len(values)), key=values.__getitem__)[(len(values) - 1) // 2]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, as CSV takes it."""
        for place, (name, subject) in enumerate(zip(self.names, self.subjects, strict=True)):
            yield {"image": name, "subject": subject, **{key: each[place] for key, each in self.values.items()}}


def kept_scores(path: Path, agreed: str) -> Scores | None:
    """Return the scores in a file, or None where there are none or they are of something else than was `agreed`."""
    if not path.is_file():
        return None
    content = read_json(path)
    if content["agreed"] != agreed:
        return None
    values = {name: tuple(each) for name, each in content["values"].items()}
    return Scores(tuple(content["names"]), tuple(content["subjects"]), values)


def keep_scores(path: Path, agreed: str, scores: Scores) -> None:
    """Write scores, and what they are scores of; the file appears when it is whole."""
    with atomically(path, ".json") as file:
        write_text(file, json.dumps({"agreed": agreed, **asdict(scores)}, ensure_ascii=False))
