"""`fourfold study losses`: networks under several losses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.flags import OUTPUT, Flag
from fourfold.cli.settings_study import carry_out
from fourfold.training.presets import read_settings

__all__ = ["study_losses"]


def study_losses(
    study: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
    threads: int | None = None,
    json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
) -> None:
    """Train several networks with several losses on the same data, and compare the images.

    The study of Ghodrati et al. (2019) on data of your own. The folder of the output then holds `index.html` with
    quartiles, tests and findings, these as CSV, the figures as PNG, `scores.csv` with the scores of every image, and
    in `networks/` the weights of every network. The same command again goes on with what was interrupted.

    For example:

        fourfold study losses losses.yaml -o study

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
    from fourfold.report.losses import write_losses
    from fourfold.studies.losses import LossesSettings, losses

    settings = LossesSettings(**read_settings(study))
    carry_out(lambda progress: losses(settings, output, progress), write_losses, output, threads, json)
