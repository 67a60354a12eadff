"""The log of a training: two CSV files and TensorBoard event files. A resumed training continues them without a gap."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from fourfold.files.output import atomically, refusals_explained

__all__ = ["LOSSES", "SCORES", "Log"]

LOSSES, SCORES = "losses.csv", "scores.csv"
"""Files of the mean losses and of the validation scores."""


class Log:
    """Writes rows of numbers.

    Parameters
    ----------
    folder
        Folder of the training.
    step
        Completed steps of the whole training. Later rows, of an interrupted training, are removed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        for name in (LOSSES, SCORES):
            _remove_rows_after(folder / name, step)
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, name: str, position: Mapping[str, str | int], values: Mapping[str, float]) -> None:
        """Append a row to one of the files.

        Parameters
        ----------
        name
            `LOSSES` or `SCORES`.
        position
            Stage, and epoch and step of the whole training.
        values
            Numbers by name. A column of another stage stays empty.
        """
        path = self._folder / name
        columns = _with_columns(path, [*position, *values])
        row = dict(position) | {key: f"{value:.8g}" for key, value in values.items()}
        with refusals_explained(path), path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns).writerow(row)
        for key, value in values.items():
            self._board.add_scalar(f"{Path(name).stem}/{key}", value, int(position["step"]))
        self._board.flush()


def _with_columns(path: Path, names: Sequence[str]) -> list[str]:
    """Return the columns of a CSV file that has at least these; create or extend it where it has fewer."""
    header: list[str] = []
    rows: list[list[str]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    missing = [name for name in names if name not in header]
    if missing:
        with atomically(path, ".csv") as new, new.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header + missing, *(row + [""] * len(missing) for row in rows)])
    return header + missing


def _remove_rows_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    column = header.index("step")
    # A row that was cut off when the training was killed is removed too.
    remaining = [row for row in rows if len(row) == len(header) and int(row[column]) <= step]
    with atomically(path, ".csv") as new, new.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *remaining])
