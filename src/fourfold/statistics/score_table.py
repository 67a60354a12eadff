"""Scores of several methods on the same subjects, the form in which every test takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fourfold.errors import InputError

__all__ = ["ScoreTable", "ScoredImage"]


class ScoredImage(NamedTuple):
    """The score of one image; `image` is its name within the subject."""

    method: str
    subject: str
    image: str
    value: float


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of methods on the same subjects.

    Images of one subject resemble each other. Tests that took them for independent would find differences where there
    are none. A subject's score is therefore the mean over its images.
    """

    score: str
    """Name of the score."""
    methods: tuple[str, ...]
    subjects: tuple[str, ...]
    values: NDArray[np.float64]
    """(subject, method)."""
    higher_is_better: bool = True
    images: int = 0
    """Number of images behind the values."""
    left_out: tuple[str, ...] = ()
    """Images without a finite score of every method."""

    @classmethod
    def of(cls, score: str, images: Iterable[ScoredImage], *, higher_is_better: bool = True) -> ScoreTable:
        """Return the table of scored images, each scored for several methods.

        Parameters
        ----------
        score
            Name of the score.
        images
            A score for each method and image. An image that lacks a finite score of a method is left out, for all
            methods alike.
        higher_is_better
            Whether a larger score is the better one.

        Raises
        ------
        InputError
            When an image is scored twice for one method.
        """
        by_image: dict[tuple[str, str], dict[str, float]] = {}
        methods: dict[str, None] = {}
        for each in images:
            scores = by_image.setdefault((each.subject, each.image), {})
            if each.method in scores:
                raise InputError(
                    f"The image '{each.image or each.subject}' of the subject '{each.subject}' has two scores "
                    f"'{score}' for the method '{each.method}'; give one, or name the column that tells the images "
                    "apart."
                )
            methods[each.method] = None
            scores[each.method] = each.value
        complete: dict[str, list[list[float]]] = {}
        left_out: list[str] = []
        for (subject, image), scores in by_image.items():
            row = [scores.get(method, np.nan) for method in methods]
            if np.isfinite(row).all():
                complete.setdefault(subject, []).append(row)
            else:
                left_out.append(f"{subject} {image}".strip())
        values = np.array([np.mean(rows, axis=0) for rows in complete.values()]).reshape(-1, len(methods))
        count = sum(map(len, complete.values()))
        return cls(score, tuple(methods), tuple(complete), values, higher_is_better, count, tuple(left_out))

    def column(self, method: str) -> NDArray[np.float64]:
        """Return the scores of a method, one for each subject."""
        return self.values[:, self.methods.index(method)]

    @property
    def ranks(self) -> NDArray[np.float64]:
        """Ranks of the methods for each subject, (subject, method): 1 is the best, ties share the mean of theirs."""
        values = -self.values if self.higher_is_better else self.values
        ranks: NDArray[np.float64] = stats.rankdata(values, axis=1)
        return ranks
