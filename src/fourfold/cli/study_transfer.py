"""`fourfold study transfer`: networks of one kind of images, tuned to another by a few."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.flags import OUTPUT, Flag
from fourfold.cli.settings_study import carry_out
from fourfold.training.presets import read_settings

__all__ = ["study_transfer"]


def study_transfer(
    study: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
    threads: int | None = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Train networks on one kind of images, tune them to another by a few, and test them beside classical methods.

    The study of Dar et al. (2018) on data of your own: the grid of training domain, number of images for training and
    for tuning. The folder of the output then holds `index.html` with all tables, figures and findings, these as CSV
    and PNG, `scores.csv` with the scores of every image, and in `cells/` the weights of every network. The same
    command again goes on with what was interrupted.

    For example:

        fourfold study transfer transfer.yaml -o study

    Parameters
    ----------
    study
        YAML file with the settings; docs/studies.md describes them.
    output
        Folder to write to.
    threads
        Processor threads to use; torch decides unless given.
    json
        Print tables and findings on stdout as JSON, and nothing else there.
    """
    # Loads torch, which the help does not need.
    from fourfold.report.transfer import write_transfer
    from fourfold.studies.transfer import TransferSettings, transfer

    settings = TransferSettings(**read_settings(study))
    carry_out(lambda progress: transfer(settings, output, progress), write_transfer, output, threads, json)
