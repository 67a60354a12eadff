"""`fourfold study losses`, `shift` and `transfer`: the studies that a settings file describes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fourfold.cli.computer import Computer
from fourfold.cli.files import PAGES, check_folder
from fourfold.cli.flags import OUTPUT, Flag

__all__ = ["study_losses", "study_shift", "study_transfer"]

_PARAMETERS = """
The same command resumes an interrupted study. For example:

    fourfold study {name} {name}.yaml -o study

Parameters
----------
study
    YAML file with the settings; docs/studies.md describes them.
output
    Output folder; finished results in it are reused.
threads
    Number of processor threads; torch's default unless given.
json
    Print tables and findings on stdout as JSON, and nothing else there.
"""


def _command(name: str, description: str) -> Callable[..., None]:
    """Return the command of a study."""

    def command(
        study: Path,
        /,
        *,
        output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
        threads: int | None = None,
        json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    ) -> None:
        # Loads torch, which the help does not need.
        from fourfold.cli.study_run import carry_out
        from fourfold.studies.losses import LossesStudy
        from fourfold.studies.network_study import NetworkStudy
        from fourfold.studies.shift import ShiftStudy
        from fourfold.studies.transfer import TransferStudy

        check_folder(output, PAGES)
        Computer(threads=threads).set_up()
        kinds: dict[str, type[NetworkStudy]] = {"losses": LossesStudy, "shift": ShiftStudy, "transfer": TransferStudy}
        carry_out(lambda: kinds[name].from_file(study), output, json)

    command.__doc__ = description + _PARAMETERS.format(name=name)
    return command


study_losses = _command(
    "losses",
    """Train several networks with several losses on the same data, and compare the images.

The study of Ghodrati et al. (2019) on your data. The folder of the output then holds `index.html` with
quartiles, tests and findings, these as CSV, the figures as PNG, `scores.csv` with the scores of every image, and
in `networks/` the weights of every network.
""",
)

study_shift = _command(
    "shift",
    """Train a network on each image group, or take existing weights, and test all networks on all groups.

Every network stands beside the one that was trained on the group, beside classical methods and zero-filling. The
folder of the output then holds `index.html` with tables, figures and findings, these as CSV and PNG, `scores.csv`
with the scores of every image, and in `networks/` the weights.
""",
)

study_transfer = _command(
    "transfer",
    """Train networks on one image group, tune them to another with few images, and compare them with classical methods.

The study of Dar et al. (2018) on your data: the grid of training group, number of images for training and
for tuning. The folder of the output then holds `index.html` with all tables, figures and findings, these as CSV
and PNG, `scores.csv` with the scores of every image, and in `networks/` the weights of every network.
""",
)
