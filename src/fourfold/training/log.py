"""The log of a training: two CSV files and TensorBoard's, which a resumed training continues without a gap."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from fourfold.files.output import atomically, refusals_explained

__all__ = ["LOSSES", "SCORES", "Log"]

LOSSES, SCORES = "losses.csv", "scores.csv"
"""Mean losses over some steps; scores of validation."""


class Log:
    """Writes rows of numbers.

    Parameters
    ----------
    folder
        Of the training.
    step
        Of the whole training, to go on from: what an interrupted one logged after it is dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        for name in (LOSSES, SCORES):
            _drop_after(folder / name, step)
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, name: str, place: Mapping[str, str | int], values: Mapping[str, float]) -> None:
        """Append a row to one of the files.

        Parameters
        ----------
        name
            `LOSSES` or `SCORES`.
        place
            Stage, epoch and step of the whole training.
        values
            Numbers by name; every row of a file has the same names.
        """
        path = self._folder / name
        is_new = not path.exists()
        with refusals_explained(path), path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow([*place, *values])
            writer.writerow([*place.values(), *(f"{value:.8g}" for value in values.values())])
        for key, value in values.items():
            self._board.add_scalar(f"{Path(name).stem}/{key}", value, int(place["step"]))
        self._board.flush()


def _drop_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    place = header.index("step")
    # A line that was being written when the training was killed is dropped too.
    kept = [row for row in rows if len(row) == len(header) and int(row[place]) <= step]
    with atomically(path, ".csv") as new, new.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *kept])
