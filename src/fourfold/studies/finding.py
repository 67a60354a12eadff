"""What a study set out to find, checked against its scores, in words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """A statement, whether it holds for the data, and the numbers.

    Attributes
    ----------
    claim
        As the paper has it.
    holds
        Whether it holds here; None where it cannot be told.
    sentence
        Claim and numbers in words.
    """

    claim: str
    holds: bool | None
    sentence: str

    @property
    def verdict(self) -> str:
        """The answer in a word or two."""
        return {True: "Holds", False: "Does not hold", None: "Cannot be told"}[self.holds]
