"""`fourfold study NAME FILE`: the studies that a settings file describes, a function ``study_<name>`` for each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from fourfold.cli.computer import Computer
from fourfold.cli.files import PAGES, check_folder
from fourfold.cli.flags import OUTPUT, Flag
from fourfold.discovery import studies_with_settings

_HELP = """

The folder of the output then holds `index.html` with tables, figures and findings, these as CSV and PNG, `scores.csv`
with the scores of every image, and in `networks/` the weights of every network that the study trained. The same command
resumes an interrupted study. For example:

    fourfold study {name} {name}.yaml -o study

Parameters
----------
study
    YAML file with the settings; docs/studies.md describes them.
output
    Output folder; finished results in it are reused.
threads
    Number of processor threads; torch's default unless given.
workers
    On a CPU: reconstructions side by side, each by one core; auto: as many as cores are free and the memory holds, but
    no more than threads. The results do not depend on it.
json
    Print tables and findings on stdout as JSON, and nothing else there.
"""


def _command(name: str, kind: str) -> Callable[..., None]:
    """Return the command of the study whose class in the module `name` is `kind`."""

    def command(
        study: Path,
        /,
        *,
        output: Annotated[Path, Parameter(alias="-o", group=OUTPUT)] = Path("fourfold-study"),
        threads: int | None = None,
        workers: int | Literal["auto"] = "auto",
        json: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    ) -> None:
        # Loads torch, which the help does not need.
        from fourfold.cli.study_run import carry_out

        check_folder(output, PAGES)
        Computer(threads=threads).set_up()
        make = getattr(import_module(f"fourfold.studies.{name}"), kind).from_file
        carry_out(lambda: make(study), output, workers, json)

    return command


for _name, (_kind, _description) in studies_with_settings().items():
    globals()[f"study_{_name}"] = _function = _command(_name, _kind)
    _function.__doc__ = _description + _HELP.format(name=_name)
