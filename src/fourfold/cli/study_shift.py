"""`fourfold study shift`: networks on images of another kind than those that they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.flags import OUTPUT, Flag
from fourfold.cli.settings_study import carry_out
from fourfold.training.presets import read_settings

__all__ = ["study_shift"]


def study_shift(
    study: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
    threads: int | None = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Train a network on each of some kinds of images, or take given weights, and test them on all kinds.

    Every network stands beside the one that was trained on the domain, beside classical methods and zero-filling. The
    folder of the output then holds `index.html` with tables, figures and findings, these as CSV and PNG, `scores.csv`
    with the scores of every image, and in `networks/` the weights. The same command again goes on with what was
    interrupted.

    For example:

        fourfold study shift shift.yaml -o study

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
    from fourfold.report.shift import write_shift
    from fourfold.studies.shift import ShiftSettings, shift

    settings = ShiftSettings(**read_settings(study))
    carry_out(lambda progress: shift(settings, output, progress), write_shift, output, threads, json)
