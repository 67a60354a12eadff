"""How many fits a time budget allows: each is done whole or not begun."""

from __future__ import annotations

import time

from fourfold.methods.untrained.fitting.early_stopping import CHECK_EVERY

__all__ = ["BudgetTooSmallError", "TimeBudget"]

# Checks at which the time of an iteration is taken: the first steps allocate memory, or wait for the compiler.
_FROM, _TO = CHECK_EVERY, 3 * CHECK_EVERY


class BudgetTooSmallError(Exception):
    """The first fit would take longer than the budget."""

    def __init__(self, needed: float) -> None:
        super().__init__(needed)
        self.needed = needed
        """Seconds that the fit would take."""


class TimeBudget:
    """Judges by the first iterations how long a fit takes.

    Parameters
    ----------
    seconds
        For all fits together; None for no limit.
    iterations
        At most so many in a fit, those with all samples included.
    """

    def __init__(self, seconds: float | None, iterations: int) -> None:
        self.seconds, self.iterations = seconds, iterations
        self._start = time.perf_counter()
        self._fits = 0
        self._first_check = 0.0
        self._of_an_iteration: float | None = None

    @property
    def spent(self) -> float:
        """Seconds since the first fit began."""
        return time.perf_counter() - self._start

    def allows_another(self) -> bool:
        """Return whether one more fit, as fast as the last one, ends within the budget; always so before the first."""
        if self.seconds is None or self._of_an_iteration is None:
            return True
        return self.spent + self.iterations * self._of_an_iteration <= self.seconds

    def observe(self, iteration: int, seconds: float) -> None:
        """Take note of the time of an iteration.

        Parameters
        ----------
        iteration, seconds
            Iterations done by the fit, and its time so far.

        Raises
        ------
        BudgetTooSmallError
            When the first fit will not end within the budget.
        """
        if iteration == _FROM:
            self._first_check = seconds
        elif iteration >= _TO:
            self._of_an_iteration = (seconds - self._first_check) / (iteration - _FROM)
        if iteration == _TO and self._fits == 0 and self.seconds is not None:
            assert self._of_an_iteration is not None
            needed = seconds + (self.iterations - iteration) * self._of_an_iteration
            if needed > self.seconds:
                raise BudgetTooSmallError(needed)

    def end_fit(self) -> None:
        """Count a fit that was done whole."""
        self._fits += 1
